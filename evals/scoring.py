"""From what was observed of a case to its values. Pure: nothing is judged again, or fetched."""

from collections.abc import Callable, Mapping, Sequence

from evals.metrics.answers import containment, exact_match, token_f1
from evals.metrics.matching import Ranked, is_match, ranked
from evals.metrics.retrieval import (
    context_precision,
    context_recall,
    hit,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
)
from evals.metrics.sentences import (
    citation_coverage,
    citation_exactness,
    citation_precision,
    contradicted,
    faithfulness,
    generated_faithfulness,
    hallucinated,
)
from evals.types import Case, Expectation, Observation, SeenCitation

_FIRST = 5
_DEPTH = 10


def values_of(
    case: Case,
    seen: Observation,
    passages: Sequence[str],
    *,
    is_exact: Callable[[SeenCitation], bool],
    similarity: Callable[[str, Sequence[str]], float] | None,
) -> dict[str, float | None]:
    """The values of a case. One that is not defined for it is left out, never 0.

    A case that expects an abstention has no values of retrieval, of its answer's words, nor of
    what its citations lead to: nothing would be right. One that should be answered and was
    declined has 0 for its words. An abstention says nothing, so nothing of it is (un)grounded.

    Args:
        passages: `passages[i]` is the text of `seen.retrieved[i]`.
        is_exact: whether a citation's quote is the revision's text at its offsets.
        similarity: cosine of the answer's vector and the nearest reference's; None: not measured.

    Raises:
        ValueError: there is not one text for each passage.
    """
    values = {
        **_retrieval(case, seen, passages),
        **_answer(case, seen, similarity),
        **_sentences(case, seen, passages, is_exact),
        "abstained": float(seen.abstained),
        "answerability": seen.answerability,
        "seconds": seen.seconds,
        "first_token_seconds": seen.first_token_seconds,
        "prompt_tokens": float(seen.prompt_tokens),
        "completion_tokens": float(seen.completion_tokens),
    }
    return {name: value for name, value in values.items() if value is not None}


def _retrieval(case: Case, seen: Observation, passages: Sequence[str]) -> dict[str, float | None]:
    ranking = ranked(seen.retrieved, passages, case.relevant)
    if case.expectation is Expectation.ABSTAIN or not case.relevant:
        return {}
    relevance, first = ranking.relevance, ranking.one_each()
    return {
        "hit_at_5": hit(first, relevance, k=_FIRST),
        "recall_at_5": _recall_at(ranking, _FIRST),
        "precision_at_5": precision(first, relevance, k=_FIRST),
        "mrr": reciprocal_rank(first, relevance, k=_DEPTH),
        "ndcg": _ndcg_at(ranking, _DEPTH),
        "context_precision": context_precision(ranking.is_relevant),
        "context_recall": context_recall(ranking.all_of(len(ranking.places)), relevance),
    }


def _recall_at(ranking: Ranked, k: int) -> float | None:
    found = ranking.all_of(k)
    return recall(found, ranking.relevance, k=len(found))


def _ndcg_at(ranking: Ranked, k: int) -> float | None:
    """nDCG of the first `k` places; things found in one passage take one place after the other."""
    found = ranking.all_of(k)
    return ndcg(found, ranking.relevance, k=max(k, len(found)))


def _answer(
    case: Case, seen: Observation, similarity: Callable[[str, Sequence[str]], float] | None
) -> dict[str, float | None]:
    if case.expectation is Expectation.ABSTAIN or not case.references:
        return {}
    metrics: dict[str, Callable[[str, Sequence[str]], float | None]] = {
        "exact_match": exact_match,
        "token_f1": token_f1,
        "containment": containment,
    }
    if similarity is not None:
        # Below 0 an answer has nothing to do with the reference: it is not worse than no answer.
        metrics["semantic_similarity"] = lambda said, wanted: min(
            1.0, max(0.0, similarity(said, wanted))
        )
    if seen.abstained:
        return dict.fromkeys(metrics, 0.0)
    return {name: metric(seen.text, case.references) for name, metric in metrics.items()}


def _sentences(
    case: Case,
    seen: Observation,
    passages: Sequence[str],
    is_exact: Callable[[SeenCitation], bool],
) -> dict[str, float | None]:
    values = {
        "faithfulness": faithfulness(seen.sentences),
        "generated_faithfulness": generated_faithfulness(seen.sentences),
        "hallucinated": hallucinated(seen.sentences),
        "contradicted": contradicted(seen.sentences),
        "citation_exactness": citation_exactness(seen.sentences, is_exact),
        "citation_coverage": citation_coverage(seen.sentences),
    }
    if case.relevant and case.expectation is not Expectation.ABSTAIN:
        places = {
            place.passage_id: (place.path, text)
            for place, text in zip(seen.retrieved, passages, strict=True)
        }
        values["citation_precision"] = citation_precision(
            seen.sentences, lambda citation: _leads_somewhere(case, citation, places)
        )
    return values


def _leads_somewhere(
    case: Case, citation: SeenCitation, places: Mapping[int, tuple[str, str]]
) -> bool:
    """Whether the cited passage is relevant: by its whole text, by the quote if it is not there."""
    path, text = places.get(citation.passage_id, ("", citation.quote))
    return any(is_match(one, citation.document, path, text) for one in case.relevant)
