"""Questions of SQuAD 2 in BEIR form, split by article: for training, for fitting, for reporting.

Of the articles by name every second is for reporting; the answer finder and the answer gauge were
trained on the others but two, and what stands behind them is fitted on those two.
"""

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

FITTING = frozenset(("European_Union_law", "Normans"))


@dataclass(frozen=True, slots=True)
class SquadQuestion:
    """A question on one paragraph; `answers` is empty when that paragraph does not answer it."""

    id: str
    text: str
    answers: tuple[str, ...]
    paragraph: str

    @property
    def is_answerable(self) -> bool:
        return bool(self.answers)


def sample_questions(folder: Path, *, n: int, seed: int, for_fitting: bool) -> list[SquadQuestion]:
    """`n` answerable and `n` unanswerable questions, or as many as there are."""
    rows = _rows(folder / "queries.jsonl")
    texts = {row["_id"]: row["text"] for row in _rows(folder / "corpus.jsonl")}
    articles = sorted({identifier.split("#")[0] for identifier in texts})
    wanted = FITTING if for_fitting else frozenset(articles[1::2])
    questions = [
        SquadQuestion(
            row["_id"],
            row["text"],
            tuple(row["metadata"]["answers"]) if not row["metadata"]["is_impossible"] else (),
            texts[row["metadata"]["paragraph"]],
        )
        for row in rows
        if row["metadata"]["paragraph"].split("#")[0] in wanted
    ]
    chooser = random.Random(seed)
    halves = ([q for q in questions if q.is_answerable == kind] for kind in (True, False))
    return [question for half in halves for question in chooser.sample(half, min(n, len(half)))]


def holds_answer(text: str, answers: tuple[str, ...]) -> bool:
    """Whether one of the answers is in the text, case and punctuation aside."""
    padded = f" {normalised(text)} "
    return any(f" {normalised(answer)} " in padded for answer in answers)


def holds_paragraph(passage: str, paragraph: str) -> bool:
    """Whether a passage is from a paragraph: they share a long run of words."""
    words, whole = normalised(passage).split(), f" {normalised(paragraph)} "
    run = 12
    runs = range(0, max(1, len(words) - run + 1), run // 2)
    return any(f" {' '.join(words[i : i + run])} " in whole for i in runs)


def normalised(text: str) -> str:
    """Lower case, letters and digits only, single spaces."""
    return " ".join(re.sub(r"[^\w ]", " ", text.lower()).split())


def _rows(path: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
