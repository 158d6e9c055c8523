"""Search by words: BM25 over the passages, in SQLite's full-text index.

The index is written by triggers inside the transaction that writes a passage, so it is never
behind SQL (docs/decisions/0003).
"""

import json
from collections.abc import Mapping

from sqlalchemy import Engine, bindparam, text
from sqlalchemy.exc import DatabaseError

from retrieval.database import writing
from retrieval.follow_up import Standalone
from retrieval.types import Candidate

# The title and headings count like the text. Not tuned: other weights have not been tried.
_CONTEXT_WEIGHT = 1.0

_SEARCH = text(
    """
    SELECT passages.id, bm25(passages_lexical, :context_weight, 1.0) AS distance
    FROM passages_lexical JOIN passages ON passages.id = passages_lexical.rowid
    WHERE passages_lexical MATCH :query AND passages.collection_id IN :readable
    AND (:revisions IS NULL OR passages.revision_id IN (SELECT value FROM json_each(:revisions)))
    ORDER BY distance, passages.id
    LIMIT :k
    """
).bindparams(bindparam("readable", expanding=True))


def match_expression(weights: Mapping[str, int]) -> str:
    """The full-text query that finds any of the words.

    Every word is quoted, so that nothing a reader types is taken for query syntax. BM25 sums over
    what a query names: a word that is named twice counts twice. Empty when there are no words.

    Args:
        weights: how often each word counts, at least once.
    """
    return " OR ".join(f'"{word}"' for word, weight in weights.items() for _ in range(weight))


class LexicalIndex:
    """BM25 (k1 1.2, b 0.75) over stemmed words of context and text."""

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

        Args:
            revisions: only passages of these; None for all.

        Returns:
            Best first, equal scores by id. Scores are positive, larger is better, and comparable
            only within one search.
        """
        query = match_expression(asked.weights())
        if not query or not readable:
            return []
        values = {
            "query": query,
            "readable": sorted(readable),
            "k": k,
            "context_weight": _CONTEXT_WEIGHT,
            "revisions": None if revisions is None else json.dumps(sorted(revisions)),
        }
        with self._engine.begin() as sql:
            return [Candidate(row.id, -row.distance) for row in sql.execute(_SEARCH, values)]

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
