"""Search by words: BM25 over the passages, in SQLite's full-text index.

The index is written by triggers inside the transaction that writes a passage, so it is never
behind SQL (docs/decisions/0003).
"""

import json
import logging
import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, bindparam, select, text
from sqlalchemy.exc import DatabaseError

from retrieval.database import writing
from retrieval.follow_up import Standalone
from retrieval.matching import match_expression, scoped
from retrieval.schema import collections
from retrieval.types import Candidate

_logger = logging.getLogger(__name__)
# The title and headings count like the text. Parts of names and stems, of which there are many,
# count half: chosen on SciFact's training questions (docs/decisions/0037). A collection counts
# nothing.
_WEIGHTS = {"context": 1.0, "text": 1.0, "words": 0.5, "scope": 0.0}
# More collections than this are looked up passage by passage: as words they would take longer.
_MOST_SCOPES = 16

_SEARCH = text(
    """
    SELECT rowid AS id, bm25(passages_lexical, :context, :text, :words, :scope) AS distance
    FROM passages_lexical
    WHERE passages_lexical MATCH :query
    ORDER BY distance, rowid
    LIMIT :k
    """
)
_SEARCH_AMONG = text(
    """
    SELECT passages.id, bm25(passages_lexical, :context, :text, :words, :scope) AS distance
    FROM passages_lexical JOIN passages ON passages.id = passages_lexical.rowid
    WHERE passages_lexical MATCH :query AND passages.collection_id IN :readable
    AND (:revisions IS NULL OR passages.revision_id IN (SELECT value FROM json_each(:revisions)))
    ORDER BY distance, passages.id
    LIMIT :k
    """
).bindparams(bindparam("readable", expanding=True))


class LexicalIndex:
    """BM25 (k1 1.2, b 0.75) over stemmed words of context and text, parts of names, and stems."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def search(
        self,
        asked: Standalone,
        *,
        readable: frozenset[int],
        k: int,
        revisions: frozenset[int] | None = None,
    ) -> list[Candidate]:
        """The best `k` passages of the readable collections that share a word with the question.

        An index that SQLite finds damaged is made again from the passages first.

        Args:
            revisions: only passages of these; None for all.

        Returns:
            Best first, equal scores by id. Scores are positive, larger is better, and comparable
            only within one search.
        """
        query = match_expression(asked)
        if not query or not readable:
            return []
        return self._mended(lambda: self._found(query, readable, k, revisions))

    def _found(
        self, query: str, readable: frozenset[int], k: int, revisions: frozenset[int] | None
    ) -> list[Candidate]:
        values: dict[str, Any] = {"query": query, "k": k, **_WEIGHTS}
        with self._engine.begin() as sql:
            statement = _SEARCH
            if revisions is not None or len(readable) > _MOST_SCOPES:
                statement = _SEARCH_AMONG
                values["readable"] = sorted(readable)
                values["revisions"] = None if revisions is None else json.dumps(sorted(revisions))
            elif not readable.issuperset(sql.execute(select(collections.c.id)).scalars()):
                values["query"] = scoped(query, readable)
            return [Candidate(row.id, -row.distance) for row in sql.execute(statement, values)]

    def _mended(self, search: Callable[[], list[Candidate]]) -> list[Candidate]:
        try:
            return search()
        except DatabaseError as error:
            if not _is_damage(error):
                raise
            _logger.warning("the lexical index is damaged (rebuilt from the passages now)")
        self.rebuild()
        return search()

    def problem(self) -> str | None:
        """What is wrong with the index, compared with every passage; None if nothing."""
        try:
            with writing(self._engine) as sql:
                # rank 1: compare with the content table too, not only with itself
                sql.execute(
                    text(
                        "INSERT INTO passages_lexical(passages_lexical, rank) "
                        "VALUES ('integrity-check', 1)"
                    )
                )
        except DatabaseError as error:
            return f"the lexical index does not match the passages ({error.orig})"
        return None

    def rebuild(self) -> None:
        """Make the index again from the passages."""
        with writing(self._engine) as sql:
            sql.execute(text("INSERT INTO passages_lexical(passages_lexical) VALUES ('rebuild')"))


def _is_damage(error: DatabaseError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_CORRUPT
