"""The values of evaluation: cases, what was observed of them, runs. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

from generation.types import Message, Origin, Verdict

# Values of one case by metric name. None is unscored: it ought to be there, a judge failed, say.
# What does not apply to a case is absent.
Values: TypeAlias = Mapping[str, float | None]
Json: TypeAlias = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


class Expectation(StrEnum):
    """What a case wants: an answer, or that Assay declines."""

    ANSWER = "answer"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Relevant:
    """What a search should find: a document, or a passage of one by some of its words.

    At least one of both is given. `document` is a name or path; `text` is found in a passage that
    shares a long run of words with it. `grade` is above 0.
    """

    document: str = ""
    text: str = ""
    grade: int = 1

    def __post_init__(self) -> None:
        if not self.document and not self.text:
            raise ValueError("what is relevant needs a document or a text")
        if self.grade < 1:
            raise ValueError(f"grade is {self.grade}; it must be at least 1")


@dataclass(frozen=True, slots=True)
class Case:
    """A question, and what is known of a good answer.

    `key` names it within its suite, from version to version. Any of `references` is a right
    answer. Cases of one `cluster` are not independent of each other (questions on one document);
    empty: the first relevant document, else the case itself. `source` says where it comes from.
    """

    key: str
    question: str
    history: tuple[Message, ...] = ()
    references: tuple[str, ...] = ()
    relevant: tuple[Relevant, ...] = ()
    expectation: Expectation | None = None
    tags: tuple[str, ...] = ()
    weight: float = 1.0
    cluster: str = ""
    source: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not self.question.strip():
            raise ValueError("the question is empty")
        if not self.key:
            raise ValueError("the key is empty")
        if not 0 < self.weight < float("inf"):
            raise ValueError(f"weight is {self.weight}; it must be above 0")

    @property
    def digest(self) -> str:
        """SHA-256 of everything that makes the case what it is."""
        return digest_of(asdict(self))

    @property
    def independent_of_others(self) -> str:
        """What it is drawn with when intervals are made."""
        documents = (one.document for one in self.relevant if one.document)
        return self.cluster or next(documents, "") or self.key


def key_of(question: str, history: Sequence[Message] = ()) -> str:
    """A key for a case that brings none: of its words, so that the same question keeps it."""
    words = [" ".join(question.split()), *(f"{turn.role}: {turn.content}" for turn in history)]
    return digest_of(words)[:16]


def digest_of(value: object) -> str:
    """SHA-256, in hex, of a value that JSON can hold, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SeenPassage:
    """A passage that was retrieved for a case: where it is, not its words, which stay in the store.

    `start` and `end` are code points of the revision's text.
    """

    passage_id: int
    document_id: int
    revision_id: int
    document: str
    path: str
    page: int | None
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class SeenCitation:
    """A citation of an answer. `quote` is what it claims to be revision_text[start:end]."""

    passage_id: int
    document_id: int
    revision_id: int
    document: str
    page: int | None
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class SeenSentence:
    """A sentence of an answer as it was assayed; `score` in [0, 1]."""

    text: str
    origin: Origin
    verdict: Verdict
    score: float
    citations: tuple[SeenCitation, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What the product did with a case.

    `answerability` is the probability, before anything was generated, that the passages hold the
    answer. Seconds count from the question; `first_token_seconds` is None when nothing was
    generated.
    """

    text: str
    abstained: bool
    answerability: float
    sentences: tuple[SeenSentence, ...]
    retrieved: tuple[SeenPassage, ...]
    prompt_tokens: int
    completion_tokens: int
    retrieval_seconds: float
    first_token_seconds: float | None
    seconds: float
    change_number: int

    @property
    def document_ids(self) -> frozenset[int]:
        """Every document whose words may be in it."""
        cited = {one.document_id for sentence in self.sentences for one in sentence.citations}
        return frozenset(cited | {one.document_id for one in self.retrieved})


@dataclass(frozen=True, slots=True)
class Result:
    """A case of a run, by its place in the suite, with its values.

    `observation` is None when the case failed (`error` says why), or when a document whose words
    it held has been deleted (`error` is None then).
    """

    position: int
    key: str
    cluster: str
    weight: float
    expectation: Expectation | None
    values: Values
    observation: Observation | None
    error: str | None = None


class RunState(StrEnum):
    """How far a run is. One that was killed stays `running`, until it is gone on with."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


RunOrigin: TypeAlias = Literal["command", "schedule", "gate"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric over the cases of a run, with its 95 % interval. None is undefined.

    `scored` cases went into it, `unscored` ones could have but a value is missing.
    """

    value: float | None
    low: float | None
    high: float | None
    scored: int
    unscored: int


Summary: TypeAlias = Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class SuiteVersion:
    """A suite as it was at one time; `digest` is of its cases, in their order."""

    id: int
    suite: str
    number: int
    digest: str
    cases: int
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a suite's version. Times are UTC without zone.

    `pins` says what it ran on: commit, settings, models, change number, seed. `summary` is empty
    until it has finished. `done` of `cases` have a result.
    """

    id: int
    version: SuiteVersion
    state: RunState
    origin: str
    started_at: datetime
    finished_at: datetime | None
    cases: int
    done: int
    pins: Mapping[str, Json]
    summary: Summary
    note: str
