"""Questions with the text that answers them, or does not: read, and made from those.

What is made is made unanswerable: the question is asked of another paragraph of its article, the
sentence that holds the answer is taken away, or one thing in the question is exchanged.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from generation.groundedness.evidence import unit_spans
from training.groundedness.edits import (
    change_date,
    change_name,
    change_number,
    change_unit,
    flip,
)

_EDITS = (change_date, change_name, change_name, change_number, change_unit, flip, flip)
# Of so many answerable questions one more is made of each kind.
_ONE_IN = 4
_PREFIX = 80  # characters by which a paragraph is known again


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and a text; `answers` are spans (code points) of the text, none when it does not
    answer the question. Questions of one `group` are about one subject."""

    question: str
    text: str
    answers: tuple[tuple[int, int], ...]
    group: str


def squad(folder: Path, *, for_fitting: bool) -> list[Asked]:
    """SQuAD 2's questions with their own paragraphs, of every second article by name or the others.

    The split is that of `benchmarks.squad`: nothing is reported on articles that are for fitting.
    """
    articles = json.loads((folder / "dev-v2.0.json").read_text(encoding="utf-8"))["data"]
    fitting = set(sorted(article["title"] for article in articles)[::2])
    return [
        Asked(
            question["question"],
            paragraph["context"],
            () if question["is_impossible"] else _spans(question["answers"]),
            article["title"],
        )
        for article in articles
        if (article["title"] in fitting) == for_fitting
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]


def xquad(folder: Path, apart_from: Sequence[str]) -> Iterator[Asked]:
    """XQuAD's questions, all of them answerable, but those about paragraphs of `apart_from`."""
    known = {text[:_PREFIX] for text in apart_from}
    texts = {row["_id"]: row["text"] for row in _rows(folder / "corpus.jsonl")}
    asked = {row["_id"]: row for row in _rows(folder / "queries.jsonl")}
    (judged,) = (folder / "qrels").glob("*.tsv")
    for line in judged.read_text(encoding="utf-8").splitlines()[1:]:
        query, paragraph, _ = line.split("\t")
        text = texts[paragraph]
        answer = asked[query]["metadata"]["answers"][0]
        start = text.find(answer)
        if text[:_PREFIX] not in known and start >= 0:
            yield Asked(
                asked[query]["text"], text, ((start, start + len(answer)),), f"xquad {paragraph}"
            )


def made_unanswerable(rows: Sequence[Asked], rng: random.Random) -> Iterator[Asked]:
    """Unanswerable ones, made from a share of the answerable."""
    by_group: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_group[row.group].append(row.text)
    for row in rows:
        if not row.answers:
            continue
        if rng.random() < 1 / _ONE_IN:
            yield from _elsewhere(row, by_group[row.group], rng)
        if rng.random() < 1 / _ONE_IN:
            yield from _without_its_sentence(row)
        if rng.random() < 1 / _ONE_IN:
            yield from _asked_otherwise(row, rng)


def _elsewhere(row: Asked, texts: Sequence[str], rng: random.Random) -> Iterator[Asked]:
    answers = [row.text[start:end].lower() for start, end in row.answers]
    others = [text for text in texts if text != row.text]
    if others and not any(answer in (text := rng.choice(others)).lower() for answer in answers):
        yield replace(row, text=text, answers=())


def _without_its_sentence(row: Asked) -> Iterator[Asked]:
    answers = [row.text[start:end].lower() for start, end in row.answers]
    kept = [
        row.text[start:end]
        for start, end in unit_spans(row.text)
        if not any(answer in row.text[start:end].lower() for answer in answers)
    ]
    if kept:
        yield replace(row, text=" ".join(kept), answers=())


def _asked_otherwise(row: Asked, rng: random.Random) -> Iterator[Asked]:
    for edit in rng.sample(_EDITS, len(_EDITS)):
        if changed := edit(rng, row.question, row.text):
            yield replace(row, question=changed[0], answers=())
            return


def _spans(answers: Sequence[dict[str, Any]]) -> tuple[tuple[int, int], ...]:
    found = {(one["answer_start"], one["answer_start"] + len(one["text"])) for one in answers}
    return tuple(sorted(found))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
