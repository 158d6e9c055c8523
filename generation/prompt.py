"""What the engine is asked. Pure but for reading the prompt's file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template

from generation.errors import QuestionTooLong
from generation.types import Message
from retrieval.types import Hit

PROMPT_VERSION = "answer-1"
# A conversation is carried on from its last turns; older ones would push out evidence.
_HISTORY_TURNS = 4


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`hit.passage.text[start:end]`: what of a passage goes into the prompt."""

    hit: Hit
    start: int
    end: int

    @property
    def text(self) -> str:
        """The words on one line."""
        return " ".join(self.hit.passage.text[self.start : self.end].split())


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages that fit the window, and the hits whose words they contain, best first."""

    messages: tuple[Message, ...]
    evidence: tuple[Hit, ...]
    tokens: int


def build_prompt(
    question: str,
    excerpts: Sequence[Excerpt],
    history: Sequence[Message],
    *,
    count_tokens: Callable[[Sequence[Message]], int],
    budget_tokens: int,
    evidence_tokens: int,
) -> Prompt:
    """Pack whole excerpts, best first, until one no longer fits.

    Args:
        excerpts: best first.
        history: earlier turns, oldest first; dropped oldest first when they take more than half
            of the budget.
        count_tokens: tokens of a whole conversation with the engine's own template.
        budget_tokens: for the prompt; the answer's room is already taken off.
        evidence_tokens: for the evidence alone. The first excerpt is taken even when it is longer,
            as long as the prompt fits its budget.

    Raises:
        QuestionTooLong: the question does not fit even alone.
    """
    turns = list(history[-_HISTORY_TURNS:])
    bare = count_tokens(_messages(question, (), turns))
    while turns and bare > budget_tokens // 2:
        turns = turns[1:]
        bare = count_tokens(_messages(question, (), turns))
    if bare > budget_tokens:
        raise QuestionTooLong(bare, budget_tokens)
    used: tuple[Excerpt, ...] = ()
    tokens = bare
    for excerpt in excerpts:
        larger = count_tokens(_messages(question, (*used, excerpt), turns))
        if larger > budget_tokens or (used and larger - bare > evidence_tokens):
            break
        used, tokens = (*used, excerpt), larger
    evidence = tuple(dict.fromkeys(excerpt.hit for excerpt in used))
    return Prompt(_messages(question, used, turns), evidence, tokens)


def _messages(
    question: str, evidence: Sequence[Excerpt], turns: Sequence[Message]
) -> tuple[Message, ...]:
    instructions, template = (part.strip() for part in _text(PROMPT_VERSION).split("\n---\n"))
    lines = "\n".join(_harmless(excerpt.text) for excerpt in evidence)
    asked = Template(template).substitute(evidence=lines, question=question.strip())
    return (Message("system", instructions), *turns, Message("user", asked))


def _harmless(text: str) -> str:
    """Evidence stands between marks it must not be able to close."""
    return text.replace("<", "‹").replace(">", "›")


@cache
def _text(version: str) -> str:
    file = resources.files("generation.prompts").joinpath(f"{version}.txt")
    return file.read_text(encoding="utf-8")
