"""The values of an answer. Pure: loads no model, index, database or web library."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from generation.answering_policy import AnsweringPolicy
from generation.decoding import Decoding
from retrieval.types import Hit, Policy

# How a model is run on this machine: with OpenVINO on processors, with torch as the reference and
# on GPUs; "auto" is the faster one that can run it.
Runtime: TypeAlias = Literal["auto", "openvino", "torch"]
# How exactly OpenVINO keeps a model's weights.
Precision: TypeAlias = Literal["int4", "int8", "float16", "float32"]

# Why an engine ended: of itself or at a stop string, at `max_tokens`, or because it was told to.
FinishReason: TypeAlias = Literal["stop", "length", "cancelled"]


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
class PassagePart:
    """Words that stood in a prompt: [start, end) of the passage's revision, code points.

    From a client it is a claim: the passage may be gone, or not be one the reader may read.
    """

    passage_id: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, or the instructions before it.

    `evidence` is what a question of the user was asked with, in the order of its prompt; engines
    read `content` only. `audience` of a prompt's first message is whose words may be in it: what
    an engine keeps of a prompt is used again within one audience only, or how much of a prompt was
    in its cache would tell what others read.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    evidence: tuple[PassagePart, ...] = ()
    audience: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How much did not fit into a prompt: passages that were found, and earlier turns.

    A turn is a question with its answer.
    """

    passages: int
    turns: int


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What wrote a draft, as precisely as is known.

    `runtime` is how it was run; `precision` that of the weights ("int8", "bfloat16"), `device` what
    they ran on, and `weights` the SHA-256 of what they were loaded from; all None for a server's.
    """

    name: str
    runtime: Literal["openvino", "torch", "remote"]
    precision: str | None = None
    device: str | None = None
    weights: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it was written, and the natural logarithm of its probability.

    The probability is the model's own, before temperature and penalties.
    """

    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Draft:
    """One of the texts of a beam search, and the sum of the log-probabilities of its tokens."""

    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written by the engine. `cached_tokens` of those read needed no work."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


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
    passages hold the answer. `change_number` is the store's when the evidence was read. Together
    with `engine` and `decoding`, whose seed is there when anything was drawn, it says what made the
    answer. `finish_reason`, `tokens` and `drafts` are the engine's; `evidence` is what stood in its
    prompt and `left_out` what found no room there: None and empty when it was not asked. `language`
    is that of the question, an ISO 639-1 code. `policy` is the strictest of the collections that
    the evidence is from, and `struck` how many sentences were written and left out because of it:
    what the engine said of them is left out too. `standalone` is the question with the words that
    earlier ones lent it, as it was searched for; the question itself when it was the first.
    `is_small_talk` when nothing was asked of any document ("Thanks"): nothing was searched, and the
    reply is neither an answer nor a failure. `encoder` is the fingerprint of what searched,
    `finder` the version of what said whether the answer is there, `search` the kind of index and of
    reranker, `code` the version of the program; empty where they are not known. `answering` are the
    settings as they were in force: with the limit that counted, and whether what wrote it was bound
    to the quotation.
    """

    question: str
    text: str
    abstained: bool
    answerability: float
    sentences: tuple[AssayedSentence, ...]
    nearest: tuple[Hit, ...]
    usage: Usage
    timings: Timings
    engine: EngineInfo
    decoding: Decoding
    prompt_version: str
    change_number: int
    finish_reason: FinishReason | None = None
    tokens: tuple[Token, ...] = ()
    drafts: tuple[Draft, ...] = ()
    language: str = "en"
    evidence: tuple[PassagePart, ...] = ()
    left_out: LeftOut | None = None
    policy: Policy = Policy.SHOW
    struck: int = 0
    standalone: str = ""
    is_small_talk: bool = False
    encoder: str = ""
    finder: str = ""
    search: str = ""
    code: str = ""
    answering: AnsweringPolicy | None = None

    def __post_init__(self) -> None:
        if self.abstained and self.sentences:
            raise ValueError("an abstention carries no sentences")


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Event: the evidence is found. `hits` are best first."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Drafted:
    """Event: the engine wrote `text`, the next piece of its draft, not yet assayed.

    Only under a policy that shows what is not supported.
    """

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
    """What an engine yields: text as it is written; the last piece also says how it ended.

    `tokens` are those the text was made of, when their log-probabilities were asked for. They may
    run ahead of the text, of which what could be the start of a stop string is held back.
    `drafts` are all texts of a beam search, best first, in the last piece; the text is the first.
    `engine` in the first piece and the last is what writes it, where that is decided only while it
    is asked.
    """

    text: str
    usage: Usage | None = None
    finish_reason: FinishReason | None = None
    tokens: tuple[Token, ...] = ()
    drafts: tuple[Draft, ...] = ()
    engine: EngineInfo | None = None
