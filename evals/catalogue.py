"""Every metric of a run: what it is called, what it means, which way is better. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, TypeAlias

from evals.judges.names import JUDGES, SPREAD

Unit: TypeAlias = Literal["share", "score", "seconds", "tokens"]
Statistic: TypeAlias = Literal["mean", "median", "p95", "abstention"]

_FAMILIES = {"ragas_": " (ragas)", "judge_": " (judge)"}
# What judges call measures of which less is better, and how far they differ from themselves.
_LOWER_IS_BETTER = ("noise_sensitivity", "hallucination", SPREAD)


class Group(StrEnum):
    """Metrics that are shown together, in this order."""

    RETRIEVAL = "retrieval"
    ANSWER = "answer"
    GROUNDEDNESS = "groundedness"
    CITATIONS = "citations"
    ABSTENTION = "abstention"
    COST = "cost"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a key of a run's summary stands for.

    `of` is the key of the values of a case that it is made from, by `statistic`; "abstention" is
    one of the four that need what a case expected besides. A "share" is in [0, 1]; a "score" is a
    judge's, mostly in [0, 1] too. `higher_is_better` is None only for two values of a case whose
    better direction depends on the case; no key of a summary is like that.
    """

    name: str
    title: str
    meaning: str
    group: Group
    of: str
    unit: Unit = "share"
    statistic: Statistic = "mean"
    higher_is_better: bool | None = True


def _metrics() -> tuple[Metric, ...]:
    return (*_RETRIEVAL, *_ANSWER, *_GROUNDEDNESS, *_CITATIONS, *_ABSTENTION, *_COST)


def _mean(name: str, title: str, meaning: str, group: Group, *, of: str = "") -> Metric:
    return Metric(name, title, meaning, group, of or name)


def _less(name: str, title: str, meaning: str, group: Group, *, of: str) -> Metric:
    return Metric(name, title, meaning, group, of, higher_is_better=False)


def _cost(name: str, title: str, meaning: str, of: str, unit: Unit, statistic: Statistic) -> Metric:
    return Metric(name, title, meaning, Group.COST, of, unit, statistic, higher_is_better=False)


def _either(name: str, title: str, meaning: str) -> Metric:
    return Metric(name, title, meaning, Group.ABSTENTION, name, higher_is_better=None)


_RETRIEVAL = (
    _mean(
        "hit_at_5",
        "Hit at 5",
        "Share of cases with something relevant among the first five.",
        Group.RETRIEVAL,
    ),
    _mean(
        "recall_at_5",
        "Recall at 5",
        "Share of what is relevant that is among the first five.",
        Group.RETRIEVAL,
    ),
    _mean(
        "precision_at_5",
        "Precision at 5",
        "Share of the first five that are relevant, each relevant thing counted once.",
        Group.RETRIEVAL,
    ),
    _mean(
        "mrr",
        "Mean reciprocal rank",
        "One over the rank of the first that is relevant, 0 when none of the first ten is.",
        Group.RETRIEVAL,
    ),
    _mean(
        "ndcg",
        "nDCG",
        "Grades of the first ten, discounted by rank, over those of the best order.",
        Group.RETRIEVAL,
    ),
    _mean(
        "context_precision",
        "Context precision",
        "How far the relevant passages stand before the others in the evidence.",
        Group.RETRIEVAL,
    ),
    _mean(
        "context_recall",
        "Context recall",
        "Share of what is relevant that is anywhere in the evidence.",
        Group.RETRIEVAL,
    ),
)
_ANSWER = (
    _mean(
        "exact_match",
        "Exact match",
        "Share of answers that are a reference, word for word.",
        Group.ANSWER,
    ),
    _mean(
        "token_f1",
        "Token F1",
        "Words shared with the nearest reference: harmonic mean of precision and recall.",
        Group.ANSWER,
    ),
    _mean("containment", "Containment", "Share of answers that contain a reference.", Group.ANSWER),
    _mean(
        "semantic_similarity",
        "Semantic similarity",
        "Cosine of the answer's vector and the nearest reference's.",
        Group.ANSWER,
    ),
)
_GROUNDEDNESS = (
    _mean(
        "faithfulness",
        "Faithfulness",
        "Share of an answer's sentences that their evidence supports, quotes included.",
        Group.GROUNDEDNESS,
    ),
    _mean(
        "generated_faithfulness",
        "Faithfulness of what is generated",
        "Share of the sentences the engine wrote that their evidence supports.",
        Group.GROUNDEDNESS,
    ),
    _less(
        "hallucination_rate",
        "Hallucination rate",
        "Share of answers with a sentence that is unsupported or contradicted.",
        Group.GROUNDEDNESS,
        of="hallucinated",
    ),
    _less(
        "contradiction_rate",
        "Contradiction rate",
        "Share of answers with a sentence that its evidence contradicts.",
        Group.GROUNDEDNESS,
        of="contradicted",
    ),
)
_CITATIONS = (
    _mean(
        "citation_exactness",
        "Citation exactness",
        "Share of citations whose quote is the document's text at that place.",
        Group.CITATIONS,
    ),
    _mean(
        "citation_precision",
        "Citation precision",
        "Share of citations that lead to something relevant.",
        Group.CITATIONS,
    ),
    _mean(
        "citation_coverage",
        "Citation coverage",
        "Share of an answer's supported sentences that carry a citation.",
        Group.CITATIONS,
    ),
)
_ABSTENTION = (
    Metric(
        "abstention_precision",
        "Abstention precision",
        "Share of abstentions that were right.",
        Group.ABSTENTION,
        "abstained",
        statistic="abstention",
    ),
    Metric(
        "abstention_recall",
        "Abstention recall",
        "Share of the cases to abstain from that were abstained from.",
        Group.ABSTENTION,
        "abstained",
        statistic="abstention",
    ),
    Metric(
        "answered_share",
        "Answered",
        "Share of the other cases that got an answer.",
        Group.ABSTENTION,
        "abstained",
        statistic="abstention",
    ),
    Metric(
        "risk_coverage_area",
        "Area under risk and coverage",
        "Mean share of cases to abstain from among the most answerable ones, over all limits.",
        Group.ABSTENTION,
        "answerability",
        statistic="abstention",
        higher_is_better=False,
    ),
)
_COST = (
    _cost(
        "seconds_median",
        "Seconds, median",
        "Time to the end of the answer that half of the cases keep within.",
        "seconds",
        "seconds",
        "median",
    ),
    _cost(
        "seconds_p95",
        "Seconds, 95th percentile",
        "Time to the end of the answer that 95 % of the cases keep within.",
        "seconds",
        "seconds",
        "p95",
    ),
    _cost(
        "first_token_seconds_median",
        "Seconds to the first token, median",
        "Time to the engine's first word, where it wrote any.",
        "first_token_seconds",
        "seconds",
        "median",
    ),
    _cost(
        "prompt_tokens",
        "Prompt tokens",
        "Tokens the engine read for a case.",
        "prompt_tokens",
        "tokens",
        "mean",
    ),
    _cost(
        "completion_tokens",
        "Completion tokens",
        "Tokens the engine wrote for a case.",
        "completion_tokens",
        "tokens",
        "mean",
    ),
)

# By the key of the summary, in the order in which they are shown.
METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _metrics()})
# Values of a case that go into the summary under another key.
_VALUES: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            _less(
                "hallucinated",
                "Hallucinated",
                "1 when a sentence is unsupported or contradicted, else 0.",
                Group.GROUNDEDNESS,
                of="hallucinated",
            ),
            _less(
                "contradicted",
                "Contradicted",
                "1 when the evidence contradicts a sentence, else 0.",
                Group.GROUNDEDNESS,
                of="contradicted",
            ),
            _either(
                "abstained",
                "Abstained",
                "1 when Assay declined to answer, else 0.",
            ),
            _either(
                "answerability",
                "Answerability",
                "Probability, before anything is generated, that the passages hold the answer.",
            ),
            _cost(
                "seconds",
                "Seconds",
                "Time to the end of the answer.",
                "seconds",
                "seconds",
                "mean",
            ),
            _cost(
                "first_token_seconds",
                "Seconds to the first token",
                "Time to the engine's first word.",
                "first_token_seconds",
                "seconds",
                "mean",
            ),
        )
    }
)


def metric_of(name: str) -> Metric:
    """The metric of a summary's key, of a case value's key, or of a judge.

    A judge's metric has no entry in `METRICS`: it is named after its key. Keys that nobody knows
    are answered for in the same way, since a run may have been made by another version.
    """
    known = METRICS.get(name) or _VALUES.get(name)
    if known is not None:
        return known
    family = next((prefix for prefix in _FAMILIES if name.startswith(prefix)), "")
    words = name.removeprefix(family).replace("_", " ").strip() or name
    return Metric(
        name=name,
        title=words[:1].upper() + words[1:] + _FAMILIES.get(family, ""),
        meaning=_meaning(name, words),
        group=Group.JUDGE,
        of=name,
        unit="score",
        higher_is_better=not any(word in name for word in _LOWER_IS_BETTER),
    )


def _meaning(name: str, words: str) -> str:
    meanings = {judge.metric: judge.meaning for judge in JUDGES.values()}
    if name.endswith(SPREAD) and name.removesuffix(SPREAD) in meanings:
        return "How far the judge differs from itself: standard deviation of repeated scores."
    return meanings.get(name, f"Values of {words}.")


def in_order(names: Mapping[str, object]) -> list[str]:
    """Names of a summary as they are shown: as in `METRICS`, then the judges by name."""
    places = {name: place for place, name in enumerate(METRICS)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))
