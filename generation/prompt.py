"""What the engine is asked. Pure but for reading the prompt's file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from generation.errors import QuestionTooLong
from generation.types import Message
from retrieval.types import Hit

PROMPT_VERSION = "answer-1"
# A conversation is carried on from its last turns; older ones would push out evidence.
_HISTORY_TURNS = 4


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages that fit the window, and the hits whose passages they contain, best first."""

    messages: tuple[Message, ...]
    evidence: tuple[Hit, ...]
    tokens: int


def build_prompt(
    question: str,
    hits: Sequence[Hit],
    history: Sequence[Message],
    *,
    count_tokens: Callable[[Sequence[Message]], int],
    budget_tokens: int,
) -> Prompt:
    """Pack as many whole passages as fit, best first, a passage at a time.

    Args:
        history: earlier turns, oldest first; dropped oldest first when they do not fit.
        count_tokens: tokens of a whole conversation with the engine's own template.
        budget_tokens: for the prompt; the answer's room is already taken off.

    Raises:
        QuestionTooLong: the question does not fit even alone.
    """
    turns = list(history[-_HISTORY_TURNS:])
    tokens = count_tokens(_messages(question, (), turns))
    while turns and tokens > budget_tokens // 2:
        turns = turns[1:]
        tokens = count_tokens(_messages(question, (), turns))
    if tokens > budget_tokens:
        raise QuestionTooLong(tokens, budget_tokens)
    used: tuple[Hit, ...] = ()
    for hit in hits:
        larger = count_tokens(_messages(question, (*used, hit), turns))
        if larger > budget_tokens:
            break
        used, tokens = (*used, hit), larger
    return Prompt(_messages(question, used, turns), used, tokens)


def _messages(
    question: str, evidence: Sequence[Hit], turns: Sequence[Message]
) -> tuple[Message, ...]:
    fenced = "\n\n".join(_fenced(number, hit) for number, hit in enumerate(evidence, start=1))
    return (
        Message("system", instructions(PROMPT_VERSION)),
        *turns,
        Message("user", f"{fenced}\n\nQuestion: {question.strip()}".lstrip()),
    )


def _fenced(number: int, hit: Hit) -> str:
    """A passage between marks it cannot close: its own angle brackets are made harmless."""
    text = " ".join(hit.passage.text.split()).replace("<", "‹").replace(">", "›")
    title = hit.document.title.replace('"', "'").replace("<", "‹").replace(">", "›")
    return f'<evidence number="{number}" title="{title}">\n{text}\n</evidence>'


@cache
def instructions(version: str) -> str:
    """The text of a prompt version."""
    file = resources.files("generation.prompts").joinpath(f"{version}.txt")
    return file.read_text(encoding="utf-8").strip()
