"""Our own suites as JSON lines; a JSON list of the same objects is read too."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from evals.datasets.fields import cases_of, row_of
from evals.datasets.sources import objects_of
from evals.types import Case


def read(path: Path) -> Iterator[tuple[int, Case]]:
    """(line, case) of each line.

    Raises:
        BadDataset: a line is not a case.
    """
    return cases_of(objects_of(path), path)


def written(cases: Sequence[Case]) -> str:
    """The cases, one on each line."""
    return "".join(json.dumps(row_of(case), ensure_ascii=False) + "\n" for case in cases)
