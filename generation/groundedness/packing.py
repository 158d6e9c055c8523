"""Lays question, evidence and sentence out as the tokens the model reads.

    [CLS] question [SEP] sentence before [SEP] evidence [SEP] | sentence [SEP]

Token type 1 marks the sentence that is judged, with its closing mark; all else is type 0. The
sentence before gives pronouns something to refer to. Training and serving both pack here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from generation.groundedness.evidence import Evidence, choose, read_evidence
from generation.groundedness.words import words_of
from retrieval.inference.tokens import encodable, id_of

_QUESTION_TOKENS = 40
_BEFORE_TOKENS = 32
_SENTENCE_TOKENS = 112
_MARKS = 5  # [CLS] and four [SEP]


@dataclass(frozen=True, slots=True)
class Packed:
    """One sentence as the model reads it.

    `tokens` and `types` have the same length, at most the packer's. The judged sentence's tokens
    are `tokens[first : first + len(offsets)]`; `offsets` are (start, end) code points in it.
    """

    tokens: tuple[int, ...]
    types: tuple[int, ...]
    first: int
    offsets: tuple[tuple[int, int], ...]
    is_cut: bool  # the sentence was longer than is read


@dataclass(frozen=True, slots=True)
class ReadEvidence:
    """Evidence with its tokens, read once for all the sentences of a response."""

    evidence: Evidence
    tokens: tuple[tuple[int, ...], ...]  # of each unit


class Packer:
    """Packs sentences for one tokenizer and length."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._cls, self._sep = (id_of(tokenizer, mark) for mark in ("[CLS]", "[SEP]"))

    def read(self, texts: Sequence[str]) -> ReadEvidence:
        """Cut evidence into units and encode them."""
        evidence = read_evidence(texts)
        encoded = self._tokenizer.encode_batch(
            [encodable(evidence.text(unit)) for unit in evidence.units], add_special_tokens=False
        )
        return ReadEvidence(evidence, tuple(tuple(one.ids) for one in encoded))

    def pack(self, question: str, before: str, sentence: str, read: ReadEvidence) -> Packed:
        """Pack one sentence with the evidence that says most about it."""
        asked = self._ids(question)[:_QUESTION_TOKENS]
        previous = self._ids(before)[-_BEFORE_TOKENS:] if before else []
        judged = self._tokenizer.encode(encodable(sentence), add_special_tokens=False)
        own = judged.ids[:_SENTENCE_TOKENS]
        budget = self._max_tokens - len(asked) - len(previous) - len(own) - _MARKS
        chosen = choose(
            read.evidence,
            words_of(sentence),
            words_of(question),
            [len(tokens) for tokens in read.tokens],
            budget,
        )
        shown = [token for i in chosen for token in read.tokens[i]][:budget]
        head = [self._cls, *asked, self._sep, *previous, self._sep, *shown, self._sep]
        return Packed(
            tokens=(*head, *own, self._sep),
            types=(0,) * len(head) + (1,) * (len(own) + 1),
            first=len(head),
            offsets=tuple(judged.offsets[: len(own)]),
            is_cut=len(own) < len(judged.ids),
        )

    def about(self, question: str, read: ReadEvidence, budget: int) -> str:
        """What of the evidence says most about a question, in order: at most `budget` tokens."""
        sizes = [len(tokens) for tokens in read.tokens]
        asked = words_of(question)
        chosen = choose(read.evidence, asked, asked, sizes, budget)
        return " ".join(read.evidence.text(read.evidence.units[i]) for i in chosen)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(encodable(text), add_special_tokens=False).ids
        return ids
