"""What the engine is asked. Pure but for reading the prompt's file.

A prompt is laid out so that a follow-up's begins with the one before it, token by token: the fixed
instructions, then the conversation as it happened, then new evidence and the question.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import chain
from string import Template

from generation.conversation import Exchange, alternating, conversation_of, left_out
from generation.errors import QuestionTooLong
from generation.types import LeftOut, Message, PassagePart
from retrieval.types import Hit

PROMPT_VERSION = "answer-2"
# The conversation may take this part of the budget, and a client's instructions.
_HISTORY_SHARE = 2
# So much of the budget is kept for evidence, if there is as much, when a question is long.
_EVIDENCE_SHARE = 4


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`hit.passage.text[start:end]`: what of a passage goes into the prompt."""

    hit: Hit
    start: int
    end: int

    @property
    def text(self) -> str:
        """The words on one line."""
        return on_one_line(self.hit.passage.text[self.start : self.end])

    @property
    def part(self) -> PassagePart:
        """Where they stand in the revision."""
        passage = self.hit.passage
        return PassagePart(passage.id, passage.start + self.start, passage.start + self.end)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages that fit the window.

    `evidence` are the hits whose words were found for this question, best first; `parts` are these
    words, in the prompt's order, those that follow each other as one.
    """

    messages: tuple[Message, ...]
    evidence: tuple[Hit, ...]
    parts: tuple[PassagePart, ...]
    left_out: LeftOut
    tokens: int


def build_prompt(
    question: str,
    excerpts: Sequence[Excerpt],
    history: Sequence[Message],
    *,
    language: str,
    count_tokens: Callable[[Sequence[Message]], int],
    budget_tokens: int,
    evidence_tokens: int,
) -> Prompt:
    """Pack whole excerpts, best first, until one no longer fits.

    Counting is what costs, and far away it costs a request: the conversation is counted as a whole,
    its parts only when it is too long, and new evidence apart from it. The prompt as it will be is
    counted in the end.

    Args:
        excerpts: best first.
        history: what was said before, oldest first, each question as it was asked (`asked`). It may
            take half of the budget; `generation.conversation.left_out` says what goes when it is
            longer. A client's instructions are added to ours, unless they take half of the budget.
        language: the answer's, by its English name.
        count_tokens: tokens of a whole conversation with the engine's own template.
        budget_tokens: for the prompt; the answer's room is already taken off.
        evidence_tokens: for the new evidence alone. The first excerpt is taken even when it is
            longer, as long as the prompt fits its budget.

    Raises:
        QuestionTooLong: the question does not fit even alone.
    """
    layout = _Layout(question, language, count_tokens, budget_tokens)
    conversation = conversation_of(history)
    layout.instruct(conversation.instructions)
    layout.remember(conversation.exchanges, min(evidence_tokens, budget_tokens // _EVIDENCE_SHARE))
    spare = budget_tokens - layout.tokens()
    if spare < 0:
        raise QuestionTooLong(layout.tokens(), budget_tokens)
    taken = layout.fitting(excerpts, min(spare, evidence_tokens))
    if not taken and layout.fitting(excerpts[:1], spare):
        taken = 1
    while taken and layout.tokens(excerpts[:taken]) > budget_tokens:
        taken -= 1
    evidence = tuple(dict.fromkeys(excerpt.hit for excerpt in excerpts[:taken]))
    used = joined(excerpts[:taken])
    passages = len({excerpt.hit.passage.id for excerpt in excerpts})
    return Prompt(
        messages=layout.messages(used),
        evidence=evidence,
        parts=tuple(excerpt.part for excerpt in used),
        left_out=LeftOut(passages - len(evidence), layout.dropped),
        tokens=layout.tokens(used),
    )


def joined(excerpts: Sequence[Excerpt]) -> list[Excerpt]:
    """Those that follow each other in a passage as one, where the first of them stood.

    "It ends in May." is read after the sentence that says what.
    """
    pieces: list[Excerpt] = []
    for excerpt in excerpts:
        near = [piece for piece in pieces if _adjoin(piece, excerpt)]
        if not near:
            pieces.append(excerpt)
            continue
        parts = [*near, excerpt]
        whole = Excerpt(
            excerpt.hit, min(part.start for part in parts), max(part.end for part in parts)
        )
        pieces[pieces.index(near[0])] = whole
        pieces = [piece for piece in pieces if piece not in near[1:]]
    return pieces


def _adjoin(one: Excerpt, other: Excerpt) -> bool:
    """Whether they are of the same passage with nothing but white space between."""
    first, second = sorted((one, other), key=lambda excerpt: excerpt.start)
    passage = first.hit.passage
    between = passage.text[first.end : second.start]
    return passage.id == second.hit.passage.id and not between.strip()


def asked(question: str, lines: Sequence[str], language: str) -> str:
    """A question as it is put to the engine, with its evidence: each excerpt on one line."""
    _, template = _parts(PROMPT_VERSION)
    evidence = "\n".join(_harmless(line) for line in lines)
    return Template(template).substitute(
        evidence=evidence, question=question.strip(), language=language
    )


def on_one_line(text: str) -> str:
    """White space collapsed."""
    return " ".join(text.split())


class _Layout:
    """A prompt that is being put together. Counts nothing twice."""

    def __init__(
        self,
        question: str,
        language: str,
        count_tokens: Callable[[Sequence[Message]], int],
        budget_tokens: int,
    ) -> None:
        self.dropped = 0
        self._question = question
        self._language = language
        self._count_tokens = count_tokens
        self._budget = budget_tokens
        self._instructions, _ = _parts(PROMPT_VERSION)
        self._exchanges: tuple[Exchange, ...] = ()
        self._counted: dict[tuple[Message, ...], int] = {}

    def instruct(self, instructions: str) -> None:
        """Add a client's instructions, unless they are too long."""
        if not instructions:
            return
        ours, self._instructions = self._instructions, f"{self._instructions}\n\n{instructions}"
        if self.tokens() > self._budget // _HISTORY_SHARE:
            self._instructions = ours

    def remember(self, exchanges: tuple[Exchange, ...], evidence_tokens: int) -> None:
        """Add the conversation so far, or its end; `evidence_tokens` must stay free."""
        self._exchanges = exchanges
        room = self._budget // _HISTORY_SHARE
        if self.tokens() > room:
            self._drop(left_out((self._size(exchange) for exchange in exchanges), room))
        while self._exchanges and self.tokens() > self._budget - evidence_tokens:
            self._drop(1)

    def fitting(self, excerpts: Sequence[Excerpt], room: int) -> int:
        """How many of the first excerpts take `room` tokens at most: doubling, then halving."""
        low, high = 0, 1
        while high <= len(excerpts) and self._evidence_size(excerpts[:high]) <= room:
            low, high = high, 2 * high
        high = min(high, len(excerpts) + 1)
        while high - low > 1:
            middle = (low + high) // 2
            fits = self._evidence_size(excerpts[:middle]) <= room
            low, high = (middle, high) if fits else (low, middle)
        return low

    def tokens(self, excerpts: Sequence[Excerpt] = ()) -> int:
        """Of the whole prompt with these excerpts."""
        return self._count(self.messages(excerpts))

    def messages(self, excerpts: Sequence[Excerpt]) -> tuple[Message, ...]:
        """The prompt with these excerpts."""
        words = asked(self._question, [excerpt.text for excerpt in excerpts], self._language)
        return alternating(
            (
                Message("system", self._instructions),
                *chain.from_iterable(self._exchanges),
                Message("user", words),
            )
        )

    def _drop(self, count: int) -> None:
        self._exchanges = self._exchanges[count:]
        self.dropped += count

    def _size(self, exchange: Exchange) -> int:
        """Tokens of an exchange where it stands: between instructions and a question."""
        before, after = Message("system", self._instructions), Message("user", "?")
        whole = alternating((before, *exchange, after))
        return self._count(whole) - self._count((before, after))

    def _evidence_size(self, excerpts: Sequence[Excerpt]) -> int:
        lines = "\n".join(_harmless(excerpt.text) for excerpt in excerpts)
        return self._count((Message("user", lines),)) - self._count((Message("user", ""),))

    def _count(self, messages: tuple[Message, ...]) -> int:
        if messages not in self._counted:
            self._counted[messages] = self._count_tokens(messages)
        return self._counted[messages]


def _harmless(text: str) -> str:
    """Evidence stands between marks it must not be able to close."""
    return text.replace("<", "‹").replace(">", "›")


@cache
def _parts(version: str) -> tuple[str, str]:
    """The instructions, and the template of a question."""
    file = resources.files("generation.prompts").joinpath(f"{version}.txt")
    instructions, template = file.read_text(encoding="utf-8").split("\n---\n")
    return instructions.strip(), template.strip()
