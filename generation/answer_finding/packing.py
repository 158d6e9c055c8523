"""Lays a question and a text out as the tokens the finder reads.

    [CLS] question [SEP] | text [SEP]

Token type 1 marks the text, with its closing mark. A text that is longer than is read at once is
read in windows that overlap. Training and serving both pack here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tokenizers import Tokenizer

from retrieval.inference.tokens import encodable, id_of

_QUESTION_TOKENS = 48
_MARKS = 3  # [CLS] and two [SEP]
_OVERLAP = 4  # one part in so many


@dataclass(frozen=True, slots=True)
class Window:
    """A question with as much of a text as is read at once.

    The text's tokens are `tokens[first : first + len(offsets)]`; `offsets` are (start, end) code
    points in the text.
    """

    tokens: tuple[int, ...]
    types: tuple[int, ...]
    first: int
    offsets: tuple[tuple[int, int], ...]

    def within(self, start: int, end: int) -> list[int]:
        """Which of the text's tokens are at least in part in [start, end), in order."""
        return [i for i, (a, b) in enumerate(self.offsets) if a < end and start < b]


class WindowPacker:
    """Packs for one tokenizer and length."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._cls, self._sep = (id_of(tokenizer, mark) for mark in ("[CLS]", "[SEP]"))

    def windows(self, question: str, text: str) -> Iterator[Window]:
        """The windows of a text, at least one, in order; together they hold all of it."""
        asked = self._tokenizer.encode(encodable(question), add_special_tokens=False)
        head = (self._cls, *asked.ids[:_QUESTION_TOKENS], self._sep)
        read = self._tokenizer.encode(encodable(text), add_special_tokens=False)
        room = self._max_tokens - len(head) - 1
        step = room - room // _OVERLAP
        for begin in range(0, max(1, len(read.ids) - room + step), step):
            own = read.ids[begin : begin + room]
            yield Window(
                tokens=(*head, *own, self._sep),
                types=(0,) * len(head) + (1,) * (len(own) + 1),
                first=len(head),
                offsets=tuple(read.offsets[begin : begin + room]),
            )
