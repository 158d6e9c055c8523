"""The verifier of our own: model, word counts and calibration behind one interface."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generation.groundedness.calibration import Calibration, is_denied, load_calibration
from generation.groundedness.evidence import Evidence, response_spans
from generation.groundedness.model import FILES, GroundednessModel, load_model
from generation.groundedness.packing import Packed, Packer, ReadEvidence
from generation.groundedness.signals import (
    Compared,
    SentenceSignals,
    compare,
    lexical_features,
    response_signals,
    sentence_signals,
)
from generation.groundedness.types import (
    Claim,
    EvidenceSpan,
    Judgement,
    ResponseJudgement,
    SentenceJudgement,
)
from generation.shipped import check_files
from generation.types import Verdict

WEIGHTS = Path(__file__).parent / "weights"
_EVERYTHING_UNSEEN = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A sentence with all that was measured of it; `marked` is the share of unsupported tokens."""

    start: int
    end: int
    compared: Compared
    signals: SentenceSignals
    marked: float
    is_cut: bool  # its end was not read


@dataclass(frozen=True, slots=True)
class _Task:
    """One sentence to be read by the model."""

    start: int
    end: int
    compared: Compared
    packed: Packed
    read: ReadEvidence


class LocalVerifier:
    """Judges by the groundedness model; see `Verifier` and `ResponseVerifier`."""

    def __init__(self, model: GroundednessModel, calibration: Calibration, version: str) -> None:
        self._model = model
        self._calibration = calibration
        self.version = version

    def judge(
        self, question: str, sentences: Sequence[str], evidence: Sequence[str], before: str = ""
    ) -> list[Judgement]:
        """Judge each sentence against its evidence; see `Verifier.judge`."""
        packer = self._model.packer
        read = packer.read(evidence)
        tasks = []
        for sentence in sentences:
            tasks.append(_task(packer, question, before, sentence, (0, len(sentence)), read))
            before = sentence
        return [self._judgement(one, read.evidence) for one in _seen(self._model, tasks)]

    def verify(self, claims: Sequence[Claim]) -> list[ResponseJudgement]:
        """Judge whole responses, in order; see `ResponseVerifier.verify`."""
        measured = measure(self._model, claims)
        return [self._response(seen, evidence) for seen, evidence in measured]

    def tokens(self, question: str, sentence: str, evidence: Sequence[str]) -> int:
        """How many tokens the model reads to judge a sentence."""
        packer = self._model.packer
        return len(packer.pack(question, "", sentence, packer.read(evidence)).tokens)

    def _judgement(self, seen: Seen, evidence: Evidence) -> Judgement:
        if not evidence.units:
            return Judgement(Verdict.UNSUPPORTED, 0.0, ())
        score = self._calibration.score(seen.signals)
        verdict = self._calibration.verdict(score, is_denied(seen.signals), seen.marked)
        if seen.is_cut and verdict is Verdict.SUPPORTED:
            verdict = Verdict.PARTLY  # nothing is known of the end
        units = () if verdict is Verdict.UNSUPPORTED else seen.compared.units
        return Judgement(
            verdict, score, tuple(EvidenceSpan(unit.index, unit.start, unit.end) for unit in units)
        )

    def _response(self, seen: Sequence[Seen], evidence: Evidence) -> ResponseJudgement:
        sentences = tuple(
            SentenceJudgement(one.start, one.end, self._judgement(one, evidence)) for one in seen
        )
        if not sentences:
            return ResponseJudgement(1.0, flagged=False, blocked=False, sentences=())
        score = self._score(seen, evidence)
        points = self._calibration.response_points
        return ResponseJudgement(
            score, flagged=score < points.warn, blocked=score < points.block, sentences=sentences
        )

    def _score(self, seen: Sequence[Seen], evidence: Evidence) -> float:
        if not evidence.units:
            return 0.0
        signals = response_signals(
            [1 - self._calibration.sentence.probability(one.signals) for one in seen],
            max(one.signals.worst_token for one in seen),
            lexical_features([one.compared.words for one in seen], evidence),
        )
        return self._calibration.response.probability(signals)


def measure(model: GroundednessModel, claims: Sequence[Claim]) -> list[tuple[list[Seen], Evidence]]:
    """All that is measured of every sentence of every claim: what calibration is fitted on."""
    packer = model.packer
    known: dict[tuple[str, ...], ReadEvidence] = {}
    reads: list[ReadEvidence] = []
    tasks: list[list[_Task]] = []
    for claim in claims:
        if claim.evidence not in known:
            known[claim.evidence] = packer.read(claim.evidence)
        reads.append(known[claim.evidence])
        own: list[_Task] = []
        before = ""
        for start, end in response_spans(claim.response):
            sentence = claim.response[start:end]
            own.append(_task(packer, claim.question, before, sentence, (start, end), reads[-1]))
            before = sentence
        tasks.append(own)
    seen = iter(_seen(model, [task for own in tasks for task in own]))
    return [
        ([next(seen) for _ in own], read.evidence) for own, read in zip(tasks, reads, strict=True)
    ]


def _task(
    packer: Packer,
    question: str,
    before: str,
    sentence: str,
    span: tuple[int, int],
    read: ReadEvidence,
) -> _Task:
    packed = packer.pack(question, before, sentence, read)
    return _Task(*span, compare(read.evidence, sentence), packed, read)


def _seen(model: GroundednessModel, tasks: Sequence[_Task]) -> list[Seen]:
    found = model.logits([task.packed for task in tasks])
    return [
        Seen(
            task.start,
            task.end,
            task.compared,
            sentence_signals(
                task.compared,
                task.read.evidence,
                logits.support,
                logits.contradiction,
                logits.tokens,
            ),
            float(np.mean(logits.tokens > 0)) if logits.tokens.size else _EVERYTHING_UNSEEN,
            task.packed.is_cut,
        )
        for task, logits in zip(tasks, found, strict=True)
    ]


def load_verifier(folder: Path = WEIGHTS) -> LocalVerifier:
    """Load the verifier from a folder of weights: the bundled ones.

    Raises:
        ModelUnusable: a file is missing, or is not the one that was shipped.
    """
    digest = check_files(folder, FILES)
    calibration = load_calibration(folder / "calibration.json")
    return LocalVerifier(load_model(folder), calibration, f"assay-groundedness-{digest[:12]}")
