"""What of a conversation the next question is asked with. Pure."""

from collections.abc import Sequence

from app.conversations.types import KeptAnswer
from generation.types import Message

# Beyond this the older half goes at once: a conversation that loses its beginning with every
# question would have to be read anew each time.
MOST_MESSAGES = 96
MOST_CHARACTERS = 300_000


def history_of(path: Sequence[KeptAnswer]) -> list[Message]:
    """The messages of answers that follow each other, oldest first, as far as they are sent along.

    A question without a word of an answer is left out: there is nothing to go on from.

    Args:
        path: as its reader may see it; see `withholding`.
    """
    history: list[Message] = []
    for answer in path:
        if not answer.text:
            continue
        evidence = () if answer.facts is None else answer.facts.evidence
        history.append(Message("user", answer.question, evidence))
        history.append(Message("assistant", answer.text))
        characters = sum(len(message.content) for message in history)
        if len(history) > MOST_MESSAGES or characters > MOST_CHARACTERS:
            history = history[2 * -(-len(history) // 4) :]
    return history
