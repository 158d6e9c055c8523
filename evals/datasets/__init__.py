"""Suites as files: test sets in eight shapes read as cases, and cases written as files.

    read_suite(path)   any shape -> cases, or the first thing that is wrong and its line
    write_suite(…)     cases -> a file (BEIR: a folder), and what the shape cannot hold

One module per shape: `jsonl`, `yaml_list`, `tables`, `beir_folder`, `squad`, `mtrag`, `ragas_rows`.
`shapes` tells them apart, `fields` checks every value, `sources` reads bytes within limits.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex

from evals.datasets import beir_folder, jsonl, mtrag, ragas_rows, squad, tables, yaml_list
from evals.datasets.collecting import collected, sampled
from evals.datasets.losses import losses
from evals.datasets.shapes import WRITTEN, Shape, shape_of
from evals.errors import BadDataset
from evals.types import Case

__all__ = ["WRITTEN", "Shape", "read_suite", "sampled", "shape_of", "write_suite"]

_READERS: Mapping[Shape, Callable[[Path], Iterator[tuple[int, Case]]]] = {
    Shape.JSONL: jsonl.read,
    Shape.YAML: yaml_list.read,
    Shape.CSV: tables.read,
    Shape.TSV: tables.read,
    Shape.BEIR: beir_folder.read,
    Shape.SQUAD: squad.read,
    Shape.MTRAG: mtrag.read,
    Shape.RAGAS: ragas_rows.read,
}
_WRITERS: Mapping[Shape, Callable[[Sequence[Case]], str]] = {
    Shape.JSONL: jsonl.written,
    Shape.YAML: yaml_list.written,
    Shape.CSV: tables.written,
    Shape.TSV: lambda cases: tables.written(cases, delimiter="\t"),
    Shape.SQUAD: squad.written,
    Shape.RAGAS: ragas_rows.written,
}


def read_suite(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - what the option of the command is called
    limit: int | None = None,
    seed: int = 0,
) -> list[Case]:
    """The cases of a file or folder, all of them or none.

    Args:
        format: a `Shape`; None finds it out from what is there.
        limit: draw as many of them, half to abstain on where there are both kinds.
        seed: which are drawn; the same seed draws the same.

    Raises:
        BadDataset: it is missing, of no known shape, too large, or a row is not a case: the error
            names the first such line and the reason.
        ValueError: `format` is no shape, or `limit` is below 1.
    """
    shape = shape_of(path) if format is None else Shape(format)
    cases = collected(_READERS[shape](path), path)
    return cases if limit is None else sampled(cases, limit, seed)


def write_suite(
    cases: Sequence[Case],
    path: Path,
    format: str,  # noqa: A002 - as above
) -> list[str]:
    """Write cases as a file, or as a folder for `beir`. What is there is replaced, at once or not.

    Returns:
        What the shape cannot hold, and of how many cases; empty when it holds everything.

    Raises:
        BadDataset: the folder it should be in is missing, or the shape cannot be written or cannot
            hold a value at all.
    """
    shape = Shape(format)
    if shape not in WRITTEN:
        raise BadDataset(path, 0, f"{shape} can be read only; write one of {', '.join(WRITTEN)}")
    if not path.parent.is_dir():
        raise BadDataset(path, 0, f"there is no folder {path.parent}; make it first")
    if shape is Shape.BEIR:
        for name, text in beir_folder.written(cases).items():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, text)
    else:
        try:
            text = _WRITERS[shape](cases)
        except ValueError as error:
            raise BadDataset(path, 0, str(error)) from error
        _replace(path, text)
    return losses(cases, shape)


def _replace(path: Path, text: str) -> None:
    """Write a file aside and put it in place: nobody reads half of it."""
    partial = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        partial.write_bytes(text.encode())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
