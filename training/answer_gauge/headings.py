"""Texts below a title and headings, as the product reads passages. Pure; every word is ours.

What a passage is about often stands above it alone: "either party may end it" answers a question
about the cleaning contract below the heading "Cleaning Contract", and none about the lease of the
hall.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

from training.answer_finding.questions import Asked

_DOCUMENTS = (
    "Cleaning Contract|Hall Lease|Supply Agreement|Catering Contract|Storage Agreement|Staff Rules|"
    "Visitor Guide|Workshop Manual|Fleet Policy|Hosting Agreement|Security Contract|Travel Policy|"
    "Site Rules|Consulting Contract|Purchasing Terms|Service Catalogue"
).split("|")
_SECTIONS = (
    "General|Terms|Schedule|Notes|Conditions|Annex|Provisions|Overview|What applies|Summary"
).split("|")
# Of questions below headings so many name the document.
_NAMED = 0.6
# Of those that do, and are answered, so many name another one instead.
_OTHER = 0.25


def below_titles(rows: Iterable[Asked], rng: random.Random) -> Iterator[Asked]:
    """Half of the texts below the name of their subject (`group`), each with all its questions.

    XQuAD's paragraphs have no name, and nearly all of them answer: below none they stand plain, as
    do texts that have headings of their own.
    """
    titled: dict[str, bool] = {}
    for row in rows:
        is_plain = row.group.startswith("xquad ") or " > " in row.text.split("\n", 1)[0]
        if not is_plain and titled.setdefault(row.text, rng.random() < 0.5):
            yield _below(row, f"{row.group.replace('_', ' ')}\n\n")
        else:
            yield row


def below_headings(rows: Iterable[Asked], rng: random.Random) -> Iterator[Asked]:
    """Two of three texts below a document's name and a heading.

    Some questions name the document; some that do name another, and are not answered.
    """
    for row in rows:
        if rng.random() < 1 / 3:
            yield row
            continue
        own, other = rng.sample(_DOCUMENTS, 2)
        code = rng.choice(("", f" {rng.choice('ABCKMP')}{rng.choice('CDTX')}-{rng.randrange(999)}"))
        section = f"{rng.randrange(1, 12)}. {rng.choice(_SECTIONS)}"
        below = _below(row, rng.choice((f"{own}{code} > {section}\n\n", f"{own}{code}\n\n")))
        if rng.random() >= _NAMED:
            yield below
        elif below.answers and rng.random() < _OTHER:
            yield replace(below, question=_naming(row.question, other, rng), answers=())
        else:
            yield replace(below, question=_naming(row.question, own, rng))


def _below(row: Asked, heading: str) -> Asked:
    moved = tuple((start + len(heading), end + len(heading)) for start, end in row.answers)
    return replace(row, text=heading + row.text, answers=moved)


def _naming(question: str, document: str, rng: random.Random) -> str:
    """The question with a document's name in it: instead of "the contract", or after it all."""
    name = f"the {document.lower()}"
    if "the contract" in question:
        return question.replace("the contract", name)
    end = rng.choice(("in", "under", "according to"))
    return f"{question.rstrip('?')} {end} {name}?"
