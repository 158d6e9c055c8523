"""Where probabilities become verdicts: fitted once, shipped beside the weights. Pure."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from generation.groundedness.signals import (
    Logistic,
    ResponseSignals,
    SentenceSignals,
    probability,
)
from generation.types import Verdict


@dataclass(frozen=True, slots=True)
class Points:
    """Two limits on P(supported): below `warn` is doubted, below `block` is refused."""

    warn: float
    block: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How signals become probabilities, and probabilities verdicts.

    `sentence` and `response` give P(supported). `contradicted_from` is the least probability of
    the contradiction head, and `partly_below` the largest share of a sentence's tokens that may
    be unsupported while the rest of it still counts. `records` is what a response's log-odds are
    less where it is written from a record: models are wrong more often there.
    """

    sentence: Logistic
    response: Logistic
    sentence_points: Points
    response_points: Points
    contradicted_from: float
    partly_below: float
    records: float

    def score(self, signals: SentenceSignals) -> float:
        """P(supported) of a sentence, below *block* where it cannot be right as it stands.

        That is where a number of it is nowhere in the evidence, or is there with other units
        alone, or where it denies what its best unit states or the reverse. People seldom write
        such sentences, so the regression never learned how sure this is.
        """
        score = self.sentence.probability(signals)
        is_off = signals.numbers_unseen or signals.units_differ or signals.negation_differs
        return min(score, math.nextafter(self.sentence_points.block, 0)) if is_off else score

    def response_score(self, signals: ResponseSignals, *, of_record: bool) -> float:
        """P(supported) of a whole response; `of_record` says what kind its evidence is."""
        return probability(self.response.log_odds(signals) - self.records * of_record)

    def doubted(self, score: float) -> float:
        """A score, below *warn* at most: there is reason to doubt what else looks supported."""
        return min(score, math.nextafter(self.sentence_points.warn, 0))

    def verdict(self, score: float, contradiction: float, marked: float) -> Verdict:
        """What to say of a sentence.

        Supported from the *warn* point up. Partly between the points, or below both when only a
        small part of the sentence is marked unsupported and nothing denies it. Else contradicted
        when the evidence denies it, unsupported when it does not say so.

        Args:
            score: P(supported).
            contradiction: P(the evidence denies it), [0, 1].
            marked: share of its tokens that are more likely unsupported than not, [0, 1].
        """
        if score >= self.sentence_points.warn:
            return Verdict.SUPPORTED
        if contradiction >= self.contradicted_from:
            return Verdict.CONTRADICTED
        if score >= self.sentence_points.block or 0 < marked < self.partly_below:
            return Verdict.PARTLY
        return Verdict.UNSUPPORTED


def load_calibration(path: Path) -> Calibration:
    """Read calibration.json."""
    read = json.loads(path.read_text(encoding="utf-8"))
    return Calibration(
        sentence=Logistic(**read["sentence"]),
        response=Logistic(**read["response"]),
        sentence_points=Points(**read["sentence_points"]),
        response_points=Points(**read["response_points"]),
        contradicted_from=float(read["contradicted_from"]),
        partly_below=float(read["partly_below"]),
        records=float(read["records"]),
    )


def is_denied(signals: SentenceSignals) -> float:
    """P(the evidence denies the sentence), from the contradiction head."""
    return Logistic(0.0, {"contradiction": 1.0}).probability(signals)
