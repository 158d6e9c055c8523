"""Fit when to abstain, on questions whose articles are in no reported figure.

    ASSAY_HOME=/tmp/articles python -m benchmarks.fit_sufficiency FOLDER [--n 400]

Prints, for a grid of weights, how often the best quote holds the answer; then the logistic
regression for `generation/sufficiency.py` and its operating points, cross-validated by paragraph's
article.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from app.bootstrap import Assay
from app.settings import read_settings
from benchmarks.squad import holds_answer, sample_questions
from generation.answering import EVIDENCE_PASSAGES
from generation.quoting import rank_quotes
from generation.sufficiency import READ_PASSAGES, Signals, signals_of

COVERAGE_WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--c", type=float, default=0.1, help="inverse of the penalty")
    parser.add_argument("--keep", type=Path, help="write signals and labels here (.npz)")
    arguments = parser.parse_args()
    questions = sample_questions(
        arguments.folder, n=arguments.n, seed=arguments.seed, for_fitting=True
    )
    assay = Assay(read_settings())
    readable = assay.access.everything()
    signals = []
    right: dict[float, list[bool]] = {weight: [] for weight in COVERAGE_WEIGHTS}
    for question in questions:
        hits = assay.searcher.search(question.text, readable=readable, k=EVIDENCE_PASSAGES)
        quotes = rank_quotes(question.text, hits, assay.encoder)
        texts = [hit.passage.text for hit in hits[:READ_PASSAGES]]
        readings = assay.verifier.read(question.text, texts)
        signals.append(signals_of(question.text, hits, quotes, readings))
        if question.is_answerable:
            for weight, outcomes in right.items():
                best = max(quotes, key=lambda q, w=weight: q.similarity + w * q.coverage)
                text = hits[best.index].passage.text[best.start : best.end]
                outcomes.append(holds_answer(text, question.answers))
    for weight, outcomes in right.items():
        print(
            f"coverage weight {weight}: first quote holds the answer {np.mean(outcomes):.4f} "
            f"(n={len(outcomes)})"
        )
        if len(signals) % 20 == 0:
            print(f"… {len(signals)} of {len(questions)}", flush=True)
    x = np.array(signals)
    y = np.array([question.is_answerable for question in questions])
    groups = np.array([question.paragraph for question in questions])
    if arguments.keep:
        np.savez(arguments.keep, x=x, y=y, groups=groups)
    for name, column in zip(Signals._fields, x.T, strict=True):
        print(f"{name}: AUROC alone {roc_auc_score(y, column):.3f}")
    # The penalty is on signals of one scale; the weights that are printed are of the signals as is.
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    x = x / spread
    model = LogisticRegression(C=arguments.c, max_iter=5000)
    predicted = cross_val_predict(
        model, x, y, groups=groups, cv=GroupKFold(5), method="predict_proba"
    )[:, 1]
    print(f"cross-validated AUROC {roc_auc_score(y, predicted):.4f} (n={len(y)})")
    model.fit(x, y)
    found = (model.coef_[0] / spread).round(3).tolist()
    weights = dict(zip(Signals._fields, found, strict=True))
    print(f"intercept {model.intercept_[0]:.2f}, weights {weights}")
    for limit in np.arange(0.25, 0.65, 0.05):
        abstains = predicted < limit
        if abstains.any():
            print(
                f"abstain below {limit:.2f}: precision {(~y[abstains]).mean():.3f}, "
                f"recall {abstains[~y].mean():.3f}, answered {(~abstains)[y].mean():.3f}"
            )


if __name__ == "__main__":
    main()
