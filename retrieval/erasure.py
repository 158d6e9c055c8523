"""Is anything left of deleted documents? Asked of every place that a query can reach.

What to look for is noted while the documents are still there: numbers, originals, words and whole
sentences that stand in no other document. Then the same questions are asked again.
"""

import json
import mmap
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Text, func, or_, select, text

from retrieval.database import side_files, write_anew, write_back
from retrieval.originals import Originals
from retrieval.schema import documents, metadata, passages, revisions, vectors

# Sentences and words looked for; of more documents than this only the first are read for them.
MOST_SENTENCES = 8
MOST_WORDS = 20
_MOST_READ = 5
_SENTENCE = re.compile(r"[^\s\"\\][^\n\"\\]{38,118}[^\s\"\\]")
_WORD = re.compile(r"[^\W_]{4,40}")
_MOST_AT_ONCE = 500
# What speaks of documents by number without their words, or is about to be emptied itself.
_OF_THE_CORPUS = frozenset({"documents", "revisions", "passages", "changes"})


class Traces(NamedTuple):
    """What to look for. `sentences` and `words` stand in no other document."""

    document_ids: tuple[int, ...]
    revision_ids: tuple[int, ...]
    passage_ids: tuple[int, ...]
    hashes: tuple[str, ...]
    vectors: int
    sentences: tuple[str, ...]
    words: tuple[str, ...]


class Check(NamedTuple):
    """A place that was asked. `looked_for` counts what was asked for, `found` what is still there.

    `found` None: it could not be asked, and `detail` says why.
    """

    place: str
    looked_for: int
    found: int | None
    detail: str


class Erasure:
    """Notes what is to go, and looks for it afterwards."""

    def __init__(self, engine: Engine, originals: Originals) -> None:
        self._engine = engine
        self._originals = originals

    def traces(self, document_ids: Sequence[int]) -> Traces:
        """What there is of these documents now."""
        ids = tuple(document_ids)
        with self._engine.begin() as sql:
            kept = [
                row
                for some in _portions(ids)
                for row in sql.execute(
                    select(revisions.c.id, revisions.c.sha256).where(
                        revisions.c.document_id.in_(some)
                    )
                )
            ]
            passage_ids = tuple(
                number
                for some in _portions(ids)
                for number in sql.execute(
                    select(passages.c.id).where(passages.c.document_id.in_(some))
                ).scalars()
            )
            embedded = sum(
                sql.execute(select(func.count()).where(vectors.c.passage_id.in_(some))).scalar_one()
                for some in _portions(passage_ids)
            )
            texts = list(
                sql.execute(
                    select(revisions.c.text)
                    .where(revisions.c.document_id.in_(ids[:_MOST_READ]))
                    .order_by(revisions.c.id.desc())
                    .limit(_MOST_READ)
                ).scalars()
            )
            sentences = _own_sentences(sql, texts, ids)
            words = _own_words(sql, texts, frozenset(passage_ids))
        return Traces(
            ids,
            tuple(row.id for row in kept),
            passage_ids,
            tuple(sorted({row.sha256 for row in kept})),
            embedded,
            sentences,
            words,
        )

    def checks(self, traces: Traces) -> list[Check]:
        """Ask SQL, the index of words, the originals and the database's files."""
        with self._engine.begin() as sql:
            asked = [
                *_rows(sql, traces),
                _lexical_rows(sql, traces),
                _lexical_words(sql, traces),
                _mentions(sql, traces),
                _sentences(sql, traces),
                self._kept_originals(sql, traces),
            ]
        return [*asked, self._bytes(traces)]  # not while our own reading would hold up the log

    def _kept_originals(self, sql: Connection, traces: Traces) -> Check:
        found, shared = 0, 0
        for sha256 in traces.hashes:
            used = select(revisions.c.id).where(revisions.c.sha256 == sha256).limit(1)
            if sql.execute(used).scalar() is not None:
                shared += 1
            elif self._originals.path(sha256).exists():
                found += 1
        detail = "files by content"
        if shared:
            detail += f"; {shared} kept, since other documents have the same bytes"
        return Check("original files", len(traces.hashes), found, detail)

    def _bytes(self, traces: Traces) -> Check:
        holding = self._holding(traces.sentences)
        if holding and write_back(self._engine):  # who read has ended since the deletion
            holding = self._holding(traces.sentences)
            # Where SQLite had moved rows between pages, copies may have been left.
            if holding and write_anew(self._engine):
                holding = self._holding(traces.sentences)
        detail = "sentences in the bytes of the database's files"
        if holding:
            detail += f"; still in {', '.join(holding)}: see what is not reached"
        return Check("database files", len(traces.sentences), len(holding), detail)

    def _holding(self, sentences: Sequence[str]) -> list[str]:
        database = Path(self._engine.url.database or "")
        files = [path for path in (database, *side_files(database)) if path.exists()]
        return sorted({path.name for path in files if _holds(path, sentences)})


def _rows(sql: Connection, traces: Traces) -> list[Check]:
    """Are the rows themselves gone?"""
    asked: list[tuple[str, Any, tuple[int, ...], int]] = [
        ("document", documents.c.id, traces.document_ids, len(traces.document_ids)),
        ("revisions", revisions.c.id, traces.revision_ids, len(traces.revision_ids)),
        ("passages", passages.c.id, traces.passage_ids, len(traces.passage_ids)),
        ("vectors in SQL", vectors.c.passage_id, traces.passage_ids, traces.vectors),
    ]
    return [
        Check(
            place,
            looked_for,
            sum(
                sql.execute(select(func.count()).where(column.in_(some))).scalar_one()
                for some in _portions(numbers)
            ),
            "rows by number",
        )
        for place, column, numbers, looked_for in asked
    ]


def _lexical_rows(sql: Connection, traces: Traces) -> Check:
    found = 0
    for some in _portions(traces.passage_ids):
        numbers = ", ".join(str(int(number)) for number in some)
        query = f"SELECT count(*) FROM passages_lexical_docsize WHERE id IN ({numbers})"  # noqa: S608 - whole numbers
        found += sql.execute(text(query)).scalar_one()
    return Check("word index", len(traces.passage_ids), found, "its entries by number")


def _lexical_words(sql: Connection, traces: Traces) -> Check:
    found = sum(bool(_hits_of(sql, word)) for word in traces.words)
    return Check("word index", len(traces.words), found, "words that no other document has")


def _mentions(sql: Connection, traces: Traces) -> Check:
    """Rows elsewhere that name the documents and still have words: quotes, results, cases."""
    found, asked = 0, []
    for table in metadata.sorted_tables:
        if "document_id" not in table.c or table.name in _OF_THE_CORPUS:
            continue
        worded: list[ColumnElement[bool]] = [
            column.isnot(None) & (column != "")
            for column in table.c
            if isinstance(column.type, Text)
        ]
        if not worded:
            continue
        asked.append(table.name)
        for some in _portions(traces.document_ids):
            query = select(func.count()).select_from(table)
            query = query.where(table.c.document_id.in_(some)).where(or_(*worded))
            found += sql.execute(query).scalar_one()
    return Check(
        "what was quoted of it",
        len(traces.document_ids),
        found,
        f"rows with words in {', '.join(asked)}",
    )


def _sentences(sql: Connection, traces: Traces) -> Check:
    """Whole sentences, in every column of text there is."""
    columns = [
        (table, column)
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, Text)
    ]
    holding = []
    for table, column in columns if traces.sentences else ():
        forms = {form for one in traces.sentences for form in (one, json.dumps(one)[1:-1])}
        query = select(func.count()).select_from(table)
        query = query.where(or_(*(func.instr(column, form) > 0 for form in sorted(forms))))
        if count := sql.execute(query).scalar_one():
            holding.append((f"{table.name}.{column.name}", count))
    detail = f"in each of {len(columns)} columns of text"
    if not traces.sentences:
        detail = "none of its sentences stands in it alone: nothing could be looked for"
    if holding:
        detail += "; found in " + ", ".join(f"{place} ({count})" for place, count in holding)
    found = sum(count for _, count in holding)
    return Check("sentences of it", len(traces.sentences), found, detail)


def _own_sentences(sql: Connection, texts: Sequence[str], ids: tuple[int, ...]) -> tuple[str, ...]:
    """Sentences of these texts that stand in no other document's."""
    own = []
    for sentence in _spread([m.group() for one in texts for m in _SENTENCE.finditer(one)]):
        elsewhere = select(revisions.c.id).where(func.instr(revisions.c.text, sentence) > 0)
        others = elsewhere.where(revisions.c.document_id.notin_(ids[:_MOST_AT_ONCE])).limit(1)
        if sql.execute(others).first() is None:
            own.append(sentence)
    return tuple(own)


def _own_words(
    sql: Connection, texts: Sequence[str], passage_ids: frozenset[int]
) -> tuple[str, ...]:
    """Words that the index knows from these passages alone; the longest are tried."""
    words = {match.group().lower() for one in texts for match in _WORD.finditer(one)}
    own = []
    for word in sorted(words, key=lambda one: (-len(one), one))[: 3 * MOST_WORDS]:
        hits = _hits_of(sql, word, most=len(passage_ids) + 1)
        if hits and hits <= passage_ids:
            own.append(word)
        if len(own) == MOST_WORDS:
            break
    return tuple(own)


def _hits_of(sql: Connection, word: str, most: int = 1) -> set[int]:
    query = text(
        "SELECT rowid FROM passages_lexical WHERE passages_lexical MATCH :word LIMIT :most"
    )
    return set(sql.execute(query, {"word": f'"{word}"', "most": most}).scalars())


def _spread(found: Sequence[str]) -> list[str]:
    """Some of them, from the beginning to the end."""
    unlike = list(dict.fromkeys(found))
    step = max(1, len(unlike) // MOST_SENTENCES)
    return unlike[::step][:MOST_SENTENCES]


def _portions(numbers: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """A database takes only so many values in a statement."""
    for start in range(0, len(numbers), _MOST_AT_ONCE):
        yield tuple(numbers[start : start + _MOST_AT_ONCE])


def _holds(path: Path, sentences: Iterable[str]) -> bool:
    with (
        suppress(OSError, ValueError),  # an empty file cannot be mapped
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return any(content.find(sentence.encode()) >= 0 for sentence in sentences)
    return False
