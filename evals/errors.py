"""Every error `evals` raises on purpose.

EvalsError
└── BadDataset   a file of a data set is missing, or a line of it is not what it should be
"""

from pathlib import Path


class EvalsError(Exception):
    """Base of every error `evals` raises on purpose."""


class BadDataset(EvalsError):
    """A file of a data set is missing, or a line of it is not what it should be."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        where = f"{path}, line {line}" if line else str(path)
        super().__init__(f"{where}: {reason}")
