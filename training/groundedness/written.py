"""Overviews written from records, made into examples."""

import json
import random
from collections.abc import Iterable, Iterator
from typing import Any

from generation.groundedness.context import evidence_of
from training.groundedness.records import Overview
from training.groundedness.rows import Example

RECORD = "made:record"


def examples_of_overviews(found: Iterable[Overview], seed: int) -> Iterator[Example]:
    """A sentence each; the record as lines, as JSON, or the way Python prints it."""
    rng = random.Random(seed)
    for place, overview in enumerate(found):
        evidence = _shown(rng, overview.record)
        before = ""
        for written in overview.sentences:
            yield Example(
                source=RECORD,
                group=f"record:{place}",
                question="",
                before=before,
                evidence=evidence,
                sentence=written.text,
                is_supported=written.is_supported,
                contradicts=written.contradicts,
                unsupported=written.unsupported,
            )
            before = written.text


def responses_of_overviews(found: Iterable[Overview], seed: int) -> Iterator[dict[str, Any]]:
    """Whole overviews as rows of development data: sentences that are wrong are marked."""
    rng = random.Random(seed)
    for place, overview in enumerate(found):
        claim, spans = "", []
        for written in overview.sentences:
            claim += " " * bool(claim)
            spans += [[len(claim) + a, len(claim) + b] for a, b in written.unsupported]
            claim += written.text
        yield {
            "ds": RECORD,
            "task": RECORD,
            "src": f"record:{place}",
            "question": "",
            "context": _shown(rng, overview.record),
            "claim": claim,
            "label": int(not spans),
            "unsup_spans": spans,
        }


def _shown(rng: random.Random, record: dict[str, Any]) -> tuple[str, ...]:
    kind = rng.random()
    if kind < 0.6:
        return evidence_of(record)
    return (json.dumps(record, ensure_ascii=False),) if kind < 0.8 else (str(record),)
