"""The values of conversations. Pure: they load no database or web library."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

from generation.answering_policy import AnsweringPolicy
from generation.decoding import Decoding
from generation.types import (
    Draft,
    EngineInfo,
    FinishReason,
    LeftOut,
    Origin,
    PassagePart,
    Timings,
    Token,
    Usage,
    Verdict,
)
from retrieval.types import Policy

Thumb: TypeAlias = Literal["up", "down"]
Reason: TypeAlias = Literal[
    "wrong", "incomplete", "unsupported", "should-answer", "should-decline", "other"
]


class State(StrEnum):
    """What became of a question.

    MAKING: its answer is being made, or waits. STOPPED: by its reader. INTERRUPTED: by the server,
    which ended, or because nobody was there any more. FAILED: with an error. What had been assayed
    by then is kept with all of them.
    """

    MAKING = "making"
    FINISHED = "finished"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Quote:
    """Words an answer rests on: `quote == revision_text[start:end]`, code points.

    `quote` and `document` are None when they are withheld: the document was deleted
    (`is_deleted`), or the reader may not read it any more. `is_changed`: the document is of
    other bytes than those that are quoted. `score` is that of a passage that only came near.
    """

    passage_id: int
    document_id: int
    revision_id: int
    collection_id: int
    document: str | None
    page: int | None
    start: int
    end: int
    quote: str | None
    score: float | None = None
    is_changed: bool = False
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class KeptSentence:
    """A sentence as it was assayed. `text` is None when it is withheld, as quotes are."""

    text: str | None
    origin: Origin
    verdict: Verdict
    score: float
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of how an answer was made; fields as in `generation.types.Answer`.

    `verifier_version` is that of what judged it, `said` the words of what has no sentences: an
    abstention, or a reply to small talk. No words of documents are in here.
    """

    abstained: bool
    answerability: float
    usage: Usage
    timings: Timings
    engine: EngineInfo
    decoding: Decoding
    prompt_version: str
    verifier_version: str
    change_number: int
    finish_reason: FinishReason | None
    language: str
    evidence: tuple[PassagePart, ...]
    left_out: LeftOut | None
    policy: Policy
    struck: int
    standalone: str
    is_small_talk: bool
    said: str | None
    encoder: str = ""
    finder: str = ""
    search: str = ""
    code: str = ""
    answering: AnsweringPolicy | None = None


@dataclass(frozen=True, slots=True)
class Drafts:
    """What the engine wrote: see `generation.types.Answer`. Gone once a source was deleted."""

    tokens: tuple[Token, ...] = ()
    drafts: tuple[Draft, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A question and what became of it, as it is kept.

    Args:
        follows: the answer before it in the conversation; None for the first question. Answers that
            follow the same one are versions of each other, older ones with smaller numbers.
        collections: numbers of the collections that were searched.
        decoding: how it was to be decoded. What it was decoded with, its seed too, is in `facts`.
        facts: None unless `state` is FINISHED.
        nearest: what came nearest; of an abstention only.
        failure: what the reader was told, of a FAILED one only.
        sources: numbers of the collections whose words it may have been made of.
    """

    id: int
    conversation_id: int
    follows: int | None
    question: str
    state: State
    asked_at: datetime
    ended_at: datetime | None
    collections: frozenset[int]
    decoding: Decoding
    sentences: tuple[KeptSentence, ...] = ()
    nearest: tuple[Quote, ...] = ()
    facts: Facts | None = None
    drafts: Drafts = Drafts()
    failure: str | None = None
    thumb: Thumb | None = None
    reason: Reason | None = None
    comment: str = ""
    sources: frozenset[int] = frozenset()

    @property
    def text(self) -> str:
        """The supported sentences, or what was said without any; empty when there is neither."""
        if self.facts is not None and self.facts.said is not None:
            return self.facts.said
        said = (s.text for s in self.sentences if s.verdict is Verdict.SUPPORTED)
        return " ".join(text for text in said if text is not None)


@dataclass(frozen=True, slots=True)
class Heading:
    """A conversation in a list. Times are naive UTC."""

    id: int
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with all its answers, every version, in the order they were asked."""

    heading: Heading
    owner_id: int
    answers: tuple[KeptAnswer, ...]

    def path_to(self, answer_id: int) -> tuple[KeptAnswer, ...]:
        """The answers from the first question to this one, each following the one before.

        Raises:
            KeyError: it is none of this conversation.
        """
        known = {answer.id: answer for answer in self.answers}
        path = [known[answer_id]]
        while path[-1].follows is not None:
            path.append(known[path[-1].follows])
        return tuple(reversed(path))

    @property
    def newest_path(self) -> tuple[KeptAnswer, ...]:
        """The path to the answer that was asked last; empty without any."""
        return self.path_to(self.answers[-1].id) if self.answers else ()
