"""Every error `evals` raises on purpose.

EvalsError
├── BadDataset     a file of a data set is missing, or a line of it is not what it should be
├── UnknownRun     no run has this number
└── UnknownSuite   no suite has this name, or no such version
"""

from collections.abc import Sequence
from pathlib import Path


class EvalsError(Exception):
    """Base of every error `evals` raises on purpose."""


class BadDataset(EvalsError):
    """A file of a data set is missing, or a line of it is not what it should be."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        where = f"{path}, line {line}" if line else str(path)
        super().__init__(f"{where}: {reason}")


class UnknownRun(EvalsError):
    """No run has this number."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"there is no run {run_id}; `assay eval runs` lists them")


class UnknownSuite(EvalsError):
    """No suite has this name, or no such version."""

    def __init__(self, name: str, number: int | None, known: Sequence[str]) -> None:
        what = repr(name) if number is None else f"{name!r} version {number}"
        names = ", ".join(sorted(known)) or "none yet"
        super().__init__(f"there is no suite {what}; the suites are: {names}")
