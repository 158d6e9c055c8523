"""Cases of a file, collected: no two of one key, no more than fit, and a sample of many. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from evals.datasets.fields import MOST_CASES
from evals.errors import BadDataset
from evals.types import Case, Expectation


def collected(numbered: Iterable[tuple[int, Case]], path: Path) -> list[Case]:
    """The cases, in order.

    Args:
        numbered: each with the line it is from, 0 when nobody knows.

    Raises:
        BadDataset: two have the same key, there are too many, or none.
    """
    cases: list[Case] = []
    first_lines: dict[str, tuple[int, int]] = {}
    for line, case in numbered:
        if len(cases) == MOST_CASES:
            raise BadDataset(path, line, f"there are more than {MOST_CASES:,} cases, the limit")
        if case.key in first_lines:
            before, place = first_lines[case.key]
            where = f"line {before}" if before else f"case {place}"
            raise BadDataset(
                path,
                line,
                f"the key {case.key!r} is that of {where} too; give one of them another key "
                "(without keys, two cases of the same question have the same)",
            )
        cases.append(case)
        first_lines[case.key] = (line, len(cases))
    if not cases:
        raise BadDataset(path, 0, "it holds no case")
    return cases


def sampled(cases: Sequence[Case], limit: int, seed: int) -> list[Case]:
    """Draw `limit` cases, half of them to abstain on when there are both kinds, in their order.

    Which are drawn depends on the seed and the keys alone, not on the order of the file; a smaller
    sample is part of a larger one but for what one kind lends to the other.

    Raises:
        ValueError: `limit` is below 1.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}; it must be at least 1")
    if limit >= len(cases):
        return list(cases)
    drawn = sorted(range(len(cases)), key=lambda place: _lot(cases[place].key, seed))
    abstain = [at for at in drawn if cases[at].expectation is Expectation.ABSTAIN]
    others = [at for at in drawn if cases[at].expectation is not Expectation.ABSTAIN]
    wanted = max(min(limit // 2, len(abstain)), limit - len(others))
    chosen = {*abstain[:wanted], *others[: limit - wanted]}
    return [case for place, case in enumerate(cases) if place in chosen]


def _lot(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{key}".encode()).digest()
