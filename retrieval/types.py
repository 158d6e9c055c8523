"""The values of the corpus. Pure: loads no model, index, database or web library, nor numpy."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from retrieval.hidden import HiddenText

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Access(StrEnum):
    """What a principal may do with a collection; each level includes those before it.

    READ: search it, ask it, open its documents. WRITE: bring documents in, read them again,
    delete them. MANAGE: grant it to others, rename and delete it.
    """

    READ = "read"
    WRITE = "write"
    MANAGE = "manage"

    def includes(self, other: "Access") -> bool:
        """Whether this level is enough where `other` is asked for."""
        order = list(Access)
        return order.index(self) >= order.index(other)


class Policy(StrEnum):
    """What becomes of an answer over a collection's documents when they do not support all of it.

    SHOW: every sentence is shown with its verdict. STRIKE: what is not supported is left out, and
    how much is said. QUOTE: unless every sentence is supported, the best passages are quoted
    instead. ABSTAIN: unless every sentence is supported, the question is declined. Of a draft
    each shows nothing that the one before it would not.
    """

    SHOW = "show"
    STRIKE = "strike"
    QUOTE = "quote"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Collection:
    """What access is granted on."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or group. An administrator reads every collection.

    `viewed_by` names the administrator who looks through the eyes of this one, if one does.
    """

    id: int
    name: str
    is_administrator: bool
    viewed_by: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Document:
    """One logical file. `path` identifies it within its collection; `name` is what readers see."""

    id: int
    collection_id: int
    path: str
    name: str
    title: str
    media_type: str
    revision_id: int


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A document as the store knows it: enough to tell whether a file has changed."""

    document_id: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PassageSpan:
    """A passage before the store has given it an id: a slice of a revision's text.

    `context` (title and heading path) goes to the encoder and the lexical index with the text;
    it is never part of what is cited.
    """

    start: int
    end: int
    page: int | None
    context: str

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"passage span [{self.start}, {self.end}) is empty or reversed")


@dataclass(frozen=True, slots=True)
class Passage:
    """A contiguous slice of a document: what is embedded, retrieved and cited.

    `text` is exactly `revision_text[start:end]` (code points), so a citation can always be shown
    in place. Scores live in `Hit`: they belong to a (question, passage) pair.
    """

    id: int
    document_id: int
    revision_id: int
    collection_id: int
    start: int
    end: int
    page: int | None
    context: str
    text: str

    def __post_init__(self) -> None:
        if self.end - self.start != len(self.text):
            raise ValueError(
                f"passage {self.id}: span [{self.start}, {self.end}) is {self.end - self.start} "
                f"long but the text has {len(self.text)} characters"
            )


class Traits(NamedTuple):
    """What is known of a document from its text alone.

    `language` is a code of `LANGUAGES` or ""; `signature` is empty for a text without words.
    """

    language: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Revision:
    """Everything that is published of one file in one transaction.

    `text` is what citations point into; `passages` tile it; `vectors` holds their unit vectors,
    (n_passages, dimension) float32, row i for passage i. `sha256` is of the original bytes.
    `hidden` is what the file keeps from human eyes; it is not in `text`. `traits` None: not looked
    at yet.
    """

    path: str
    name: str
    title: str
    media_type: str
    sha256: str
    text: str
    passages: tuple[PassageSpan, ...]
    vectors: "NDArray[np.float32]"
    hidden: tuple[HiddenText, ...] = ()
    traits: Traits | None = None

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2:
            raise ValueError(
                f"{self.name}: expected vectors (n, dimension), got {self.vectors.shape}"
            )
        if len(self.vectors) != len(self.passages):
            raise ValueError(
                f"{self.name}: {len(self.passages)} passages but {self.vectors.shape[0]} vectors"
            )
        position = 0
        for passage in self.passages:
            if passage.start != position:
                raise ValueError(f"{self.name}: passages do not tile the text at {position}")
            position = passage.end
        if position != len(self.text):
            raise ValueError(
                f"{self.name}: passages end at {position} and the text at {len(self.text)}"
            )


class Mode(StrEnum):
    """Which indexes are asked."""

    DENSE = "dense"
    LEXICAL = "lexical"
    HYBRID = "hybrid"


class Candidate(NamedTuple):
    """A passage one index proposes. Scores of different indexes are not comparable."""

    passage_id: int
    score: float


class Carried(NamedTuple):
    """What a document has of the names of a question.

    `share`: of those that tell the documents found apart, in [0, 1]; 1 where none does. `names`:
    those it is about, lower case, among them those that all documents have.
    """

    share: float = 1.0
    names: frozenset[str] = frozenset()


CARRIES_ALL = Carried()


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a question.

    `score` orders the hits of one search. `similarity` is the cosine of question and passage in
    [-1, 1], of the question alone, whatever earlier ones lent it; None when the dense index was not
    asked, or has many that are nearer to the question. `carried` says whether its document is
    one that the question names. `before` are the passages right before it on its page, nearest
    first, where its table began there.
    """

    passage: Passage
    document: Document
    score: float
    similarity: float | None
    carried: Carried = CARRIES_ALL
    before: tuple[Passage, ...] = ()

    @property
    def text_before(self) -> str:
        """What `before` says, as it stands above the passage."""
        return "".join(passage.text for passage in reversed(self.before))

    def at(self, start: int, end: int) -> tuple["Hit", int, int]:
        """Where [start, end), counted from the beginning of the passage's text, stands.

        Returns:
            This hit, or one of a passage before it, where `start` is negative; and the same span
            counted from the beginning of its passage.
        """
        first = self.passage.start
        for passage in self.before:
            begin = first + start - passage.start
            if start < 0 <= begin:
                return Hit(passage, self.document, self.score, None), begin, begin + end - start
        return self, start, end


class VectorDelta(NamedTuple):
    """What a vector index must do to get from one change number to a later one.

    First drop every passage of `retired_revisions`, then add the rows: `vectors` is
    (n, dimension) float32, the other arrays (n,) int64.
    """

    change_number: int
    retired_revisions: frozenset[int]
    passage_ids: "NDArray[np.int64]"
    revision_ids: "NDArray[np.int64]"
    collection_ids: "NDArray[np.int64]"
    vectors: "NDArray[np.float32]"


def unit_rows(vectors: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Scale each row to length 1.

    Args:
        vectors: (n, dimension) float32.

    Raises:
        ValueError: not two-dimensional, or a row that is all zero or not finite.
    """
    import numpy as np

    if vectors.ndim != 2:
        raise ValueError(f"expected (n, dimension), got shape {vectors.shape}")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise ValueError("a vector is zero or not finite; it has no direction")
    return np.ascontiguousarray(vectors / norms, dtype=np.float32)


def embedded_text(context: str, text: str) -> str:
    """What an encoder reads for a passage: its context above its text."""
    return f"{context}\n{text.strip()}"


def context_of(title: str, headings: Sequence[str]) -> str:
    """Join title and heading path, outermost first; a heading like the title is not repeated."""
    parts = [title, *(heading for heading in headings if heading != title)]
    return " > ".join(part for part in parts if part)
