"""Our verifier as metrics of ragas. Importing this imports ragas, which takes seconds."""

from ragas.metrics.collections.base import BaseMetric
from ragas.metrics.result import MetricResult

from generation.groundedness.types import Claim, ResponseJudgement, ResponseVerifier
from generation.types import Verdict

_WRONG = frozenset({Verdict.UNSUPPORTED, Verdict.CONTRADICTED})


class LocalMetric(BaseMetric):  # type: ignore[misc]  # ragas has no types
    """A metric of what our verifier says of a response. Asks no language model.

    Like every metric of ragas' collections it may be used by itself:
    `LocalFaithfulness(load_verifier()).score(user_input=…, response=…, retrieved_contexts=[…])`.
    """

    def __init__(self, verifier: ResponseVerifier, name: str) -> None:
        self._verifier = verifier
        super().__init__(name=name, allowed_values=(0.0, 1.0))

    async def ascore(
        self, user_input: str, response: str, retrieved_contexts: list[str]
    ) -> MetricResult:
        """Judge a response; NaN, as elsewhere in ragas, when it has no sentence."""
        claim = Claim(user_input, tuple(retrieved_contexts), response)
        [judgement] = self._verifier.verify([claim])
        if not judgement.sentences:
            return MetricResult(value=float("nan"), reason="the response has no sentence")
        return MetricResult(value=self.value(judgement), reason=explained(response, judgement))

    def value(self, judgement: ResponseJudgement) -> float:
        """The metric of a response with at least one sentence, in [0, 1]."""
        raise NotImplementedError


class LocalFaithfulness(LocalMetric):
    """The share of the sentences that the contexts support; higher is better."""

    def __init__(self, verifier: ResponseVerifier, name: str = "local_faithfulness") -> None:
        super().__init__(verifier, name)

    def value(self, judgement: ResponseJudgement) -> float:
        """The share of the sentences that are supported."""
        verdicts = [one.judgement.verdict for one in judgement.sentences]
        return verdicts.count(Verdict.SUPPORTED) / len(verdicts)


class LocalHallucination(LocalMetric):
    """1 when a sentence is unsupported or contradicted, else 0; lower is better."""

    def __init__(self, verifier: ResponseVerifier, name: str = "local_hallucination") -> None:
        super().__init__(verifier, name)

    def value(self, judgement: ResponseJudgement) -> float:
        """Whether a sentence is unsupported or contradicted."""
        return float(any(one.judgement.verdict in _WRONG for one in judgement.sentences))


def explained(response: str, judgement: ResponseJudgement) -> str:
    """The sentences with their verdicts, one a line."""
    return "\n".join(
        f"{one.judgement.verdict} {one.judgement.score:.2f}: {response[one.start : one.end]}"
        for one in judgement.sentences
    )
