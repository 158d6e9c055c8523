"""Lessons written one by one: passages of many kinds of documents, with questions about each.

A file of `lessons/` holds a passage a line: `title`, `text`, and `asked`, pairs of a question and
the words of the text that answer it, or null where it only looks as if it did. They were written in
three rounds, `lessons/1` to `lessons/3`; see DATA.md.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.answer_finding.questions import Asked

LESSONS = Path(__file__).with_name("lessons")
ROUNDS = (1, 2, 3)


def written_questions(rounds: Sequence[int] = ROUNDS, *, folder: Path = LESSONS) -> Iterator[Asked]:
    """All questions of `rounds`, as `read_written` reads them."""
    for number in rounds:
        for path in sorted(folder.glob(f"{number}/*.jsonl")):
            yield from read_written(path)


def read_written(path: Path) -> Iterator[Asked]:
    """The questions of a file; an answer's span is where its words first stand in the text.

    Raises:
        ValueError: words that answer are not in the text; names the file and the line.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        row = json.loads(line)
        text = row["text"]
        for question, words in row["asked"]:
            start = text.find(words) if words else -1
            if words is not None and start < 0:
                raise ValueError(f"{path.name}, line {number}: the text has no {words!r}")
            answers = () if words is None else ((start, start + len(words)),)
            yield Asked(question, text, answers, row["title"])
