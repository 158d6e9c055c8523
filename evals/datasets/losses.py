"""What a shape of test set cannot hold of a case: said, never dropped in silence. Pure."""

from collections.abc import Callable, Mapping, Sequence

from evals.datasets.shapes import Shape
from evals.types import Case

# what is lost -> whether a case has it
_PARTS: Mapping[str, Callable[[Case], bool]] = {
    "the key": lambda case: bool(case.key),
    "the conversation before the question": lambda case: bool(case.history),
    "instructions before the conversation": lambda case: any(
        turn.role == "system" for turn in case.history
    ),
    "references after the first": lambda case: len(case.references) > 1,
    "the documents that are relevant": lambda case: any(one.document for one in case.relevant),
    "relevant texts after the first": lambda case: sum(bool(one.text) for one in case.relevant) > 1,
    "grades of relevance": lambda case: any(one.grade != 1 for one in case.relevant),
    "what is expected": lambda case: case.expectation is not None,
    "that nothing is expected": lambda case: case.expectation is None,
    "tags": lambda case: bool(case.tags),
    "the weight": lambda case: case.weight != 1,
    "the cluster": lambda case: bool(case.cluster),
    "the source": lambda case: bool(case.source),
    "the note": lambda case: bool(case.note),
}
_ALWAYS = ("tags", "the weight", "the source", "the note")
_LOST: Mapping[Shape, Sequence[str]] = {
    Shape.BEIR: ("the conversation before the question", "the cluster", *_ALWAYS),
    Shape.SQUAD: (
        "the conversation before the question",
        "the documents that are relevant",
        "relevant texts after the first",
        "grades of relevance",
        "that nothing is expected",
        *_ALWAYS,
    ),
    Shape.RAGAS: (
        "the key",
        "instructions before the conversation",
        "references after the first",
        "the documents that are relevant",
        "grades of relevance",
        "what is expected",
        "the cluster",
        *_ALWAYS,
    ),
}


def losses(cases: Sequence[Case], shape: Shape) -> list[str]:
    """What is lost when the cases are written in this shape, with the number of cases it is of."""
    found = []
    for part in _LOST.get(shape, ()):
        count = sum(_PARTS[part](case) for case in cases)
        if count:
            found.append(f"{part} ({count} of {len(cases)} cases)")
    return found
