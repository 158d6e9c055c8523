"""ragas' metrics by our names, over our encoder and judge models. Importing this imports ragas.

What ragas would make a score of is not taken as one: NaN, a number out of range, an exception of
its own, a reply that its shapes allow and its prompts do not. All of that is a failure with a
reason.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from pydantic import BaseModel
from ragas.dataset_schema import SingleTurnSample
from ragas.embeddings.base import BaseRagasEmbedding
from ragas.llms.base import InstructorBaseRagasLLM
from ragas.metrics import collections
from ragas.metrics._context_precision import (
    IDBasedContextPrecision,
    NonLLMContextPrecisionWithReference,
)
from ragas.metrics._context_recall import IDBasedContextRecall, NonLLMContextRecall
from ragas.metrics._string import NonLLMStringSimilarity
from ragas.metrics.collections.base import BaseMetric

from evals.errors import JudgeFailed
from evals.judges.models import JudgeModel, ask
from evals.judges.names import Inputs
from evals.judges.ragas_local import LocalFaithfulness, LocalHallucination
from generation.groundedness.types import ResponseVerifier
from retrieval.encoder import Encoder, beginnings

UNDEFINED = "ragas finds no score in what the judge said"
_SLACK = 1e-6
# A cosine may be below 0.
_BELOW_ZERO = frozenset({"semantic_similarity", "answer_relevancy", "answer_correctness"})

Measure: TypeAlias = Callable[[Inputs, int], float]


class RagasJudge(InstructorBaseRagasLLM):  # type: ignore[misc]  # ragas has no types
    """A judge model as ragas asks for one. Remembers why it failed: some metrics swallow that."""

    def __init__(self, model: JudgeModel) -> None:
        self._model = model
        self.attempt = 0
        self.failure: JudgeFailed | None = None

    def generate(self, prompt: str, response_model: type[BaseModel]) -> BaseModel:
        """Reply to a prompt in a shape.

        Raises:
            JudgeFailed: there is no such reply.
        """
        try:
            return ask(self._model, prompt, response_model, attempt=self.attempt)
        except JudgeFailed as error:
            self.failure = error
            raise

    async def agenerate(self, prompt: str, response_model: type[BaseModel]) -> BaseModel:
        """As `generate`. Blocks: one question is asked at a time, on a machine of its own."""
        return self.generate(prompt, response_model)


class RagasEncoder(BaseRagasEmbedding):  # type: ignore[misc]  # ragas has no types
    """Our encoder as ragas asks for one. Long texts are read as far as the encoder reads."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self._encoder = encoder

    def embed_text(self, text: str, **_: Any) -> list[float]:  # noqa: ANN401 - ragas' signature
        """The unit vector of a text."""
        return self.embed_texts([text])[0]

    async def aembed_text(self, text: str, **_: Any) -> list[float]:  # noqa: ANN401
        """The unit vector of a text."""
        return self.embed_text(text)

    def embed_texts(self, texts: list[str], **_: Any) -> list[list[float]]:  # noqa: ANN401
        """The unit vectors of texts, in order."""
        vectors = self._encoder.encode(beginnings(texts, self._encoder))
        return [[float(value) for value in row] for row in vectors]

    async def aembed_texts(self, texts: list[str], **_: Any) -> list[list[float]]:  # noqa: ANN401
        """The unit vectors of texts, in order."""
        return self.embed_texts(texts)


class _Similarity(NonLLMStringSimilarity):  # type: ignore[misc]
    """ragas' own, without the record of its use that the public method makes, in a home folder."""

    async def single_turn_ascore(
        self,
        sample: SingleTurnSample,
        callbacks: object = None,
        timeout: float | None = None,  # noqa: ARG002 - ragas' signature
    ) -> float:
        return float(await self._single_turn_ascore(sample, callbacks))


# Metrics of ragas' present interface that need nothing, and those that need a judge.
_PLAIN: Mapping[str, Callable[[], BaseMetric]] = MappingProxyType(
    {
        "exact_match": collections.ExactMatch,
        "string_presence": collections.StringPresence,
        "rouge_score": collections.RougeScore,
        "bleu_score": collections.BleuScore,
        "chrf_score": collections.CHRFScore,
        "non_llm_string_similarity": collections.NonLLMStringSimilarity,
    }
)
_JUDGED: Mapping[str, Callable[..., BaseMetric]] = MappingProxyType(
    {
        "faithfulness": collections.Faithfulness,
        "context_precision": collections.ContextPrecisionWithReference,
        "context_recall": collections.ContextRecall,
        "context_entity_recall": collections.ContextEntityRecall,
        "factual_correctness": collections.FactualCorrectness,
        "noise_sensitivity": collections.NoiseSensitivity,
    }
)
# These ask again by themselves, up to five times, whatever has gone wrong; a judge of ours has
# had its second attempt by then.
_JUDGED_ONCE: Mapping[str, Callable[..., BaseMetric]] = MappingProxyType(
    {
        "response_groundedness": collections.ResponseGroundedness,
        "context_relevance": collections.ContextRelevance,
        "answer_accuracy": collections.AnswerAccuracy,
    }
)
_JUDGED_WITH_VECTORS: Mapping[str, Callable[..., BaseMetric]] = MappingProxyType(
    {
        "answer_relevancy": collections.AnswerRelevancy,
        "answer_correctness": collections.AnswerCorrectness,
    }
)
# Of the former interface and with no successor in the present one.
_FORMER: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {
        "non_llm_context_precision": lambda: NonLLMContextPrecisionWithReference(
            distance_measure=_Similarity()
        ),
        "non_llm_context_recall": lambda: NonLLMContextRecall(_distance_measure=_Similarity()),
        "id_based_context_precision": IDBasedContextPrecision,
        "id_based_context_recall": IDBasedContextRecall,
    }
)
_LOCAL: Mapping[str, Callable[[ResponseVerifier], BaseMetric]] = MappingProxyType(
    {"local_faithfulness": LocalFaithfulness, "local_hallucination": LocalHallucination}
)


def ragas_measure(
    name: str,
    *,
    encoder: Callable[[], Encoder],
    verifier: Callable[[], ResponseVerifier],
    model: Callable[[], JudgeModel],
) -> Measure:
    """A metric by its name, ready to be called with a case's inputs and the attempt.

    The measure raises `JudgeFailed` where it has no score.

    Args:
        encoder, verifier, model: called only for metrics that need them.

    Raises:
        KeyError: ragas has no metric of this name, or none that is offered.
    """
    if name in _FORMER:
        return _former(name, _FORMER[name]())
    if name in _PLAIN:
        return _measured(name, _PLAIN[name](), None)
    if name in _LOCAL:
        return _measured(name, _LOCAL[name](verifier()), None)
    if name == "semantic_similarity":
        return _measured(name, collections.SemanticSimilarity(RagasEncoder(encoder())), None)
    judge = RagasJudge(model())
    if name in _JUDGED_WITH_VECTORS:
        vectors = RagasEncoder(encoder())
        return _measured(name, _JUDGED_WITH_VECTORS[name](llm=judge, embeddings=vectors), judge)
    if name in _JUDGED_ONCE:
        return _measured(name, _JUDGED_ONCE[name](llm=judge, max_retries=1), judge)
    return _measured(name, _JUDGED[name](llm=judge), judge)


def _measured(name: str, metric: BaseMetric, judge: RagasJudge | None) -> Measure:
    def measure(inputs: Inputs, attempt: int) -> float:
        if judge is not None:
            judge.attempt, judge.failure = attempt, None
        try:
            value = metric.score(**inputs).value
        except JudgeFailed:
            raise
        except Exception as error:
            raise JudgeFailed(f"ragas raised {type(error).__name__}") from error
        failed = judge.failure if judge is not None else None
        return _score(name, value, failed)

    return measure


def _former(name: str, metric: Any) -> Measure:  # noqa: ANN401 - ragas has no types
    def measure(inputs: Inputs, _: int) -> float:
        # Not the public method: it would note its use for ragas' makers, and trace to langchain's.
        sample = SingleTurnSample(**inputs)
        return _score(name, asyncio.run(metric._single_turn_ascore(sample, None)), None)

    return measure


def _score(name: str, value: object, failed: JudgeFailed | None) -> float:
    """A value that is a score, else why not: what the judge did wrong comes first."""
    if not isinstance(value, int | float | np.floating) or not math.isfinite(value):
        raise failed or JudgeFailed(UNDEFINED)
    lowest = -1.0 if name in _BELOW_ZERO else 0.0
    if not lowest - _SLACK <= value <= 1 + _SLACK:
        raise JudgeFailed(UNDEFINED)
    return min(1.0, max(lowest, float(value)))
