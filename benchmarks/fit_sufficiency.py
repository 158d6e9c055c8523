"""Fit when to abstain, on questions that no reported figure is of and no network has learned from.

    ASSAY_HOME=/tmp/articles python -m benchmarks.fit_sufficiency ask squad.npz --squad FOLDER
    ASSAY_HOME=/tmp/own python -m benchmarks.fit_sufficiency ask own.npz
    python -m benchmarks.fit_sufficiency fit squad.npz own.npz

*ask* keeps the signals of questions: of two articles of SQuAD, or of every second document of
`benchmarks.own_documents`; with --reported of those that figures are reported on. It prints how
often the first quotation holds the answer. *fit* prints a logistic regression for
`generation/sufficiency.py`, in which each file weighs the same, and for each file what it would do
at several limits, cross-validated by document. *show* prints that for what ships. Files that were
asked with ASSAY_GAUGE=false are for the regression for where there is no gauge.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from app.bootstrap import Assay
from app.settings import read_settings
from benchmarks.own_documents import own_questions
from benchmarks.squad import holds_answer, sample_questions
from evals.metrics.estimate import wilson
from generation.answering_policy import EVIDENCE_PASSAGES
from generation.quoting import rank_quotes
from generation.sufficiency import Signals, probability

LIMITS = np.arange(0.25, 0.75, 0.05)
_FOLDS = 5


class Question(NamedTuple):
    """`answers`: none when it cannot be answered; of one `group` are questions on one document."""

    text: str
    answers: tuple[str, ...]
    group: str


class Kept(NamedTuple):
    """Signals, (n, 2); whether each is answerable; its group; what shipped made of each, (n,)."""

    x: NDArray[np.float64]
    y: NDArray[np.bool_]
    groups: NDArray[np.str_]
    shipped: NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    ask = commands.add_parser("ask")
    ask.add_argument("out", type=Path)
    ask.add_argument("--squad", type=Path, help="its folder; without it, own documents are asked")
    ask.add_argument("--n", type=int, default=302, help="answerable ones, and as many others")
    ask.add_argument("--seed", type=int, default=2026)
    ask.add_argument("--reported", action="store_true")
    fit = commands.add_parser("fit")
    fit.add_argument("kept", type=Path, nargs="+")
    fit.add_argument("--c", type=float, default=0.1, help="inverse of the penalty")
    show = commands.add_parser("show")
    show.add_argument("kept", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "ask":
        _ask(arguments.out, _questions(arguments))
        return
    kept = [_read(path) for path in arguments.kept]
    if arguments.command == "fit":
        said = _fitted(kept, arguments.c)
    else:
        said = [one.shipped for one in kept]
    for path, one, probabilities in zip(arguments.kept, kept, said, strict=True):
        print(path.name)
        _show_points(probabilities, one.y)


def _questions(arguments: argparse.Namespace) -> list[Question]:
    for_fitting = not arguments.reported
    if arguments.squad:
        found = sample_questions(
            arguments.squad, n=arguments.n, seed=arguments.seed, for_fitting=for_fitting
        )
        return [Question(one.text, one.answers, one.paragraph) for one in found]
    rows = [
        Question(row.question, tuple(row.text[a:b] for a, b in row.answers), row.group)
        for row in own_questions(for_fitting=for_fitting)
    ]
    random.Random(arguments.seed).shuffle(rows)
    answered = [row for row in rows if row.answers]
    others = [row for row in rows if not row.answers]
    return [*answered[: arguments.n], *others[: arguments.n]]


def _ask(out: Path, questions: Sequence[Question]) -> None:
    assay = Assay(read_settings())
    readable = assay.access.everything()
    signals: list[Signals] = []
    right = []
    for done, question in enumerate(questions, start=1):
        hits = assay.searcher.search(question.text, readable=readable, k=EVIDENCE_PASSAGES)
        quotes = rank_quotes(question.text, hits, assay.encoder)
        signals.append(assay.sufficiency.signals(question.text, hits, quotes))
        if question.answers:
            first = quotes[0]
            text = hits[first.index].passage.text[first.start : first.end]
            right.append(holds_answer(text, question.answers))
        if done % 20 == 0:
            print(f"… {done} of {len(questions)}", flush=True)
    print(f"the first quotation holds the answer: {np.mean(right):.4f} (n={len(right)})")
    np.savez(
        out,
        x=np.array(signals, np.float64),
        y=np.array([bool(question.answers) for question in questions]),
        groups=np.array([question.group for question in questions]),
        shipped=np.array([probability(assay.sufficiency.regression, one) for one in signals]),
    )


def _read(path: Path) -> Kept:
    kept = np.load(path)
    return Kept(kept["x"], kept["y"], kept["groups"], kept["shipped"])


def _fitted(kept: Sequence[Kept], penalty: float) -> list[NDArray[np.float64]]:
    """Print the regression; of each file what it says of each question, fitted on other documents
    of that file and all of the others."""
    names = Signals._fields
    x = np.vstack([one.x for one in kept])
    y = np.concatenate([one.y for one in kept])
    files = np.concatenate([np.full(len(one.y), i) for i, one in enumerate(kept)])
    groups = np.concatenate([np.char.add(f"{i} ", one.groups) for i, one in enumerate(kept)])
    for name, column in zip(names, x.T, strict=True):
        parts = [(y[files == i], column[files == i]) for i in range(len(kept))]
        print(f"{name}: AUROC alone {', '.join(f'{roc_auc_score(*part):.3f}' for part in parts)}")
    # The penalty is on signals of one scale; the weights that are printed are of the signals as is.
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    weights = len(y) / len(kept) / np.bincount(files)[files]
    model = LogisticRegression(C=penalty, max_iter=5000)
    said = np.zeros(len(y))
    for learned, asked in GroupKFold(_FOLDS).split(x, y, groups):
        model.fit(x[learned] / spread, y[learned], sample_weight=weights[learned])
        said[asked] = model.predict_proba(x[asked] / spread)[:, 1]
    model.fit(x / spread, y, sample_weight=weights)
    found = (model.coef_[0] / spread).round(3).tolist()
    print(f"intercept {model.intercept_[0]:.3f}, weights {dict(zip(names, found, strict=True))}")
    return [said[files == i] for i in range(len(kept))]


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
