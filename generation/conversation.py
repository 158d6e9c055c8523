"""A conversation as a chat model takes it: turns that alternate, cut to the window. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from generation.types import Message

# A question, or several in a row, and what was said to it.
Exchange: TypeAlias = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a client says was said: its own instructions, and the exchanges, oldest first."""

    instructions: str
    exchanges: tuple[Exchange, ...]


def conversation_of(history: Sequence[Message]) -> Conversation:
    """Sort what was said before a question.

    Instructions may stand anywhere; they are joined. What has no words is left out, and so is what
    the assistant said before any question: many chat templates refuse it.
    """
    said = [message for message in history if message.content.strip()]
    exchanges: list[Exchange] = []
    for message in said:
        if message.role == "system":
            continue
        if message.role == "user" and (not exchanges or exchanges[-1][-1].role != "user"):
            exchanges.append((message,))
        elif exchanges:
            exchanges[-1] = (*exchanges[-1], message)
    instructions = [message.content.strip() for message in said if message.role == "system"]
    return Conversation("\n\n".join(instructions), tuple(exchanges))


def left_out(sizes: Iterable[int], room: int) -> int:
    """How many of the oldest exchanges must go so that the rest has room.

    The conversation is gone through from its beginning. Whenever it has outgrown the room, its
    oldest exchanges are dropped until half of the room is free again. So nearly always the next
    question finds the same beginning, which an engine then need not read again; and whoever knows
    the whole conversation finds the same cut.

    Args:
        sizes: tokens of each exchange, oldest first.
        room: tokens for all of them.

    Returns:
        From 0 to the number of exchanges. The newest stays if it fits, even when it takes more than
        half of the room.
    """
    kept: list[int] = []
    dropped = 0
    for size in sizes:
        kept.append(size)
        if sum(kept) <= room:
            continue
        while kept and (sum(kept) > room or (len(kept) > 1 and sum(kept) > room // 2)):
            kept.pop(0)
            dropped += 1
    return dropped


def alternating(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Neighbours of the same role made one: many chat templates refuse two in a row."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role:
            content = f"{joined[-1].content}\n\n{message.content}"
            joined[-1] = Message(message.role, content)
        else:
            joined.append(message)
    return tuple(joined)
