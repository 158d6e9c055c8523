"""The verifier of our own: model, word counts and calibration behind one interface.

An answer finder, where there is one, is asked the question of a sentence and of its evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from generation.finder import AnswerFinder
from generation.groundedness.calibration import Calibration, is_denied, load_calibration
from generation.groundedness.context import is_record
from generation.groundedness.cross_examination import names_another
from generation.groundedness.evidence import Evidence, response_spans
from generation.groundedness.least import least_spans
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
# As much evidence as the finder reads at once beside a question.
_ASKED_TOKENS = 320


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

    def __init__(
        self,
        model: GroundednessModel,
        calibration: Calibration,
        version: str,
        finder: AnswerFinder | None = None,
    ) -> None:
        self._model = model
        self._calibration = calibration
        self._finder = finder
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
        judgements = [self._judgement(one, read.evidence) for one in _seen(self._model, tasks)]
        return self._examined(question, sentences, read, judgements)

    def verify(self, claims: Sequence[Claim]) -> list[ResponseJudgement]:
        """Judge whole responses, in order; see `ResponseVerifier.verify`."""
        return [
            self._response(claim, seen, read)
            for claim, (seen, read) in zip(claims, _measured(self._model, claims), strict=True)
        ]

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
        if verdict is Verdict.UNSUPPORTED:
            return Judgement(verdict, score, ())
        spans = [
            EvidenceSpan(unit.index, unit.start + start, unit.start + end)
            for unit in seen.compared.units
            for start, end in least_spans(evidence.text(unit), seen.compared.words.content)
        ]
        return Judgement(verdict, score, tuple(spans))

    def _examined(
        self,
        question: str,
        sentences: Sequence[str],
        read: ReadEvidence,
        judgements: Sequence[Judgement],
    ) -> list[Judgement]:
        """The same, but partly supported what answers with something else than the evidence."""
        supported = [i for i, one in enumerate(judgements) if one.verdict is Verdict.SUPPORTED]
        judged = list(judgements)
        if self._finder is None or not supported:
            return judged
        evidence = self._model.packer.about(question, read, _ASKED_TOKENS)
        others = names_another(self._finder, question, [sentences[i] for i in supported], evidence)
        for i in (i for i, is_another in zip(supported, others, strict=True) if is_another):
            score = self._calibration.doubted(judged[i].score)
            judged[i] = replace(judged[i], verdict=Verdict.PARTLY, score=score)
        return judged

    def _response(
        self, claim: Claim, seen: Sequence[Seen], read: ReadEvidence
    ) -> ResponseJudgement:
        if not seen:
            return ResponseJudgement(1.0, flagged=False, blocked=False, sentences=())
        evidence = read.evidence
        judgements = self._examined(
            claim.question,
            [claim.response[one.start : one.end] for one in seen],
            read,
            [self._judgement(one, evidence) for one in seen],
        )
        sentences = tuple(
            SentenceJudgement(one.start, one.end, judgement)
            for one, judgement in zip(seen, judgements, strict=True)
        )
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
        return self._calibration.response_score(signals, of_record=is_record(evidence.texts))


def measure(model: GroundednessModel, claims: Sequence[Claim]) -> list[tuple[list[Seen], Evidence]]:
    """All that is measured of every sentence of every claim: what calibration is fitted on."""
    return [(seen, read.evidence) for seen, read in _measured(model, claims)]


def _measured(
    model: GroundednessModel, claims: Sequence[Claim]
) -> list[tuple[list[Seen], ReadEvidence]]:
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
    return [([next(seen) for _ in own], read) for own, read in zip(tasks, reads, strict=True)]


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


def load_verifier(folder: Path = WEIGHTS, finder: AnswerFinder | None = None) -> LocalVerifier:
    """Load the verifier from a folder of weights: the bundled ones.

    Args:
        finder: asked the question of sentences and their evidence; its version is part of this
            verifier's.

    Raises:
        ModelUnusable: a file is missing, or is not the one that was shipped.
    """
    digest = check_files(folder, FILES)
    calibration = load_calibration(folder / "calibration.json")
    version = f"assay-groundedness-{digest[:12]}"
    if finder is not None:
        version = f"{version}+{finder.version}"
    return LocalVerifier(load_model(folder), calibration, version, finder)
