"""Stand-ins for models: small, deterministic, readable. Everything else in a test is real."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from generation.decoding import Decoding
from generation.groundedness.types import (
    Claim,
    EvidenceSpan,
    Judgement,
    ResponseJudgement,
    SentenceJudgement,
)
from generation.sufficiency import BY_GAUGE, Sufficiency
from generation.types import EngineInfo, Message, Piece, Usage, Verdict
from ingestion.errors import ReaderCrashed
from ingestion.readers import read_document
from ingestion.types import ParsedDocument
from retrieval.errors import TextTooLong
from retrieval.sentences import sentence_spans
from retrieval.types import unit_rows

_WORD = re.compile(r"\w+")


@dataclass
class WordEncoder:
    """A bag of words: texts are similar as far as they share words. One token per word.

    `encoded` counts the texts it was given; `calls` the batches.
    """

    fingerprint: str = "words"
    dimension: int = 512
    limit_tokens: int = 60
    encoded: int = 0
    calls: int = 0

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(_WORD.findall(text)) for text in texts]

    def encode(
        self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        longest = max(self.count_tokens(texts), default=0)
        if longest > self.limit_tokens:
            raise TextTooLong(longest, self.limit_tokens)
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in _WORD.findall(text.lower()):
                row[1 + crc32(word.encode()) % (self.dimension - 1)] += 1
            row[0] += 0.01  # a text without words still has a direction
        self.encoded += len(texts)
        self.calls += 1
        if on_progress and texts:
            on_progress(len(texts))
        return unit_rows(rows)


@dataclass
class ScriptedEngine:
    """Says the given answers, one after the other, a word at a time; keeps what it was told."""

    answers: Sequence[str] = ()
    info: EngineInfo = field(default_factory=lambda: EngineInfo("scripted", "torch"))
    context_tokens: int = 2048
    conversations: list[Sequence[Message]] = field(default_factory=list)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(_WORD.findall(message.content)) for message in messages)

    def stream(
        self,
        messages: Sequence[Message],
        decoding: Decoding,
        *,
        is_cancelled: Callable[[], bool],
    ) -> Iterator[Piece]:
        answer = self.answers[len(self.conversations)]
        self.conversations.append(messages)
        words = re.findall(r"\S+\s*", answer)
        for word in words:
            if is_cancelled():
                return
            yield Piece(word)
        usage = Usage(self.count_tokens(messages), len(words))
        yield Piece("", usage, "stop")


class PlainReader:
    """The real readers without their sandbox; keeps what it was asked to read, and when."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.is_open = False
        self.opened = 0
        self.read_while_closed: list[str] = []

    def __call__(self) -> "PlainReader":
        return self

    def __enter__(self) -> "PlainReader":
        self.is_open = True
        self.opened += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False

    def read(self, name: str, data: bytes) -> ParsedDocument:
        self.names.append(name)
        if not self.is_open:
            self.read_while_closed.append(name)
        if b"CRASH" in data:
            raise ReaderCrashed("brought the reader down (for the test)")
        return read_document(name, data)


@dataclass
class WordGauge:
    """A text answers where the question shares a word of three letters or more with it."""

    version: str = "words"

    def gauge(self, question: str, texts: Sequence[str]) -> list[float]:
        asked = {word for word in _WORD.findall(question.lower()) if len(word) > 2}
        return [5.0 if asked & set(_WORD.findall(text.lower())) else -6.0 for text in texts]


def shared_words() -> Sufficiency:
    """Passages hold the answer where they share a word with the question."""
    return Sufficiency(WordGauge(), BY_GAUGE)


@dataclass
class SubstringVerifier:
    """Supports a sentence that stands word for word in the evidence; keeps the sizes of batches.

    The score of a response is the share of its sentences that do: below 1 it is flagged, below
    one half blocked.
    """

    version: str = "substring"
    batches: list[int] = field(default_factory=list)

    def judge(
        self, question: str, sentences: Sequence[str], evidence: Sequence[str], before: str = ""
    ) -> list[Judgement]:
        return [self._judgement(sentence.strip(), evidence) for sentence in sentences]

    def verify(self, claims: Sequence[Claim]) -> list[ResponseJudgement]:
        self.batches.append(len(claims))
        return [self._response(claim) for claim in claims]

    def _judgement(self, sentence: str, evidence: Sequence[str]) -> Judgement:
        for index, text in enumerate(evidence):
            start = text.find(sentence)
            if start >= 0:
                span = EvidenceSpan(index, start, start + len(sentence))
                return Judgement(Verdict.SUPPORTED, 1.0, (span,))
        return Judgement(Verdict.UNSUPPORTED, 0.0, ())

    def _response(self, claim: Claim) -> ResponseJudgement:
        sentences = []
        for start, end in sentence_spans(claim.response):
            text = claim.response[start:end]
            if text.strip():
                start, end = start + len(text) - len(text.lstrip()), start + len(text.rstrip())
                [judgement] = self.judge(claim.question, [text], claim.evidence)
                sentences.append(SentenceJudgement(start, end, judgement))
        scores = [sentence.judgement.score for sentence in sentences]
        score = sum(scores) / len(scores) if scores else 1.0
        return ResponseJudgement(score, score < 1, score < 0.5, tuple(sentences))
