"""Which shape a file or folder has: by its content and structure, not by its name."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from evals.datasets.ragas_rows import MARKS
from evals.datasets.sources import beginning_of, json_of
from evals.datasets.tables import heading_of
from evals.errors import BadDataset


class Shape(StrEnum):
    """The shapes of test sets that can be read."""

    JSONL = "jsonl"
    YAML = "yaml"
    CSV = "csv"
    TSV = "tsv"
    BEIR = "beir"
    SQUAD = "squad"
    MTRAG = "mtrag"
    RAGAS = "ragas"


# What a suite can be written as; the others are for reading.
WRITTEN = tuple(shape for shape in Shape if shape is not Shape.MTRAG)
_KNOWN = ", ".join(Shape)


def shape_of(path: Path) -> Shape:
    """The shape of what is at `path`.

    Raises:
        BadDataset: nothing is there, or it is none of them.
    """
    if path.is_dir():
        return _of_folder(path)
    text = beginning_of(path)
    begins = text.lstrip()[:1]
    if begins in {"{", "["}:
        return _of_json(path, text)
    heading = heading_of(text)
    if "user_input" in heading or ("question" in heading and MARKS & set(heading)):
        return Shape.RAGAS
    if "question" in heading:
        return Shape.TSV if "\t" in text.split("\n", 1)[0] else Shape.CSV
    written = [line for line in text.splitlines() if line.strip() and line[0] not in "#%"]
    if written and written[0].startswith(("- ", "---", "cases:")):
        return Shape.YAML
    raise BadDataset(
        path,
        0,
        f"no known shape of test set ({_KNOWN}); tables need a heading row with a column "
        "`question`, YAML a list of cases",
    )


def _of_folder(folder: Path) -> Shape:
    if (folder / "conversations.jsonl").exists():
        return Shape.MTRAG
    if (folder / "queries.jsonl").exists():
        return Shape.BEIR
    raise BadDataset(
        folder, 0, "a folder is read when it holds queries.jsonl (BEIR) or conversations.jsonl"
    )


def _of_json(path: Path, text: str) -> Shape:
    """The shape of the first object of JSON lines, or of the one value the file is."""
    value: Any = None
    try:
        value = json.loads(text.lstrip().split("\n", 1)[0])
    except (ValueError, RecursionError):
        try:
            value = json_of(path)
        except BadDataset:
            return Shape.JSONL  # whose reader names the line that is wrong
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return Shape.JSONL
    if isinstance(value.get("data"), list):
        return Shape.SQUAD
    if isinstance(value.get("messages"), list):
        return Shape.MTRAG
    if isinstance(value.get("samples"), list) or MARKS & value.keys():
        return Shape.RAGAS
    if isinstance(value.get("cases"), list):
        return Shape.YAML  # of which JSON is a part
    return Shape.JSONL
