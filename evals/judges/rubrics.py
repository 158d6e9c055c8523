"""A language model as the judge, by rubrics of our own: one response at a time, or two compared.

The prompts are in `evals/prompts`, one file a version. Responses and passages are put in as JSON:
nothing in them can end the material and begin an instruction.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from string import Template
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evals.judges.models import JudgeModel, ask
from evals.judges.names import Inputs

# rubric -> its prompt's version. A change of words is a new file and a new version.
PROMPTS: Mapping[str, str] = MappingProxyType(
    {
        "faithful": "faithful-1",
        "answers": "answers-1",
        "concise": "concise-1",
        "preferred_to_reference": "prefer-1",
    }
)
_LOWEST, _HIGHEST = 1, 5


class Grade(BaseModel):
    """What a rubric asks for: a reason, then one of five grades."""

    model_config = ConfigDict(extra="forbid")

    reason: str
    grade: int = Field(ge=_LOWEST, le=_HIGHEST)


class Choice(BaseModel):
    """What a comparison asks for: a reason, then which is better."""

    model_config = ConfigDict(extra="forbid")

    reason: str
    better: Literal["A", "B", "tie"]


class Preference(StrEnum):
    """Which of two responses is better. `UNDECIDED`: neither, or the order decided."""

    FIRST = "first"
    SECOND = "second"
    UNDECIDED = "undecided"


# As a share: how far the first is preferred.
PREFERRED = MappingProxyType(
    {Preference.FIRST: 1.0, Preference.UNDECIDED: 0.5, Preference.SECOND: 0.0}
)


def grade(model: JudgeModel, rubric: str, inputs: Inputs, *, attempt: int = 0) -> float:
    """Have a response graded.

    Args:
        rubric: a key of `PROMPTS` that grades one response.

    Returns:
        0 for the lowest grade to 1 for the highest, in quarters.

    Raises:
        JudgeFailed: the model gave no grade.
    """
    verdict = ask(model, _prompt(rubric, inputs), Grade, attempt=attempt)
    return (verdict.grade - _LOWEST) / (_HIGHEST - _LOWEST)


def preference(
    model: JudgeModel, question: str, first: str, second: str, *, attempt: int = 0
) -> Preference:
    """Have two responses compared, in both orders: models favour a place.

    Returns:
        A preference only when it is the same in both orders (Zheng et al., NeurIPS 2023).

    Raises:
        JudgeFailed: the model gave no choice in one of the orders.
    """
    one = _choice(model, question, first, second, attempt)
    other = _choice(model, question, second, first, attempt)
    if (one, other) == ("A", "B"):
        return Preference.FIRST
    if (one, other) == ("B", "A"):
        return Preference.SECOND
    return Preference.UNDECIDED


def _choice(
    model: JudgeModel, question: str, a: str, b: str, attempt: int
) -> Literal["A", "B", "tie"]:
    material = {"question": question, "response A": a, "response B": b}
    prompt = _prompt("preferred_to_reference", material)
    return ask(model, prompt, Choice, attempt=attempt).better


def _prompt(rubric: str, material: Mapping[str, str | list[str]] | Inputs) -> str:
    named = {_TITLES.get(name, name): value for name, value in material.items()}
    return _template(PROMPTS[rubric]).substitute(
        material=json.dumps(named, ensure_ascii=False, indent=1)
    )


_TITLES = MappingProxyType({"user_input": "question", "retrieved_contexts": "passages"})


@cache
def _template(version: str) -> Template:
    file = resources.files("evals").joinpath("prompts", f"{version}.txt")
    return Template(file.read_text(encoding="utf-8"))
