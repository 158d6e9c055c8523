"""Fit the calibration and the operating points; say what they reach on what they did not see.

    python -m training.groundedness.fit OUT

Reads OUT/measured.jsonl (see `crossfit`), writes OUT/calibration.json, OUT/report.md and
OUT/reliability.svg. All reported figures come from five-fold cross-validation grouped by source:
network, regressions and limits of a fold never saw its rows. The lexical baseline is fitted in the
same folds.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from evals.metrics.classification import auroc, confusion
from evals.metrics.resampling import Interval, clustered_bootstrap, difference
from generation.groundedness.signals import (
    Logistic,
    ResponseSignals,
    SentenceSignals,
    logit,
    names,
    response_signals,
    vector,
)
from training.groundedness.crossfit import ALTERED, FOLDS, fold_of
from training.groundedness.limits import (
    PRIOR,
    best_f1,
    brier_score,
    calibration_error,
    precise,
    recalling,
    to_prior,
)
from training.groundedness.plot import reliability_plot
from training.groundedness.written import RECORD

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_BLOCK_PRECISION = 0.75  # .85 is out of reach at this base rate: no ten responses are so sure
_SENTENCE_RECALL = 0.70
# What RAG answers, development sets, altered sentences and described records have of the weight.
# A response's length means something else in the first two, hence more to the first for responses.
_SENTENCE_SHARES, _RESPONSE_SHARES = (0.5, 0.3, 0.2, 0.0), (0.9, 0.1, 0.0, 0.0)
# Two of three responses that models write from records hold something unsupported, one of five
# that they write from passages (Niu et al. 2024, "RAGTruth", table of hallucinations by task).
_RECORD_PRIOR = 0.65
_PENALTY = 30.0
_OF_SENTENCES, _LEXICAL = names(ResponseSignals)[:5], names(ResponseSignals)[5:]


@dataclass(frozen=True, slots=True)
class Rows:
    """What was measured, row by row; `wrong` is (n,) unsupported.

    `origin` is 0 in-domain, 1 of a development set, 2 a sentence altered from one, 3 a record that
    is described.
    """

    rows: Sequence[Mapping[str, Any]]
    wrong: Bools
    origin: NDArray[np.intp]
    fold: NDArray[np.intp]
    task: NDArray[np.str_]
    group: Sequence[str]

    @property
    def inside(self) -> Bools:
        return self.origin == 0

    @property
    def outside(self) -> Bools:
        return self.origin == 1

    def at(self, places: NDArray[np.intp]) -> list[Mapping[str, Any]]:
        return [self.rows[i] for i in places.tolist()]


@dataclass(frozen=True, slots=True)
class Variant:
    """Which signals are used: what an ablation leaves out."""

    name: str
    sentence: Sequence[str]
    response: Sequence[str]


_MODEL = ["support", "contradiction", "worst_token", "token_mass"]
_WORDS = [name for name in names(SentenceSignals) if name not in _MODEL]
# Words of the whole response are in the probabilities of its sentences already; counted once more
# they say how long responses of these rows were.
_FUSED = Variant("model + words (shipped)", names(SentenceSignals), _OF_SENTENCES)
VARIANTS = [
    _FUSED,
    Variant("words alone, lexical baseline", _WORDS, _LEXICAL),
    Variant("words alone, per sentence too", _WORDS, names(ResponseSignals)),
    Variant("model + words, the response's too", names(SentenceSignals), names(ResponseSignals)),
    Variant("model alone", _MODEL, _OF_SENTENCES),
    Variant("sentence head + words", ["support", "contradiction", *_WORDS], [
        name for name in _OF_SENTENCES if name != "worst_token"
    ]),
    Variant("token head + words", ["worst_token", "token_mass", *_WORDS], _OF_SENTENCES),
]  # fmt: skip


def read_measured(path: Path) -> Rows:
    """All measured responses that have a sentence."""
    with path.open(encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["sentences"]]
    return Rows(
        rows,
        np.array([not row["label"] for row in rows]),
        np.array([_origin(row) for row in rows]),
        np.array([fold_of(row["group"]) if row["fold"] is None else row["fold"] for row in rows]),
        np.array([row["task"] for row in rows]),
        [row["group"] for row in rows],
    )


def _origin(row: Mapping[str, Any]) -> int:
    return {ALTERED: 2, RECORD: 3}.get(row["task"], int(row["fold"] is None))


def logistic(
    features: Floats, wrong: Bools, weights: Floats, fields: Sequence[str], every: Sequence[str]
) -> Logistic:
    """P(supported) from signals: L2-penalised maximum likelihood over standardised columns."""
    mean = np.average(features, axis=0, weights=weights)
    scale = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weights))
    used = np.array([name in fields for name in every]) & (scale > 0)
    scale = np.where(scale > 0, scale, 1.0)
    design = ((features - mean) / scale)[:, used]
    weights = weights * len(weights) / weights.sum()
    model = LogisticRegression(C=1 / _PENALTY, max_iter=1_000)
    model.fit(design, ~wrong, sample_weight=weights)
    slopes = np.zeros(len(every))
    slopes[used] = model.coef_[0] / scale[used]
    intercept = float(model.intercept_[0] - slopes @ mean)
    kept = {name: float(slope) for name, slope in zip(every, slopes, strict=True) if slope}
    return Logistic(intercept, kept)


def weights_of(
    origin: NDArray[np.intp], wrong: Bools, prior: float, shares: Sequence[float]
) -> Floats:
    """Weights under which `prior` of each origin is wrong, and each has its share of all."""
    weights = np.zeros(len(wrong))
    for place, share in enumerate(shares):
        for label, part in ((True, prior), (False, 1 - prior)):
            chosen = (origin == place) & (wrong == label)
            if chosen.any():
                weights[chosen] = share * part / chosen.sum()
    return weights


@dataclass(frozen=True, slots=True)
class Fitted:
    """Both regressions."""

    sentence: Logistic
    response: Logistic

    def sentences(self, row: Mapping[str, Any]) -> list[float]:
        return _sentences(row, self.sentence)

    def score(self, row: Mapping[str, Any]) -> float:
        return self.response.probability(_response(row, self.sentences(row)))


def _sentences(row: Mapping[str, Any], model: Logistic) -> list[float]:
    return [model.probability(SentenceSignals(**one["signals"])) for one in row["sentences"]]


def _response(row: Mapping[str, Any], supported: Sequence[float]) -> ResponseSignals:
    worst = max(one["signals"]["worst_token"] for one in row["sentences"])
    return response_signals([1 - p for p in supported], worst, row["lexical"])


def fit(found: Rows, places: NDArray[np.intp], variant: Variant) -> Fitted:
    """Fit both regressions on some rows."""
    known = [
        (one, int(found.origin[i]))
        for i in places.tolist()
        for one in found.rows[i]["sentences"]
        if one["label"] is not None
    ]
    features = np.array([vector(SentenceSignals(**one["signals"])) for one, _ in known])
    wrong = np.array([not one["label"] for one, _ in known])
    origin = np.array([place for _, place in known])
    sentence = logistic(
        features,
        wrong,
        weights_of(origin, wrong, PRIOR, _SENTENCE_SHARES),
        variant.sentence,
        names(SentenceSignals),
    )
    places = places[found.origin[places] != 2]
    whole = np.array(
        [vector(_response(row, _sentences(row, sentence))) for row in found.at(places)]
    )
    wrong = found.wrong[places]
    weights = weights_of(found.origin[places], wrong, PRIOR, _RESPONSE_SHARES)
    response = logistic(whole, wrong, weights, variant.response, names(ResponseSignals))
    return Fitted(sentence, response)


@dataclass(frozen=True, slots=True)
class Judged:
    """Cross-validated P(supported), and whether it lay below the limit of the other folds.

    Of responses, (n,) each, and P(supported) of their sentences.
    """

    score: Floats
    flagged: Bools
    sentences: Sequence[Sequence[float]]


def judged(found: Rows, variant: Variant) -> Judged:
    """Every row by regressions and limit of the other folds."""
    score = np.zeros(len(found.rows))
    flagged = np.zeros(len(found.rows), dtype=np.bool_)
    sentences: list[list[float]] = [[] for _ in found.rows]
    for fold in range(FOLDS):
        here, elsewhere = np.flatnonzero(found.fold == fold), np.flatnonzero(found.fold != fold)
        fitted = fit(found, elsewhere, variant)
        inside = elsewhere[found.inside[elsewhere]]
        known = np.array([fitted.score(row) for row in found.at(inside)])
        limit = best_f1(found.wrong[inside], known, PRIOR)
        for i in here.tolist():
            sentences[i] = fitted.sentences(found.rows[i])
            score[i] = fitted.score(found.rows[i])
        flagged[here] = score[here] < limit
    return Judged(score, flagged, sentences)


def compared(found: Rows, ours: Judged, theirs: Judged, chosen: Bools) -> dict[str, Interval]:
    """AUROC and F1 of both, and the paired differences, with clustered intervals."""
    places = np.flatnonzero(chosen)

    def measure(drawn: NDArray[np.intp]) -> dict[str, float | None]:
        at = places[drawn]
        wrong = found.wrong[at]
        a, b = auroc(wrong, 1 - ours.score[at]), auroc(wrong, 1 - theirs.score[at])
        f, g = (confusion(wrong, one.flagged[at]).f1 for one in (ours, theirs))
        return {
            "AUROC": a,
            "F1": f,
            "lexical AUROC": b,
            "lexical F1": g,
            "AUROC gained": difference(a, b),
            "F1 gained": difference(f, g),
            "ECE": calibration_error(wrong, ours.score[at]),
            "Brier": brier_score(wrong, ours.score[at]),
        }

    return clustered_bootstrap(measure, [found.group[i] for i in places.tolist()])


def sentence_rows(found: Rows, ours: Judged, chosen: Bools) -> tuple[Bools, Floats]:
    """Labelled sentences of some rows: wrong or not, and P(supported)."""
    pairs = [
        (not one["label"], p)
        for i in np.flatnonzero(chosen).tolist()
        for one, p in zip(found.rows[i]["sentences"], ours.sentences[i], strict=True)
        if one["label"] is not None
    ]
    return np.array([wrong for wrong, _ in pairs]), np.array([p for _, p in pairs])


def groups_of(found: Rows) -> dict[str, Bools]:
    """What is reported apart."""
    named: dict[str, Bools] = {"RAG answers, all": found.inside}
    for task in sorted(set(found.task[found.inside])):
        named[f"RAG answers, {task}"] = found.task == task
    named["development sets, all"] = found.outside
    for task in sorted(set(found.task[found.outside])):
        named[str(task)] = found.task == task
    named["records, described"] = found.task == RECORD
    return {
        name: chosen
        for name, chosen in named.items()
        if len(set(found.wrong[chosen].tolist())) == 2
    }


def report(found: Rows) -> str:
    """Markdown tables of everything."""
    results = {variant.name: judged(found, variant) for variant in VARIANTS}
    ours, theirs = (results[VARIANTS[i].name] for i in (0, 1))
    lines = ["| rows | n (unsupported) | AUROC | F1 | lexical AUROC | lexical F1 | AUROC gained "
             "| F1 gained | ECE | Brier |", "|---" * 10 + "|"]  # fmt: skip
    for name, chosen in groups_of(found).items():
        cells = compared(found, ours, theirs, chosen)
        n, wrong = int(chosen.sum()), int(found.wrong[chosen].sum())
        lines.append(f"| {name} | {n} ({wrong}) | " + " | ".join(map(shown, cells.values())) + " |")
    lines += ["", "Ablation (AUROC / F1):", "", "| signals | all | QA | Summary | dev |",
              "|---" * 5 + "|"]  # fmt: skip
    columns = [found.inside, found.task == "QA", found.task == "Summary", found.outside]
    for name, result in results.items():
        cells_ = [
            f"{_three(auroc(found.wrong[c], 1 - result.score[c]))} / "
            f"{_three(confusion(found.wrong[c], result.flagged[c]).f1)}"
            for c in columns
        ]
        lines.append(f"| {name} | " + " | ".join(cells_) + " |")
    lines += ["", "Sentences:", "", "| rows | n (unsupported) | AUROC | ECE | Brier |",
              "|---" * 5 + "|"]  # fmt: skip
    for name, chosen in (
        ("RAG answers", found.inside),
        ("development sets", found.outside),
        ("one detail altered", found.origin == 2),
        ("records, described", found.origin == 3),
    ):
        wrong_, p = sentence_rows(found, ours, chosen)
        figures = (auroc(wrong_, 1 - p), calibration_error(wrong_, p), brier_score(wrong_, p))
        cells_ = [_three(figure) for figure in figures]
        lines.append(f"| {name} | {len(wrong_)} ({wrong_.sum()}) | " + " | ".join(cells_) + " |")
    lines += ["", "| score | share supported | responses |", "|---" * 3 + "|"]
    lines += [f"| {p:.2f} | {share:.2f} | {n} |" for p, share, n in reliability(found, ours)]
    return "\n".join(lines) + "\n"


def reliability(found: Rows, ours: Judged) -> list[tuple[float, float, int]]:
    """In-domain responses by tenth of their score, at the base rate calibrated to.

    Returns:
        (mean score, share supported, responses) for each tenth that has a response.
    """
    wrong, score = found.wrong[found.inside], ours.score[found.inside]
    weights = to_prior(wrong, PRIOR)
    points = []
    for low, high in pairwise(np.linspace(0, 1, 11).tolist()):
        chosen = (score >= low) & (score < high + (high == 1))
        if chosen.any():
            mean = float(np.average(score[chosen], weights=weights[chosen]))
            right = float(np.average(~wrong[chosen], weights=weights[chosen]))
            points.append((mean, right, int(chosen.sum())))
    return points


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def shown(interval: Interval) -> str:
    """A value with its interval."""
    if interval.value is None:
        return "-"
    if interval.low is None:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def calibration(found: Rows) -> dict[str, Any]:
    """What ships: regressions over all rows, limits from cross-validated scores."""
    everything = fit(found, np.arange(len(found.rows)), _FUSED)
    held_out = judged(found, _FUSED)
    inside = found.inside
    wrong, score = found.wrong[inside], held_out.score[inside]
    wrong_sentences, sentences = sentence_rows(found, held_out, np.ones(len(inside), dtype=bool))
    warn = best_f1(wrong, score, PRIOR)
    sentence_warn = recalling(wrong_sentences, sentences, _SENTENCE_RECALL)
    return {
        "sentence": _plain(everything.sentence),
        "response": _plain(everything.response),
        "sentence_points": {
            "warn": sentence_warn,
            "block": min(
                sentence_warn,
                precise(wrong_sentences, sentences, PRIOR, _BLOCK_PRECISION),
            ),
        },
        "response_points": {
            "warn": float(warn),
            "block": min(float(warn), precise(wrong, score, PRIOR, _BLOCK_PRECISION)),
        },
        "contradicted_from": 0.5,
        "partly_below": 0.5,
        "records": logit(1 - PRIOR) - logit(1 - _RECORD_PRIOR),
    }


def _plain(model: Logistic) -> dict[str, Any]:
    return {"intercept": model.intercept, "coefficients": model.coefficients}


def main(arguments: Sequence[str] | None = None, say: Callable[[str], None] = print) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path)
    out = parser.parse_args(arguments).out
    found = read_measured(out / "measured.jsonl")
    text = report(found)
    (out / "report.md").write_text(text, encoding="utf-8")
    say(text)
    points = reliability(found, judged(found, _FUSED))
    plot = reliability_plot(points, "RAG answers, cross-validated: score and truth")
    (out / "reliability.svg").write_text(plot, encoding="utf-8")
    fitted = calibration(found)
    (out / "calibration.json").write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
    say(json.dumps(fitted, indent=1))


if __name__ == "__main__":
    main()
