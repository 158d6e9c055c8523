"""Kept answers out of their rows. Called inside a transaction."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, select

from app.conversations.schema import answer_quotes, answer_sentences, answer_sources
from app.conversations.types import Drafts, KeptAnswer, KeptSentence, Quote, State
from app.conversations.writing import DRAFTS, FACTS, NEAREST
from generation.decoding import Decoding
from generation.types import Origin, Verdict
from retrieval.schema import documents, revisions

DECODING = TypeAdapter(Decoding)


def kept_answers(sql: Connection, rows: Sequence[Row[Any]]) -> tuple[KeptAnswer, ...]:
    """The answers of these rows of `answers`, in their order."""
    ids = [row.id for row in rows]
    quotes = _quotes(sql, ids)
    sentences = _sentences(sql, ids, quotes)
    sources: dict[int, set[int]] = defaultdict(set)
    found = select(answer_sources.c.answer_id, answer_sources.c.collection_id)
    for row in sql.execute(found.where(answer_sources.c.answer_id.in_(ids))):
        sources[row.answer_id].add(row.collection_id)
    return tuple(
        KeptAnswer(
            id=row.id,
            conversation_id=row.conversation_id,
            follows=row.follows,
            question=row.question,
            state=State(row.state),
            asked_at=row.asked_at,
            ended_at=row.ended_at,
            collections=frozenset(json.loads(row.collections)),
            decoding=DECODING.validate_json(row.decoding),
            sentences=tuple(sentences[row.id]),
            nearest=tuple(quotes[row.id, NEAREST]),
            facts=None if row.facts is None else FACTS.validate_json(row.facts),
            drafts=Drafts() if row.drafts is None else DRAFTS.validate_json(row.drafts),
            failure=row.failure,
            thumb=row.thumb,
            reason=row.reason,
            comment=row.comment or "",
            sources=frozenset(sources[row.id]),
        )
        for row in rows
    )


def _quotes(sql: Connection, ids: Sequence[int]) -> dict[tuple[int, int], list[Quote]]:
    """(answer, sentence) -> its quotes in order; empty lists for what has none."""
    now, then = revisions.alias(), revisions.alias()
    query = (
        select(
            answer_quotes,
            documents.c.revision_id.label("current"),
            now.c.sha256.label("now"),
            then.c.sha256.label("then"),
        )
        .join(documents, documents.c.id == answer_quotes.c.document_id, isouter=True)
        .join(now, now.c.id == documents.c.revision_id, isouter=True)
        .join(then, then.c.id == answer_quotes.c.revision_id, isouter=True)
        .where(answer_quotes.c.answer_id.in_(ids))
        .order_by(answer_quotes.c.answer_id, answer_quotes.c.sentence, answer_quotes.c.number)
    )
    found: dict[tuple[int, int], list[Quote]] = defaultdict(list)
    for row in sql.execute(query):
        found[row.answer_id, row.sentence].append(
            Quote(
                passage_id=row.passage_id,
                document_id=row.document_id,
                revision_id=row.revision_id,
                collection_id=row.collection_id,
                document=row.document,
                page=row.page,
                start=row.start,
                end=row.end,
                quote=row.quote,
                score=row.score,
                is_changed=row.current is not None and _is_other(row),
                is_deleted=row.current is None,
            )
        )
    return found


def _is_other(row: Row[Any]) -> bool:
    """Whether the document is of other bytes now; one that was only read again is not."""
    is_same = row.now is not None and row.now == row.then
    return row.current != row.revision_id and not is_same


def _sentences(
    sql: Connection, ids: Sequence[int], quotes: dict[tuple[int, int], list[Quote]]
) -> dict[int, list[KeptSentence]]:
    query = (
        select(answer_sentences)
        .where(answer_sentences.c.answer_id.in_(ids))
        .order_by(answer_sentences.c.answer_id, answer_sentences.c.position)
    )
    found: dict[int, list[KeptSentence]] = defaultdict(list)
    for row in sql.execute(query):
        found[row.answer_id].append(
            KeptSentence(
                text=row.text,
                origin=Origin(row.origin),
                verdict=Verdict(row.verdict),
                score=row.score,
                quotes=tuple(quotes[row.answer_id, row.position]),
            )
        )
    return found
