"""Fit the first verifier on labelled sentences, and say what it reaches on others.

    python -m benchmarks.fit_baseline_verifier GROUNDEDNESS_FOLDER [--per-set 150] [--seed 7]

Reads train.jsonl.gz and dev.jsonl.gz: rows {ds, gran, context, question, claim, label}, label 1 =
supported. Fitted on the sets that hold what systems wrote and people judged, which is what is
judged here (docs/LOG.md). As many rows of each set are taken, so that no set decides alone.
"""

import argparse
import gzip
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from generation.groundedness.baseline import BaselineVerifier, Features, Weights
from generation.groundedness.types import Judgement
from retrieval.encoder import load_encoder

# What systems wrote, judged by people.
FITTED_ON = (
    "begin_cmu begin_tc begin_wow defacto defacto_fixed faceval factcheck_bench factscore wice "
    "xsum_token_hallu"
).split()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-set", type=int, default=150)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    probe = Probe()
    train = [
        probe.features(row)
        for row in rows(arguments.folder / "train.jsonl.gz", arguments.per_set, arguments.seed)
        if row["ds"] in FITTED_ON
    ]
    held_out = rows(arguments.folder / "dev.jsonl.gz", arguments.per_set, arguments.seed)
    x = np.array([features for features, _ in train])
    y = np.array([label for _, label in train])
    model = LogisticRegression(C=10, class_weight="balanced").fit(x, y)
    fitted = dict(zip(Features._fields, model.coef_[0].round(2).tolist(), strict=True))
    print(f"n={len(y)}, supported {y.mean():.3f}; intercept {model.intercept_[0]:.2f}, {fitted}")
    weights = Weights(
        float(model.intercept_[0]),
        Features(*model.coef_[0].tolist()),
        supported_from=0.5,
        partly_from=0.3,
    )
    verifier = BaselineVerifier(probe.encoder, weights)
    judged = [
        verifier.judge(row["question"], [row["claim"]], [row["context"]])[0] for row in held_out
    ]
    describe(held_out, judged)


def describe(held_out: list[dict[str, Any]], judged: list[Judgement]) -> None:
    y = np.array([row["label"] for row in held_out])
    scores = np.array([judgement.score for judgement in judged])
    print(
        f"dev: n={len(y)}, AUROC {roc_auc_score(y, scores):.3f}, "
        f"Brier {brier_score_loss(y, scores):.3f}"
    )
    for name in sorted({row["ds"] for row in held_out}):
        chosen = np.array([row["ds"] == name for row in held_out])
        if 0 < y[chosen].mean() < 1:
            print(
                f"  {name}: AUROC {roc_auc_score(y[chosen], scores[chosen]):.3f} "
                f"(n={chosen.sum()}, supported {y[chosen].mean():.2f})"
            )
    for limit in np.arange(0.3, 0.9, 0.05):
        shown = scores >= limit
        if shown.any():
            print(
                f"supported from {limit:.2f}: right {y[shown].mean():.3f}, "
                f"found {shown[y == 1].mean():.3f}"
            )


class Probe:
    """Reads the features the verifier itself sees, at the window it would choose."""

    def __init__(self) -> None:
        self.encoder = load_encoder()
        self._seen: list[Features] = []

    def features(self, row: dict[str, Any]) -> tuple[Features, int]:
        """Features of the window with most shared words and meaning, and the row's label."""
        verifier = BaselineVerifier(self.encoder, _CHOOSING)
        best = verifier.features(row["question"], row["claim"], row["context"])
        return best, int(row["label"])


# Weights that only choose the window to learn from: words and meaning, nothing else.
_CHOOSING = Weights(
    0.0, Features(3.0, 0.0, 3.0, 0.0, 0.0, 0.0), supported_from=0.5, partly_from=0.3
)


def rows(path: Path, per_set: int, seed: int) -> list[dict[str, Any]]:
    by_set: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["gran"] != "response" and row["context"]:
                row["question"] = row.get("question") or ""
                if not isinstance(row["context"], str):
                    row["context"] = "\n".join(row["context"])
                by_set[row["ds"]].append(row)
    chooser = random.Random(seed)
    return [
        row
        for _, found in sorted(by_set.items())
        for row in chooser.sample(found, min(per_set, len(found)))
    ]


if __name__ == "__main__":
    main()
