"""Passages -> questions to try. Pure.

Those that the test sets' templates ask in plain words; and for every other document, in its own
language, what it says under one of its headings.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from evals.writing.choosing import drafts_from
from evals.writing.types import Kind, Source
from generation.injection import commands_in

LONGEST = 120
# What reads like a question that somebody would ask, the best first. Sentences with gaps do not.
_KINDS = (Kind.FACT, Kind.DEFINITION, Kind.TABLE)
_ABOUT = {
    "da": "Hvad står der i »{title}« om »{heading}«?",
    "de": "Was steht in „{title}“ über „{heading}“?",
    "en": "What does “{title}” say about “{heading}”?",
    "es": "¿Qué dice «{title}» sobre «{heading}»?",
    "fr": "Que dit « {title} » sur « {heading} » ?",
    "it": "Che cosa dice «{title}» su «{heading}»?",
    "nl": "Wat staat er in ‘{title}’ over ‘{heading}’?",
    "pt": "O que diz «{title}» sobre «{heading}»?",
    "sv": "Vad står det i ”{title}” om ”{heading}”?",
}
_PARTS = " > "  # of a passage's context: title, headings
_NUMBER = re.compile(r"\A(?:\d+(?:\.\d+)*\.?|[a-zA-Z]\)|§\s?\d+\w?)\s+")
_LEADS_AWAY = re.compile(r"://|www\.|@|\+?\d[\d ]{6,}\d")


class Written(NamedTuple):
    """A question, the document that answers it, and words of its answer; "" where any may be."""

    question: str
    document_id: int
    answer: str


class Material(NamedTuple):
    """A passage to write from, its title and headings, and the language of its document."""

    source: Source
    context: str
    language: str | None


def questions_from(material: Sequence[Material], seed: int) -> list[Written]:
    """Questions that the material should answer, in the order in which to offer them.

    Every document has had its turn before one has its second. In a turn, what has one answer goes
    before what is said under a heading; apart from that the order is that of the material. The same
    material and seed give the same list. Left out is what is too long to offer, gives orders to a
    model, has a character that cannot be seen, or an address or a telephone number, since whoever
    may write a document would then speak to every reader.
    """
    orderless = [one for one in material if not commands_in(one.source.text)]
    by_document: dict[int, list[Written]] = {m.source.document_id: [] for m in orderless}
    drafts = drafts_from([m.source for m in orderless], seed)
    for kind in _KINDS:
        for draft in drafts:
            if draft.kind is kind:
                own = by_document[draft.source.document_id]
                own.append(Written(draft.question, draft.source.document_id, draft.reference))
    for document, asked in _about_headings(orderless).items():
        by_document[document] += asked
    kept = [[one for one in own if _is_fit(one.question)] for own in by_document.values()]
    turns = ([one for one in turn if one is not None] for turn in zip_longest(*kept))
    return [one for turn in turns for one in sorted(turn, key=lambda one: not one.answer)]


def _about_headings(material: Sequence[Material]) -> Mapping[int, list[Written]]:
    found: dict[int, dict[str, Written]] = {}
    for source, context, language in material:
        title, *headings = context.split(_PARTS)
        template = _ABOUT.get(language or "")
        if template is None or not headings:
            continue
        heading = _NUMBER.sub("", headings[-1], count=1).strip()
        if title and heading and heading != title:
            question = template.format(title=title, heading=heading)
            own = found.setdefault(source.document_id, {})
            own.setdefault(question, Written(question, source.document_id, ""))
    return {document: list(asked.values()) for document, asked in found.items()}


def _is_fit(question: str) -> bool:
    return (
        len(question) <= LONGEST
        and question.isprintable()
        and not _LEADS_AWAY.search(question)
        and not commands_in(question)
    )
