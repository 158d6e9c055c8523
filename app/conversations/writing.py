"""Rows of an answer while it is made. Called inside a write transaction."""

from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, insert, select

from app.conversations.schema import answer_quotes, answer_sentences, answer_sources
from app.conversations.types import Drafts, Facts
from generation.types import Answer, AssayedSentence
from retrieval.schema import documents
from retrieval.types import Hit

FACTS = TypeAdapter(Facts)
DRAFTS = TypeAdapter(Drafts)
NEAREST = -1  # as the sentence of a quote
_NO_COLLECTION = 0  # of a document that was gone before it was kept; nobody reads it


def add_sources(sql: Connection, answer_id: int, found: Sequence[tuple[int, int]]) -> None:
    """Note (document, collection) pairs as sources; those that are noted already stay."""
    known = set(
        sql.execute(
            select(answer_sources.c.document_id).where(answer_sources.c.answer_id == answer_id)
        ).scalars()
    )
    rows = [
        {"answer_id": answer_id, "document_id": document, "collection_id": collection}
        for document, collection in dict(found).items()
        if document not in known
    ]
    if rows:
        sql.execute(insert(answer_sources), rows)


def add_sentence(sql: Connection, answer_id: int, position: int, sentence: AssayedSentence) -> None:
    """Keep a sentence and its quotes, without the words of documents that are gone by now.

    A document can be deleted while an answer is made of it: the trigger has run by then.
    """
    cited = {citation.document_id for citation in sentence.citations}
    add_sources(sql, answer_id, _collections(sql, cited))
    collections = _sources(sql, answer_id)
    gone = _gone(sql, collections) | (cited - collections.keys())
    is_lost = bool(cited & gone) or (not cited and bool(gone))
    sql.execute(
        insert(answer_sentences).values(
            answer_id=answer_id,
            position=position,
            text=None if is_lost else sentence.text,
            origin=sentence.origin.value,
            verdict=sentence.verdict.value,
            score=sentence.score,
        )
    )
    rows = [
        {
            "answer_id": answer_id,
            "sentence": position,
            "number": number,
            "passage_id": citation.passage_id,
            "document_id": citation.document_id,
            "revision_id": citation.revision_id,
            "collection_id": collections.get(citation.document_id, _NO_COLLECTION),
            "document": None if citation.document_id in gone else citation.document,
            "page": citation.page,
            "start": citation.start,
            "end": citation.end,
            "quote": None if citation.document_id in gone else citation.quote,
            "score": None,
        }
        for number, citation in enumerate(sentence.citations)
    ]
    if rows:
        sql.execute(insert(answer_quotes), rows)


def replace_sentences(sql: Connection, answer_id: int, answer: Answer) -> None:
    """Keep the sentences of the whole answer, or what came nearest, for those kept so far."""
    for table in (answer_sentences, answer_quotes):
        sql.execute(delete(table).where(table.c.answer_id == answer_id))
    for position, sentence in enumerate(answer.sentences):
        add_sentence(sql, answer_id, position, sentence)
    if answer.abstained:
        _add_nearest(sql, answer_id, answer.nearest)


def has_lost_a_source(sql: Connection, answer_id: int) -> bool:
    """Whether a document it may have been made of is gone."""
    return bool(_gone(sql, _sources(sql, answer_id)))


def facts_of(answer: Answer, verifier_version: str) -> Facts:
    """What is kept of how an answer was made."""
    return Facts(
        abstained=answer.abstained,
        answerability=answer.answerability,
        usage=answer.usage,
        timings=answer.timings,
        engine=answer.engine,
        decoding=answer.decoding,
        prompt_version=answer.prompt_version,
        verifier_version=verifier_version,
        change_number=answer.change_number,
        finish_reason=answer.finish_reason,
        language=answer.language,
        evidence=answer.evidence,
        left_out=answer.left_out,
        policy=answer.policy,
        struck=answer.struck,
        standalone=answer.standalone or answer.question,
        is_small_talk=answer.is_small_talk,
        said=None if answer.sentences else answer.text,
        encoder=answer.encoder,
        finder=answer.finder,
        search=answer.search,
        code=answer.code,
        answering=answer.answering,
    )


def _add_nearest(sql: Connection, answer_id: int, nearest: Sequence[Hit]) -> None:
    gone = _gone(sql, {hit.document.id: hit.document.collection_id for hit in nearest})
    rows = [
        {
            "answer_id": answer_id,
            "sentence": NEAREST,
            "number": number,
            "passage_id": hit.passage.id,
            "document_id": hit.document.id,
            "revision_id": hit.passage.revision_id,
            "collection_id": hit.passage.collection_id,
            "document": None if hit.document.id in gone else hit.document.name,
            "page": hit.passage.page,
            "start": hit.passage.start,
            "end": hit.passage.end,
            "quote": None if hit.document.id in gone else hit.passage.text,
            "score": hit.score,
        }
        for number, hit in enumerate(nearest)
    ]
    if rows:
        sql.execute(insert(answer_quotes), rows)


def _sources(sql: Connection, answer_id: int) -> dict[int, int]:
    """Document -> its collection."""
    rows = sql.execute(
        select(answer_sources.c.document_id, answer_sources.c.collection_id).where(
            answer_sources.c.answer_id == answer_id
        )
    )
    return {row.document_id: row.collection_id for row in rows}


def _collections(sql: Connection, document_ids: Iterable[int]) -> list[tuple[int, int]]:
    """(document, its collection) of those that are there."""
    known = select(documents.c.id, documents.c.collection_id)
    rows = sql.execute(known.where(documents.c.id.in_(document_ids)))
    return [(row.id, row.collection_id) for row in rows]


def _gone(sql: Connection, sources: dict[int, int]) -> frozenset[int]:
    there = sql.execute(select(documents.c.id).where(documents.c.id.in_(sources))).scalars()
    return frozenset(sources) - frozenset(there)
