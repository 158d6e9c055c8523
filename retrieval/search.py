"""A question in, the passages that may answer it out, never one the reader may not read."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder import Encoder, beginnings
from retrieval.follow_up import Standalone, standalone
from retrieval.fusion import weighted_fusion
from retrieval.lexical import LexicalIndex
from retrieval.naming import demoted, names_in
from retrieval.narrowing import EVERY_DOCUMENT, Narrowing
from retrieval.reranker import RERANKED, Reranker, reranked
from retrieval.store import Store
from retrieval.types import CARRIES_ALL, Candidate, Carried, Hit, Mode, embedded_text, unit_rows
from retrieval.vectors.projection import VectorProjection

# How much the mean of earlier questions' vectors weighs beside the question's own.
LENT_SHARE = 0.5


class Searcher:
    """Asks the indexes, fuses their candidates, loads the passages.

    Args:
        reranker: reads the first passages of a hybrid search again; None: fusion decides.
    """

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        vectors: VectorProjection,
        lexical: LexicalIndex,
        *,
        candidates: int = 100,
        reranker: Reranker | None = None,
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._vectors = vectors
        self._lexical = lexical
        self._candidates = candidates
        self._reranker = reranker

    def without_reranker(self) -> "Searcher":
        """The same search, decided by fusion alone."""
        return Searcher(
            self._store, self._encoder, self._vectors, self._lexical, candidates=self._candidates
        )

    @property
    def version(self) -> str:
        """What finds passages beside the encoder: the kind of index, and what reads them again."""
        kind = self._vectors.current().kind.value
        return kind if self._reranker is None else f"{kind}, reranked by {self._reranker.name}"

    def search(
        self,
        question: str,
        *,
        readable: frozenset[int],
        k: int = 10,
        mode: Mode = Mode.HYBRID,
        earlier: Sequence[str] = (),
        within: Narrowing = EVERY_DOCUMENT,
    ) -> list[Hit]:
        """Find the `k` best passages for a question in the readable collections.

        Args:
            readable: collection ids, from `AccessList.readable`.
            within: documents that are wanted among the readable ones.
            earlier: what the same person asked before in this conversation, oldest first.

        Returns:
            Best first. Fewer than `k` when there are not that many; empty for a blank question or
            when nothing is readable. A question longer than the encoder reads is cut there: its
            beginning decides.
        """
        if not question.strip() or not readable:
            return []
        depth = max(k, self._candidates)
        asked = standalone(question, earlier)
        revisions = None
        if not within.is_empty:
            revisions = self._store.revisions_within(within, readable=readable)
        scope = _Scope(readable, depth, revisions)
        dense, own = self._dense(asked, scope) if mode is not Mode.LEXICAL else ([], [])
        lexical = self._lexically(asked, scope, mode) if mode is not Mode.DENSE else []
        ranked = _fused(mode, dense, lexical)
        named: Mapping[int, Carried] = {}
        if mode is Mode.HYBRID:
            named = self._lexical.carried(
                names_in(asked.question), [one.passage_id for one in ranked]
            )
            ranked = demoted(ranked, named)
        if self._reranker is not None and mode is Mode.HYBRID:
            ranked = self._read_again(self._reranker, asked, ranked, readable)
        return self._hits(ranked[:k], dict(own), named, readable)

    def _read_again(
        self,
        reranker: Reranker,
        asked: Standalone,
        ranked: list[Candidate],
        readable: frozenset[int],
    ) -> list[Candidate]:
        first = ranked[:RERANKED]
        located = self._store.located([candidate.passage_id for candidate in first])
        there = {
            candidate: embedded_text(found.passage.context, found.passage.text)
            for candidate in first
            if (found := located.get(candidate.passage_id)) is not None
            and found.passage.collection_id in readable
        }
        scores = reranker.scores(asked.text, list(there.values()))
        return reranked([*there, *ranked[RERANKED:]], scores)

    def _lexically(self, asked: Standalone, scope: "_Scope", mode: Mode) -> list[Candidate]:
        # While the index is looked over or made again, meaning alone answers, if it is asked.
        found = self._lexical.search(
            asked,
            readable=scope.readable,
            k=scope.depth,
            revisions=scope.revisions,
            waits=mode is Mode.LEXICAL,
        )
        return found or []

    def _dense(self, asked: Standalone, scope: "_Scope") -> tuple[list[Candidate], list[Candidate]]:
        """What is nearest to the question as it is searched for, and to the question alone."""
        texts = beginnings([asked.question, *asked.earlier], self._encoder)
        own, *lent = self._encoder.encode(texts)
        alone = self._nearest(own, scope)
        if not lent:
            return alone, alone
        return self._nearest(own + LENT_SHARE * sum(lent) / len(lent), scope), alone

    def _nearest(self, vector: NDArray[np.float32], scope: "_Scope") -> list[Candidate]:
        [query] = unit_rows(vector[None, :])
        return self._vectors.current().search(
            query, readable=scope.readable, k=scope.depth, revisions=scope.revisions
        )

    def _hits(
        self,
        ranked: list[Candidate],
        similarity: dict[int, float],
        named: Mapping[int, Carried],
        readable: frozenset[int],
    ) -> list[Hit]:
        located = self._store.located([candidate.passage_id for candidate in ranked])
        hits = []
        for passage_id, score in ranked:
            found = located.get(passage_id)  # absent: deleted since the index was asked
            if found is not None and found.passage.collection_id in readable:
                near, names = similarity.get(passage_id), named.get(passage_id, CARRIES_ALL)
                hits.append(Hit(found.passage, found.document, score, near, names))
        return hits


class _Scope(NamedTuple):
    """What an index may propose, and how much."""

    readable: frozenset[int]
    depth: int
    revisions: frozenset[int] | None


def _fused(mode: Mode, dense: list[Candidate], lexical: list[Candidate]) -> list[Candidate]:
    if mode is Mode.DENSE:
        return dense
    if mode is Mode.LEXICAL:
        return lexical
    return weighted_fusion(dense, lexical)
