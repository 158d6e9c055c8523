"""The values of an answer. Pure: loads no model, index, database or web library."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from retrieval.types import Hit


class Verdict(StrEnum):
    """How a sentence stands to its evidence."""

    SUPPORTED = "supported"
    PARTLY = "partly"
    UNSUPPORTED = "unsupported"
    CONTRADICTED = "contradicted"


class Origin(StrEnum):
    """Where a sentence of an answer comes from."""

    QUOTED = "quoted"
    GENERATED = "generated"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, or the instructions before it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are chosen. OpenAI's names where they exist.

    `temperature` 0 is greedy: the most probable token each time, no randomness. `top_p` in (0, 1]
    and `top_k` >= 0 (0 = off) narrow the choice when temperature is above 0. `seed` makes sampling
    repeat.
    """

    max_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}; it must be at least 1")
        if not 0 <= self.temperature <= 2:
            raise ValueError(f"temperature is {self.temperature}; it must be in [0, 2]")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it must be in (0, 1]")
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k}; it must be 0 (off) or more")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written by the engine."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Citation:
    """Sentence -> exact span: `quote == revision_text[start:end]`, code points."""

    passage_id: int
    document_id: int
    revision_id: int
    document: str
    page: int | None
    start: int
    end: int
    quote: str

    def __post_init__(self) -> None:
        if self.end - self.start != len(self.quote):
            raise ValueError(
                f"citation [{self.start}, {self.end}) is {self.end - self.start} long but the "
                f"quote has {len(self.quote)} characters"
            )


@dataclass(frozen=True, slots=True)
class AssayedSentence:
    """A sentence of an answer with its verdict. `score` in [0, 1] is the support found."""

    text: str
    origin: Origin
    verdict: Verdict
    score: float
    citations: tuple[Citation, ...] = ()

    @property
    def is_said(self) -> bool:
        """Whether the sentence is part of the answer's text; others are shown as marked only."""
        return self.verdict is Verdict.SUPPORTED


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds from the question's arrival. None for what did not happen."""

    retrieval: float
    first_token: float | None
    total: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A draft that was assayed, or an abstention.

    An abstention has no sentences and so no citations; `nearest` then holds the passages that
    came closest. `answerability` is the probability, before anything was generated, that the
    passages hold the answer. `change_number` is the store's when the evidence was read.
    """

    question: str
    text: str
    abstained: bool
    answerability: float
    sentences: tuple[AssayedSentence, ...]
    nearest: tuple[Hit, ...]
    usage: Usage
    timings: Timings
    engine: str
    decoding: Decoding
    prompt_version: str
    change_number: int

    def __post_init__(self) -> None:
        if self.abstained and self.sentences:
            raise ValueError("an abstention carries no sentences")


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Event: the evidence is found. `hits` are best first."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Drafted:
    """Event: the engine wrote `text`, the next piece of its draft, not yet assayed."""

    text: str


@dataclass(frozen=True, slots=True)
class Assayed:
    """Event: a sentence is complete and has its verdict. Quoted sentences come before any draft."""

    sentence: AssayedSentence


@dataclass(frozen=True, slots=True)
class Finished:
    """Event, always the last: the whole answer."""

    answer: Answer


AnswerEvent = Retrieved | Drafted | Assayed | Finished


@dataclass(frozen=True, slots=True)
class Piece:
    """What an engine yields: text as it is written; the last piece also says how it ended."""

    text: str
    usage: Usage | None = None
    finish_reason: Literal["stop", "length", "cancelled"] | None = field(default=None)
