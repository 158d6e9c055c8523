"""The judges that can be asked for, by name. Pure: knows them without loading any."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, TypeAlias

from evals.errors import UnknownJudge
from evals.types import Case, Observation
from generation.groundedness.types import Claim

MOST_REPEATS = 20
SPREAD = "_spread"
_ASKED = re.compile(r"(?P<name>[^@]+)(?:@(?P<repeats>\d{1,4}))?")


class Part(StrEnum):
    """What a judge is made with. All but the last are on this machine anyway."""

    ENCODER = "encoder"
    VERIFIER = "verifier"
    MODEL = "model"


# What a judge reads of a case, by ragas' names.
Field: TypeAlias = Literal[
    "user_input",
    "response",
    "retrieved_contexts",
    "reference",
    "reference_contexts",
    "retrieved_context_ids",
    "reference_context_ids",
]
Inputs: TypeAlias = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge: `reads` of a case, `parts` it is made with, `meaning` in a sentence."""

    name: str
    meaning: str
    reads: tuple[Field, ...]
    parts: frozenset[Part] = frozenset()

    @property
    def metric(self) -> str:
        """The key of its values: ragas_… for ragas' metrics, judge_… for our rubrics."""
        family, _, name = self.name.partition(":")
        return f"{'ragas' if family == 'ragas' else 'judge'}_{name}"

    @property
    def is_ragas(self) -> bool:
        """Whether ragas must be installed."""
        return self.name.startswith("ragas:")

    @property
    def asks_a_model(self) -> bool:
        """Whether a language model decides, so that the judge may fail and its word may vary."""
        return Part.MODEL in self.parts

    @property
    def judges_grounding(self) -> bool:
        """Whether it says how far the contexts support the response, and needs nothing else."""
        return self.name in _GROUNDING


@dataclass(frozen=True, slots=True)
class Asked:
    """A judge, asked `repeats` times on each case."""

    judge: Judge
    repeats: int = 1


@dataclass(frozen=True, slots=True)
class Material:
    """What judges read: a question, its response, and what is known of both.

    A field that is empty is not known; judges that read it are not asked.
    """

    question: str
    response: str
    contexts: tuple[str, ...]
    references: tuple[str, ...] = ()
    reference_contexts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    reference_documents: tuple[str, ...] = ()

    def inputs(self, reads: Sequence[Field], *, reference: str = "") -> Inputs | None:
        """These fields; None when one of them is empty."""
        known: dict[str, str | list[str]] = {
            "user_input": self.question,
            "response": self.response,
            "retrieved_contexts": list(self.contexts),
            "reference": reference,
            "reference_contexts": list(self.reference_contexts),
            "retrieved_context_ids": list(self.documents),
            "reference_context_ids": list(self.reference_documents),
        }
        chosen: dict[str, str | list[str]] = {name: known[name] for name in reads}
        return chosen if all(chosen.values()) else None


def material_of(case: Case, seen: Observation, passages: Sequence[str]) -> Material:
    """What judges read of a case. An abstention has no response: it claims nothing."""
    return Material(
        question=case.question,
        response="" if seen.abstained else seen.text.strip(),
        contexts=tuple(text for text in passages if text.strip()),
        references=tuple(text for text in case.references if text.strip()),
        reference_contexts=tuple(one.text for one in case.relevant if one.text.strip()),
        documents=tuple(dict.fromkeys(one.document for one in seen.retrieved)),
        reference_documents=tuple(
            dict.fromkeys(one.document for one in case.relevant if one.document)
        ),
    )


def material_of_claim(claim: Claim) -> Material:
    """What judges of grounding read of a labelled response."""
    return Material(
        question=claim.question or "What do the texts say?",
        response=claim.response.strip(),
        contexts=tuple(text for text in claim.evidence if text.strip()),
    )


_RESPONSE: tuple[Field, ...] = ("response", "reference")
_GROUNDED: tuple[Field, ...] = ("user_input", "response", "retrieved_contexts")
_MODEL = frozenset({Part.MODEL})
_MODEL_AND_ENCODER = frozenset({Part.MODEL, Part.ENCODER})
_GROUNDING = frozenset(
    {
        "ragas:local_faithfulness",
        "ragas:faithfulness",
        "ragas:response_groundedness",
        "rubric:faithful",
    }
)

JUDGES: Mapping[str, Judge] = MappingProxyType(
    {
        judge.name: judge
        for judge in (
            Judge(
                "ragas:local_faithfulness",
                "Share of the response's sentences that our verifier finds supported.",
                _GROUNDED,
                frozenset({Part.VERIFIER}),
            ),
            Judge(
                "ragas:local_hallucination",
                "1 when our verifier finds a sentence unsupported or contradicted, else 0.",
                _GROUNDED,
                frozenset({Part.VERIFIER}),
            ),
            Judge("ragas:exact_match", "1 when response and reference are the same.", _RESPONSE),
            Judge("ragas:string_presence", "1 when the reference stands in it.", _RESPONSE),
            Judge("ragas:rouge_score", "ROUGE-L, the F-measure.", _RESPONSE),
            Judge("ragas:bleu_score", "BLEU by sacrebleu, as a share.", _RESPONSE),
            Judge("ragas:chrf_score", "chrF by sacrebleu, as a share.", _RESPONSE),
            Judge(
                "ragas:non_llm_string_similarity",
                "1 minus the normalised Levenshtein distance to the reference.",
                _RESPONSE,
            ),
            Judge(
                "ragas:semantic_similarity",
                "Cosine of the encoder's vectors of response and reference.",
                _RESPONSE,
                frozenset({Part.ENCODER}),
            ),
            Judge(
                "ragas:non_llm_context_precision",
                "Average precision of the passages, one being right when at least half of its "
                "characters are those of a relevant text.",
                ("retrieved_contexts", "reference_contexts"),
            ),
            Judge(
                "ragas:non_llm_context_recall",
                "Share of the relevant texts that a passage resembles in the same way.",
                ("retrieved_contexts", "reference_contexts"),
            ),
            Judge(
                "ragas:id_based_context_precision",
                "Share of the retrieved documents that are relevant.",
                ("retrieved_context_ids", "reference_context_ids"),
            ),
            Judge(
                "ragas:id_based_context_recall",
                "Share of the relevant documents that were retrieved.",
                ("retrieved_context_ids", "reference_context_ids"),
            ),
            Judge(
                "ragas:faithfulness",
                "Share of the response's statements that follow from the passages.",
                _GROUNDED,
                _MODEL,
            ),
            Judge(
                "ragas:response_groundedness",
                "How far the passages support the response: 0, a half or 1, by two prompts.",
                ("response", "retrieved_contexts"),
                _MODEL,
            ),
            Judge(
                "ragas:answer_relevancy",
                "Similarity of the question and questions that the response would answer.",
                ("user_input", "response"),
                _MODEL_AND_ENCODER,
            ),
            Judge(
                "ragas:context_precision",
                "Average precision of the passages, judged by whether they lead to the reference.",
                ("user_input", "reference", "retrieved_contexts"),
                _MODEL,
            ),
            Judge(
                "ragas:context_recall",
                "Share of the reference's statements that the passages hold.",
                ("user_input", "retrieved_contexts", "reference"),
                _MODEL,
            ),
            Judge(
                "ragas:context_relevance",
                "How far the passages bear on the question: 0, a half or 1, by two prompts.",
                ("user_input", "retrieved_contexts"),
                _MODEL,
            ),
            Judge(
                "ragas:context_entity_recall",
                "Share of the names in the reference that the passages hold.",
                ("reference", "retrieved_contexts"),
                _MODEL,
            ),
            Judge(
                "ragas:factual_correctness",
                "F1 of the statements of response and reference.",
                _RESPONSE,
                _MODEL,
            ),
            Judge(
                "ragas:noise_sensitivity",
                "Share of the response's statements that are wrong though a relevant passage "
                "holds them; lower is better.",
                ("user_input", "response", "reference", "retrieved_contexts"),
                _MODEL,
            ),
            Judge(
                "ragas:answer_accuracy",
                "How far response and reference agree: 0, a half or 1, by two prompts.",
                ("user_input", "response", "reference"),
                _MODEL,
            ),
            Judge(
                "ragas:answer_correctness",
                "Three quarters factual correctness, one quarter semantic similarity.",
                ("user_input", "response", "reference"),
                _MODEL_AND_ENCODER,
            ),
            Judge(
                "rubric:faithful",
                "How far the passages say what the response says, in five grades.",
                _GROUNDED,
                _MODEL,
            ),
            Judge(
                "rubric:answers",
                "How far the response answers the question, in five grades.",
                ("user_input", "response"),
                _MODEL,
            ),
            Judge(
                "rubric:concise",
                "How free the response is of what was not asked, in five grades.",
                ("user_input", "response"),
                _MODEL,
            ),
            Judge(
                "rubric:preferred_to_reference",
                "1 when the response is preferred to the reference in both orders, 0 when the "
                "reference is, a half when the orders disagree.",
                ("user_input", "response", "reference"),
                _MODEL,
            ),
        )
    }
)


def asked_for(names: Sequence[str]) -> list[Asked]:
    """Judges by name, each once; `NAME@3` is asked three times on each case.

    Raises:
        UnknownJudge: there is none of this name.
        ValueError: it is to be asked 0 times, or too often, or again where nothing varies.
    """
    found: dict[str, Asked] = {}
    for text in names:
        parts = _ASKED.fullmatch(text)
        judge = JUDGES.get(parts["name"]) if parts else None
        if parts is None or judge is None:
            raise UnknownJudge(text, list(JUDGES))
        repeats = int(parts["repeats"] or 1)
        if not 1 <= repeats <= MOST_REPEATS:
            raise ValueError(f"{text}: a judge is asked 1 to {MOST_REPEATS} times on each case")
        if repeats > 1 and not judge.asks_a_model:
            raise ValueError(f"{text}: no model is asked, so that it says the same each time")
        found[judge.name] = Asked(judge, repeats)
    return list(found.values())
