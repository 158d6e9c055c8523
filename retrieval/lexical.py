"""Search by words: BM25 over the passages, in SQLite's full-text index.

The index is written by triggers inside the transaction that writes a passage, so it is never
behind SQL (docs/decisions/0003).
"""

import re

from sqlalchemy import Engine, bindparam, text
from sqlalchemy.exc import DatabaseError

from retrieval.database import writing
from retrieval.types import Candidate

_WORD = re.compile(r"\w+")
# In nearly every passage, so they cost time and say nothing. Kept when a question has no others.
_STOP_WORDS = frozenset(
    "a about an and any are as at be been but by can could did do does for from had has have how i "
    "if in into is it its me my of on or our shall should so some such than that the their them "
    "then there these they this to us was we were what when where which who whom whose why will "
    "with would you your".split()
)
# The title and headings count like the text. Not tuned: other weights have not been tried.
_CONTEXT_WEIGHT = 1.0

_SEARCH = text(
    """
    SELECT passages.id, bm25(passages_lexical, :context_weight, 1.0) AS distance
    FROM passages_lexical JOIN passages ON passages.id = passages_lexical.rowid
    WHERE passages_lexical MATCH :query AND passages.collection_id IN :readable
    ORDER BY distance, passages.id
    LIMIT :k
    """
).bindparams(bindparam("readable", expanding=True))


def match_expression(question: str) -> str:
    """The full-text query that finds any of the question's words.

    Every word is quoted, so that nothing a reader types is taken for query syntax. Empty when the
    question has no words.
    """
    words = dict.fromkeys(word.lower() for word in _WORD.findall(question))
    telling = [word for word in words if word not in _STOP_WORDS]
    return " OR ".join(f'"{word}"' for word in telling or words)


class LexicalIndex:
    """BM25 (k1 1.2, b 0.75) over stemmed words of context and text."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def search(self, question: str, *, readable: frozenset[int], k: int) -> list[Candidate]:
        """The best `k` passages of the readable collections that share a word with the question.

        Returns:
            Best first, equal scores by id. Scores are positive, larger is better, and comparable
            only within one search.
        """
        query = match_expression(question)
        if not query or not readable:
            return []
        values = {
            "query": query,
            "readable": sorted(readable),
            "k": k,
            "context_weight": _CONTEXT_WEIGHT,
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
