"""Labelled rows, made into the examples the model learns from.

A row is {ds, lic, gran, context, question, claim, label (1 = supported), unsup_spans?, src?, task?}
in train.jsonl.gz and dev.jsonl.gz of the groundedness collection.
"""

import difflib
import gzip
import hashlib
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.groundedness.evidence import response_spans

Span = tuple[int, int]
# Sets in which "not supported" means that the evidence says the opposite.
_REFUTED = {"fever_symmetric", "fool_me_twice"}
# Sets in which it means that the evidence does not say so.
_UNSAID = {"begin_cmu", "begin_tc", "begin_wow"}
IN_DOMAIN = "ragtruth_trainsplit"


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence to learn from.

    `contradicts` is None when the label does not say whether an unsupported sentence is denied;
    `unsupported` is None when it is not known which words are wrong.
    """

    source: str  # the data set
    group: str  # examples with one group share their evidence: never split over folds
    question: str
    before: str
    evidence: tuple[str, ...]
    sentence: str
    is_supported: bool
    contradicts: bool | None
    unsupported: tuple[Span, ...] | None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All rows of a file; a context that is a list becomes one text."""
    rows = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            row["question"] = row.get("question") or ""
            if not isinstance(row["context"], str):
                row["context"] = "\n\n".join(row["context"])
            if row["context"].strip() and row["claim"].strip():
                rows.append(row)
    return rows


def group_of(row: dict[str, Any]) -> str:
    """What must stay on one side of a split: the source, or else the evidence."""
    if row.get("src"):
        return f"{row['ds']}:{row['src']}"
    return f"{_kind(row)}:{hashlib.sha256(row['context'].encode()).hexdigest()[:16]}"


def _kind(row: dict[str, Any]) -> str:
    """The set, or the sets that share their evidence."""
    return "defacto" if row["ds"].startswith("defacto") else str(row["ds"])


def examples_of(rows: Sequence[dict[str, Any]]) -> Iterator[Example]:
    """Cut responses into sentences, mark what is wrong in them where that is known."""
    corrected = _corrections(rows)
    for row in rows:
        spans = _spans(row, corrected)
        if spans and not row["label"] and not overlaps(row["claim"], spans, 0, len(row["claim"])):
            spans = None
        pieces = response_spans(row["claim"])
        # Nobody knows which sentence of an unmarked wrong response is wrong: it stays whole.
        if not pieces or (spans is None and not row["label"]):
            pieces = [(0, len(row["claim"]))]
        before = ""
        for start, end in pieces:
            yield _example(row, before, start, end, spans)
            before = row["claim"][start:end]


def _example(
    row: dict[str, Any], before: str, start: int, end: int, spans: Sequence[Span] | None
) -> Example:
    own: tuple[Span, ...] | None = None
    is_supported = bool(row["label"])
    if spans is not None:
        found = overlaps(row["claim"], spans, start, end)
        own = tuple((a - start, b - start) for a, b in found)
        is_supported = not own
    elif is_supported:
        own = ()
    contradicts: bool | None = None
    if is_supported or row["ds"] in _UNSAID:
        contradicts = False
    elif row["ds"] in _REFUTED:
        contradicts = True
    return Example(
        row["ds"],
        group_of(row),
        row["question"],
        before,
        (row["context"],),
        row["claim"][start:end],
        is_supported,
        contradicts,
        own,
    )


def overlaps(text: str, spans: Iterable[Sequence[int]], start: int, end: int) -> list[Span]:
    """What of `spans` lies within text[start:end]; a stray letter or mark does not count."""
    within = ((max(span[0], start), min(span[1], end)) for span in spans)
    return [(a, b) for a, b in within if _says_something(text[a:b])]


def _says_something(text: str) -> bool:
    """A digit does, or two letters; a stray letter or mark is a slip of whoever marked it."""
    return any(map(str.isdigit, text)) or sum(map(str.isalnum, text)) >= 2


def _spans(row: dict[str, Any], corrected: dict[str, list[str]]) -> list[Span] | None:
    """The wrong parts of a claim: marked, or what differs from its nearest correct version."""
    if row["label"]:
        return []
    if row.get("unsup_spans"):
        return [(int(a), int(b)) for a, b in row["unsup_spans"]]
    versions = corrected.get(_family(row), [])
    best: list[Span] | None = None
    for version in versions:
        found = changed(version, row["claim"])
        if found and (best is None or _size(found) < _size(best)):
            best = found
    # A rewrite says nothing about which words were wrong.
    if best is None or _size(best) > 0.4 * len(row["claim"]):
        return None
    return best


def _size(spans: Iterable[Span]) -> int:
    return sum(end - start for start, end in spans)


def _family(row: dict[str, Any]) -> str:
    """Versions of one summary share this."""
    return f"{_kind(row)}:{hashlib.sha256(row['context'].encode()).hexdigest()}"


def _corrections(rows: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["label"] and row["ds"].startswith(("summedits", "defacto")):
            found[_family(row)].append(row["claim"])
    return found


def changed(original: str, altered: str) -> list[Span]:
    """Which words of `altered` are not in `original` at their place; code points in `altered`.

    Where words were only left out, the word after the gap is marked.
    """
    old, new = (list(re.finditer(r"\w+|[^\w\s]", text)) for text in (original, altered))
    matcher = difflib.SequenceMatcher(
        None, [m.group() for m in old], [m.group() for m in new], autojunk=False
    )
    spans = []
    for tag, _, _, start, end in matcher.get_opcodes():
        if tag == "delete" and start < len(new):
            end = start + 1
        if tag != "equal" and end > start:
            spans.append((new[start].start(), new[end - 1].end()))
    return spans


def capped(examples: Sequence[Example], caps: dict[str, int], seed: int) -> list[Example]:
    """At most so many examples of each set, both labels alike where there are enough.

    A set that is not named is kept whole.
    """
    chooser = random.Random(seed)
    by_set: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_set[example.source].append(example)
    kept: list[Example] = []
    for source, found in sorted(by_set.items()):
        cap = caps.get(source, len(found))
        if cap >= len(found):
            kept.extend(found)
            continue
        chooser.shuffle(found)
        right = [example for example in found if example.is_supported]
        wrong = [example for example in found if not example.is_supported]
        n = min(len(wrong), max(cap // 2, cap - len(right)))
        kept.extend(wrong[:n] + right[: cap - n])
    return kept
