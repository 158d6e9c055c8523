"""Fit when to abstain, on articles that are in no reported figure.

    ASSAY_HOME=/tmp/articles python -m benchmarks.fit_sufficiency FOLDER [--n 300] [--reported]

Prints how often the first quotation holds the answer; then the logistic regression for
`generation/sufficiency.py` and its operating points, cross-validated by paragraph. With --reported
the articles that figures are reported on are asked, and the weights that ship are measured; nothing
is fitted then, and it flatters the gauge that ships, which has learned from those. With
ASSAY_GAUGE=false it is the regression for where there is no gauge; the one with a gauge was fitted
with `--without holds`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from app.bootstrap import Assay
from app.settings import read_settings
from benchmarks.squad import SquadQuestion, holds_answer, sample_questions
from evals.metrics.estimate import wilson
from generation.answering_policy import EVIDENCE_PASSAGES
from generation.quoting import rank_quotes
from generation.sufficiency import READ_PASSAGES, Signals, answerability, in_context, signals_of

LIMITS = np.arange(0.25, 0.75, 0.05)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--c", type=float, default=0.1, help="inverse of the penalty")
    parser.add_argument("--without", nargs="*", default=[], help="signals to leave out of the fit")
    parser.add_argument("--reported", action="store_true")
    parser.add_argument("--keep", type=Path, help="write signals and labels here (.npz)")
    arguments = parser.parse_args()
    questions = sample_questions(
        arguments.folder, n=arguments.n, seed=arguments.seed, for_fitting=not arguments.reported
    )
    signals, right = _measured(questions)
    x = np.array(signals, np.float64)  # nan where no gauge was asked
    is_known = ~np.isnan(x).any(axis=0) & ~np.isin(Signals._fields, arguments.without)
    y = np.array([question.is_answerable for question in questions])
    groups = np.array([question.paragraph for question in questions])
    if arguments.keep:
        np.savez(arguments.keep, x=x, y=y, groups=groups)
    names = [name for name, known in zip(Signals._fields, is_known, strict=True) if known]
    for name, column in zip(names, x[:, is_known].T, strict=True):
        print(f"{name}: AUROC alone {roc_auc_score(y, column):.3f}")
    print(f"the first quotation holds the answer: {np.mean(right):.4f} (n={len(right)})")
    if arguments.reported:
        _show_points(np.array([answerability(one) for one in signals]), y)
    else:
        _show_points(_fitted(names, x[:, is_known], y, groups, arguments.c), y)


def _measured(
    questions: Sequence[SquadQuestion],
) -> tuple[list[Signals], list[bool]]:
    """Signals of each question; whether the first quotation held each answer that there was."""
    assay = Assay(read_settings())
    readable = assay.access.everything()
    signals = []
    right = []
    for done, question in enumerate(questions, start=1):
        hits = assay.searcher.search(question.text, readable=readable, k=EVIDENCE_PASSAGES)
        found = assay.finder.find(
            question.text, [in_context(h.passage) for h in hits[:READ_PASSAGES]]
        )
        quotes = rank_quotes(question.text, hits, assay.encoder)
        signals.append(signals_of(question.text, hits, quotes, found))
        if question.is_answerable:
            first = quotes[0]
            text = hits[first.index].passage.text[first.start : first.end]
            right.append(holds_answer(text, question.answers))
        if done % 20 == 0:
            print(f"… {done} of {len(questions)}", flush=True)
    return signals, right


def _fitted(
    names: Sequence[str],
    x: NDArray[np.float64],
    y: NDArray[np.bool_],
    groups: NDArray[np.str_],
    penalty: float,
) -> NDArray[np.float64]:
    """Print the regression; what it says of each question when fitted on other paragraphs."""
    # The penalty is on signals of one scale; the weights that are printed are of the signals as is.
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    model = LogisticRegression(C=penalty, max_iter=5000)
    said: NDArray[np.float64] = cross_val_predict(
        model, x / spread, y, groups=groups, cv=GroupKFold(5), method="predict_proba"
    )[:, 1]
    model.fit(x / spread, y)
    found = (model.coef_[0] / spread).round(3).tolist()
    weights = dict(zip(names, found, strict=True))
    print(f"intercept {model.intercept_[0]:.3f}, weights {weights}")
    return said


def _show_points(said: NDArray[np.float64], y: NDArray[np.bool_]) -> None:
    print(f"AUROC {roc_auc_score(y, said):.4f} (n={len(y)})")
    for limit in LIMITS:
        abstains = said < limit
        if abstains.any():
            precision = wilson(int((~y[abstains]).sum()), int(abstains.sum()))
            recall = wilson(int(abstains[~y].sum()), int((~y).sum()))
            print(
                f"abstain below {limit:.2f}: precision {precision.value:.3f} "
                f"({precision.low:.3f}-{precision.high:.3f}), recall {recall.value:.3f} "
                f"({recall.low:.3f}-{recall.high:.3f}), answered {(~abstains)[y].mean():.3f}"
            )


if __name__ == "__main__":
    main()
