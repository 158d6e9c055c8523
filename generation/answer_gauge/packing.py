"""Lays a text and a question out as the tokens the gauge reads.

    end of text | text, empty line, "Question:" | question, line, "Answer:"

What a model of this kind makes of the first token of all is of little use: the others rest their
attention on it (Xiao et al., 2023, arXiv:2309.17453). Without one that says nothing, "Maintenance"
of a "Maintenance Contract" at the head of a passage is not read.

Token type 1 marks what comes after the last bar: it has seen the text, and is what is judged. A
text that is longer than is read at once is read in windows that overlap. Training and serving both
pack here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tokenizers import Tokenizer

from retrieval.inference.tokens import encodable

_QUESTION_TOKENS = 48
_OVERLAP = 4  # one part in so many
_AFTER_TEXT = "\n\n"
_FIRST = "<|endoftext|>"
_BEFORE = "Question:"
_AFTER = "\nAnswer:"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is put after a text; the tokens from `first` on are judged."""

    tokens: tuple[int, ...]
    first: int

    @property
    def marks(self) -> tuple[int, ...]:
        """Type 1 for each token that is judged."""
        return (1,) * (len(self.tokens) - self.first)


class GaugePacker:
    """Packs for one tokenizer; a window of a text has at most so many tokens.

    Raises:
        ValueError: the tokenizer has no token to put first.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        first = tokenizer.token_to_id(_FIRST)
        if first is None:
            raise ValueError(f"the tokenizer has no {_FIRST}; the gauge reads nothing without it")
        self._first = first
        self._own_tokens = max_tokens - 1
        self._before, self._after = self._encoded(_BEFORE), self._encoded(_AFTER)

    def asked(self, question: str) -> Asked:
        """The question's tokens; of a long one the first 48."""
        own = self._encoded(f" {question.strip()}")[:_QUESTION_TOKENS]
        return Asked((*self._before, *own, *self._after), len(self._before))

    def windows(self, text: str) -> Iterator[tuple[int, ...]]:
        """The tokens of a text in windows, at least one, in order; together they hold all of it."""
        tokens = self._encoded(text + _AFTER_TEXT)
        step = self._own_tokens - self._own_tokens // _OVERLAP
        for begin in range(0, max(1, len(tokens) - self._own_tokens + step), step):
            yield (self._first, *tokens[begin : begin + self._own_tokens])

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a text stands in it, (start, end) in code points; what comes before
        the text stands at its beginning, and has no length."""
        read = self._tokenizer.encode(encodable(text + _AFTER_TEXT), add_special_tokens=False)
        found: list[tuple[int, int]] = read.offsets
        return [(0, 0), *found]

    def _encoded(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(encodable(text), add_special_tokens=False).ids)
