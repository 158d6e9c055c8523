"""A row of a suite's own shapes -> a case. Every field is checked here, and only here."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from evals.datasets.sources import Row
from evals.errors import BadDataset
from evals.types import Case, Expectation, Relevant, key_of
from generation.types import Message

MOST_CASES = 100_000
LONGEST_QUESTION = 20_000
LONGEST_TEXT = 100_000
LONGEST_KEY = 200
MOST_ITEMS = 1_000
# Further apart, the sums of a summary lose the small ones, or are infinite.
SMALLEST_WEIGHT, LARGEST_WEIGHT = 0.001, 1000.0
_SURROGATES = range(0xD800, 0xE000)


def _whole(text: str) -> str:
    if any(ord(char) in _SURROGATES for char in text):
        raise ValueError("it holds half of a character (a lone surrogate)")
    return text


def _listed(value: object) -> object:
    """One value is a list of it; None is an empty one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _written(value: object) -> object:
    """A number is the text it is written as; truth values and the rest are refused."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _bearable(weight: float) -> float:
    if not SMALLEST_WEIGHT <= weight <= LARGEST_WEIGHT:  # nor is NaN
        raise ValueError(
            f"a weight is from {SMALLEST_WEIGHT:g} to {LARGEST_WEIGHT:g}, not {weight:g}"
        )
    return weight


def _without_blanks(texts: list[str]) -> list[str]:
    return [text for text in texts if text.strip()]


Text = Annotated[
    str, BeforeValidator(_written), Field(max_length=LONGEST_TEXT), AfterValidator(_whole)
]
Name = Annotated[
    str, BeforeValidator(_written), Field(max_length=LONGEST_KEY), AfterValidator(_whole)
]
Texts = Annotated[
    list[Text],
    BeforeValidator(_listed),
    Field(max_length=MOST_ITEMS),
    AfterValidator(_without_blanks),
]


class RelevantRow(BaseModel):
    """A document, or some words of it, that a search should find."""

    model_config = ConfigDict(extra="forbid")

    document: Text = ""
    text: Text = ""
    grade: int = Field(default=1, ge=1, le=1_000_000)


class TurnRow(BaseModel):
    """One earlier turn of the conversation."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "user", "assistant"]
    content: Text


def _as_relevant(value: object) -> object:
    return [{"document": one} if isinstance(one, str) else one for one in _each(value)]


def _each(value: object) -> list[object]:
    listed = _listed(value)
    return listed if isinstance(listed, list) else [listed]


class CaseRow(BaseModel):
    """A case as a file has it. Fields it does not know are left alone, but for misspelt ones."""

    model_config = ConfigDict(extra="ignore")

    question: Annotated[Text, Field(max_length=LONGEST_QUESTION)]
    reference: Texts = []
    references: Texts = []
    expectation: Expectation | None = None
    relevant: Annotated[list[RelevantRow], BeforeValidator(_as_relevant)] = Field(
        default=[], max_length=MOST_ITEMS
    )
    tags: Annotated[
        list[Name],
        BeforeValidator(_listed),
        Field(max_length=MOST_ITEMS),
        AfterValidator(_without_blanks),
    ] = []
    weight: Annotated[float, AfterValidator(_bearable)] = 1.0
    key: Name = ""
    cluster: Text = ""
    history: list[TurnRow] = Field(default=[], max_length=MOST_ITEMS)
    source: Text = ""
    note: Text = ""

    def case(self) -> Case:
        """The case.

        Raises:
            ValueError: its question is blank, or something relevant names nothing.
        """
        history = tuple(Message(turn.role, turn.content) for turn in self.history)
        return Case(
            key=self.key or key_of(self.question, history),
            question=self.question,
            history=history,
            references=tuple(dict.fromkeys([*self.reference, *self.references])),
            relevant=tuple(Relevant(one.document, one.text, one.grade) for one in self.relevant),
            expectation=self.expectation,
            tags=tuple(self.tags),
            weight=self.weight,
            cluster=self.cluster,
            source=self.source,
            note=self.note,
        )


FIELDS = tuple(CaseRow.model_fields)


def case_of(row: Mapping[str, Any], path: Path, line: int) -> Case:
    """The case of a row.

    Raises:
        BadDataset: a field is missing, misspelt, too long or not what it should be.
    """
    present = {name: value for name, value in row.items() if value is not None}
    for name in sorted(set(present) - set(FIELDS)):
        near = get_close_matches(name, FIELDS, n=1, cutoff=0.8)
        if near:
            raise BadDataset(path, line, f"unknown field {name!r}; did you mean {near[0]!r}?")
    return built(lambda: CaseRow.model_validate(present).case(), path, line)


def built(make: Callable[[], Case], path: Path, line: int) -> Case:
    """What `make` makes; what is wrong with it is said of this line of the file.

    Raises:
        BadDataset: it raised `ValueError`, as pydantic does.
    """
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadDataset(
            path, line, f"{where}: {first['msg'].removeprefix('Value error, ')}"
        ) from error
    except ValueError as error:
        raise BadDataset(path, line, str(error)) from error


def cases_of(rows: Iterable[Row], path: Path) -> Iterator[tuple[int, Case]]:
    """(line, case) of rows of our own shapes.

    Raises:
        BadDataset: as `case_of`.
    """
    for line, row in rows:
        yield line, case_of(row, path, line)


def row_of(case: Case) -> dict[str, Any]:
    """A case as a row of our own shapes: what `case_of` makes the same case of; nothing empty."""
    row: dict[str, Any] = {
        "key": case.key,
        "question": case.question,
        "history": [{"role": turn.role, "content": turn.content} for turn in case.history],
        "references": list(case.references),
        "expectation": case.expectation.value if case.expectation else None,
        "relevant": [_relevant_row(one) for one in case.relevant],
        "tags": list(case.tags),
        "weight": None if case.weight == 1 else case.weight,
        "cluster": case.cluster,
        "source": case.source,
        "note": case.note,
    }
    return {name: value for name, value in row.items() if value not in (None, "", [])}


def _relevant_row(one: Relevant) -> dict[str, Any]:
    row = {"document": one.document, "text": one.text}
    named: dict[str, Any] = {name: text for name, text in row.items() if text}
    return named | ({} if one.grade == 1 else {"grade": one.grade})
