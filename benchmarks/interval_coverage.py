"""How often the 95 % intervals of a run hold the true value, in runs that are made up.

    python -m benchmarks.interval_coverage [--runs 1000] [--seed 1]

Each document has a quality of its own, drawn from Beta(4, 2) with mean 2/3. A case of it is right
with that probability ("right or wrong"), or has it as its value ("between 0 and 1").
"""

import argparse

import numpy as np

from evals.metrics.estimate import wilson
from evals.summary import summarise
from evals.types import Result

SHAPES = ((300, 1), (60, 5), (12, 5), (6, 5))
TRUE = 4 / 6
NEAR_ONE = 0.99


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = np.random.default_rng(arguments.seed)
    for documents, each in SHAPES:
        held = {"containment": 0, "token_f1": 0}
        for _ in range(arguments.runs):
            quality = np.repeat(chance.beta(4, 2, size=documents), each)
            right = (chance.random(len(quality)) < quality).astype(float)
            for name in held:
                values = right if name == "containment" else quality
                held[name] += holds(name, values, each, TRUE)
        title = f"{documents} documents with {each} cases"
        show(f"{title}, right or wrong", held["containment"], arguments.runs)
        show(f"{title}, between 0 and 1", held["token_f1"], arguments.runs)
    for cases in (300, 40):
        held_near_one = sum(
            holds("containment", (chance.random(cases) < NEAR_ONE).astype(float), 1, NEAR_ONE)
            for _ in range(arguments.runs)
        )
        show(f"{cases} cases, {NEAR_ONE:.0%} right", held_near_one, arguments.runs)


def holds(name: str, values: np.ndarray, each: int, true: float) -> bool:
    results = [
        Result(n, str(n), str(n // each), 1.0, None, {name: float(value)}, None)
        for n, value in enumerate(values)
    ]
    found = summarise(results)[name]
    return found.low is not None and found.high is not None and found.low <= true <= found.high


def show(title: str, held: int, runs: int) -> None:
    share = wilson(held, runs)
    print(f"{title}: {share.value:.1%} (95 % {share.low:.1%} to {share.high:.1%}, n={runs})")


if __name__ == "__main__":
    main()
