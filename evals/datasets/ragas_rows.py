"""Test sets in the shapes ragas reads and writes: its samples, and the names it used before.

`user_input` (or `question`) is the question, a list of messages a conversation; `reference` (or
`ground_truth`, `ground_truths`) the references; `reference_contexts` what is relevant. What
another system retrieved and replied (`retrieved_contexts`, `contexts`, `response`, `answer`) is no
part of a case and is left out. Knows the shape, and needs no ragas.
"""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.datasets.fields import case_of
from evals.datasets.sources import Row, beginning_of, json_of, objects_of
from evals.datasets.tables import records_of
from evals.errors import BadDataset
from evals.types import Case

MARKS = frozenset(
    ("user_input", "reference_contexts", "retrieved_contexts", "ground_truth", "ground_truths")
)
_ROLES = {"human": "user", "user": "user", "ai": "assistant", "assistant": "assistant"}
_LISTS = ("ground_truths", "reference_contexts", "reference_context_ids")
_TAGS = ("synthesizer_name", "evolution_type", "persona_name")


def read(path: Path) -> Iterator[tuple[int, Case]]:
    """(line, case) of each sample of a file of JSON lines, one JSON value, or CSV.

    Raises:
        BadDataset: a sample has no question, or is not of this shape.
    """
    for line, row in _rows(path):
        yield line, case_of(_case_row(row, path, line), path, line)


def _rows(path: Path) -> Iterator[Row]:
    begins = beginning_of(path).lstrip()[:1]
    if begins not in {"{", "["}:
        for line, cells in records_of(path):
            yield Row(line, {name: cell for name, cell in cells.items() if cell.strip()})
    elif begins == "{" and (columns := _columns(path)) is not None:
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise BadDataset(path, 0, "its columns are not of one length")
        for place in range(lengths.pop() if lengths else 0):
            yield Row(0, {name: column[place] for name, column in columns.items()})
    else:
        yield from objects_of(path)


def _columns(path: Path) -> dict[str, list[Any]] | None:
    """A file that is one object of columns, or {samples: […]} turned into them; else None."""
    try:
        value = json_of(path)
    except BadDataset:
        return None  # more than one object: JSON lines, which are read one by one
    if not isinstance(value, dict):
        return None
    samples = value.get("samples")
    if isinstance(samples, list) and all(isinstance(one, dict) for one in samples):
        names = {name for one in samples for name in one}
        return {name: [one.get(name) for one in samples] for name in sorted(names)}
    asked = value.get("user_input", value.get("question"))
    is_conversation = isinstance(asked, list) and any(isinstance(turn, dict) for turn in asked)
    if isinstance(asked, list) and not is_conversation:
        if not all(isinstance(column, list) for column in value.values()):
            raise BadDataset(path, 0, "it has columns and values; every field must be a list")
        return value
    return None


def _case_row(row: Mapping[str, Any], path: Path, line: int) -> dict[str, Any]:
    asked = row.get("user_input", row.get("question"))
    question, history = _conversation(asked, path, line) if isinstance(asked, list) else (asked, [])
    if not isinstance(question, str):
        raise BadDataset(path, line, "expected user_input or question")
    lists = {name: _listed(row.get(name), path, line, name) for name in _LISTS}
    single = [row.get("reference"), row.get("ground_truth")]
    texts, ids = lists["reference_contexts"], lists["reference_context_ids"]
    return {
        "question": question,
        "history": history,
        "references": [one for one in [*single, *lists["ground_truths"]] if one is not None],
        "relevant": [
            {
                "text": texts[place] if place < len(texts) else "",
                "document": str(ids[place]) if place < len(ids) else "",
            }
            for place in range(max(len(texts), len(ids)))
        ],
        "tags": [str(row[name]) for name in _TAGS if row.get(name)],
        "source": path.name,
    }


def _conversation(turns: list[Any], path: Path, line: int) -> tuple[Any, list[dict[str, str]]]:
    """The last thing the user says, and what was said before it."""
    said = []
    for turn in turns:
        role = turn.get("type", turn.get("role")) if isinstance(turn, dict) else None
        if role in _ROLES:
            said.append({"role": _ROLES[role], "content": str(turn.get("content") or "")})
        elif role != "tool":
            raise BadDataset(path, line, "expected messages with a type (human or ai) and content")
    while said and said[-1]["role"] != "user":
        said.pop()
    if not said:
        raise BadDataset(path, line, "nothing in this conversation is said by the user")
    return said[-1]["content"], said[:-1]


def _listed(value: Any, path: Path, line: int, name: str) -> list[Any]:  # noqa: ANN401 - JSON
    """A list; in a table it is written as JSON, or as pandas writes it."""
    if value is None:
        return []
    if isinstance(value, str):
        for parse in (json.loads, ast.literal_eval):
            try:
                value = parse(value)
                break
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
    if not isinstance(value, list):
        raise BadDataset(path, line, f"{name}: expected a list")
    return value


def written(cases: Sequence[Case]) -> str:
    """The cases as JSON lines that ragas reads: one of several turns has messages."""
    return "".join(json.dumps(_sample(case), ensure_ascii=False) + "\n" for case in cases)


def _sample(case: Case) -> dict[str, Any]:
    asked: Any = case.question
    if case.history:
        said = [*((turn.role, turn.content) for turn in case.history), ("user", case.question)]
        names = {"user": "human", "assistant": "ai"}
        asked = [{"type": names[role], "content": text} for role, text in said if role in names]
    sample: dict[str, Any] = {"user_input": asked}
    if case.references:
        sample["reference"] = case.references[0]
    contexts = [one.text for one in case.relevant if one.text]
    return sample | ({"reference_contexts": contexts} if contexts else {})
