"""What `assay eval gate` sees and what it takes for a loss, over simulated runs.

    python -m benchmarks.gate alarms --cases 100 --pairs 200
    python -m benchmarks.gate power --cases 100 --repeats 60

`alarms` judges pairs of runs of the same thing with the default policy, and pairs of which the
second lost something. `power` drops a share of 0.8 by so much and says how often one of seven
relative rules alarms. Numbers are in docs/EVALS.md.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evals.comparing.paired import draw_differences, match
from evals.gating.gates import DEFAULT_POLICY, check
from evals.types import Result
from tests.simulated import Quality, lose_every_second_hit, result_of, run_of, simulated

_USUAL = Quality()
_DROPS = (0.05, 0.08, 0.10, 0.12, 0.15, 0.20, 0.25)
_LEVEL = DEFAULT_POLICY.alarm_rate / 7
_ALLOWANCE = 0.02
_DRAWS = 2000


def alarms(cases: int, pairs: int) -> None:
    """How many of the pairs alarm, for each thing that may have been lost."""
    changes: dict[str, tuple[Quality, Callable[[list[Result]], list[Result]]]] = {
        "nothing": (_USUAL, lambda results: results),
        "every second hit": (_USUAL, lose_every_second_hit),
        "evidence in the prompt": (replace(_USUAL, supported=0.5, right=0.3), list),
        "threshold 0.2 up": (replace(_USUAL, threshold=_USUAL.threshold + 0.2), list),
        "threshold 0.2 down": (replace(_USUAL, threshold=_USUAL.threshold - 0.2), list),
    }
    for name, (quality, change) in changes.items():
        count = 0
        for seed in range(pairs):
            before = simulated(cases, _USUAL, cases=seed, draw=2 * seed)
            now = change(simulated(cases, quality, cases=seed, draw=2 * seed + 1))
            baseline = run_of(1, before), before
            count += not check(DEFAULT_POLICY, run_of(2, now), now, baseline, draws=_DRAWS).passed
        print(f"{cases} cases, lost {name}: {count} of {pairs} pairs alarm", flush=True)


def power(cases: int, repeats: int) -> None:
    """How often a drop alarms, with and without cases that flip by themselves."""
    for noise in (0.0, 0.05):
        shares = [
            sum(_alarms(cases, drop, noise, seed) for seed in range(repeats)) / repeats
            for drop in _DROPS
        ]
        said = ", ".join(f"{d:.2f}: {s:.2f}" for d, s in zip(_DROPS, shares, strict=True))
        print(f"{cases} cases, {noise:.0%} flip in each run: {said}", flush=True)


def _alarms(cases: int, drop: float, noise: float, seed: int) -> bool:
    draw = np.random.default_rng(seed)
    is_right = draw.random(cases) < 0.8
    before = is_right ^ (draw.random(cases) < noise)
    now = (is_right ^ (draw.random(cases) < noise)) & (draw.random(cases) >= drop / 0.8)
    runs = [
        [result_of(f"{i}", i, containment=float(value)) for i, value in enumerate(values)]
        for values in (before, now)
    ]
    drawn = draw_differences(match(*runs), ["containment"], draws=_DRAWS)["containment"]
    chance = drawn.chance_of_loss(is_rise=False, allowance=_ALLOWANCE)
    return chance is not None and chance <= _LEVEL


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, many in (("alarms", "--pairs"), ("power", "--repeats")):
        command = commands.add_parser(name)
        command.add_argument("--cases", type=int, required=True)
        command.add_argument(many, type=int, required=True, dest="many")
    chosen = parser.parse_args()
    {"alarms": alarms, "power": power}[chosen.command](chosen.cases, chosen.many)


if __name__ == "__main__":
    main()
