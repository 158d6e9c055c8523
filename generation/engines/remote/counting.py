"""How many tokens a conversation has when the tokenizer is elsewhere. The estimate is pure.

A server that counts is asked once for a question. What is then put into the same conversation, as
evidence is, excerpt by excerpt, is estimated and added: never a request for each.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

from generation.types import Message

# What a template puts around a message, and before the reply.
_AROUND_MESSAGE = 8
_BEFORE_REPLY = 8
# Some templates bring instructions of their own where a conversation has none.
_OWN_INSTRUCTIONS = 32
_KEPT_COUNTS = 64
# Two texts that touch may be cut into tokens otherwise than each alone.
_AT_SEAM = 2
_PARTS = re.compile(r"[A-Za-z]+|[^\x00-\x7f]+| +|[\s\S]")


def estimated_tokens(text: str) -> int:
    """More tokens than a byte-level tokenizer makes of a text, as a rule.

    A word of ASCII letters has one for every four letters begun; a digit, a mark and a line break
    each one; other characters one for each byte of their UTF-8; a space before a word none, and
    more spaces one for every four begun.
    """
    return sum(_part_tokens(part) for part in _PARTS.findall(text))


def estimated_conversation(messages: Sequence[Message]) -> int:
    """The same for a conversation with its template, ready to be answered."""
    texts = sum(estimated_tokens(message.content) for message in messages)
    own = 0 if messages and messages[0].role == "system" else _OWN_INSTRUCTIONS
    return texts + _AROUND_MESSAGE * len(messages) + _BEFORE_REPLY + own


class ConversationCounter:
    """Counts conversations with few questions to whoever counts exactly. Safe among threads."""

    def __init__(self) -> None:
        # By everything but the last message's words: these words, and the whole's tokens.
        self._counts: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()
        self._lock = Lock()

    def count(
        self, messages: Sequence[Message], exact: Callable[[Sequence[Message]], int | None]
    ) -> int:
        """Tokens of a conversation: at least one message.

        Args:
            exact: asks; None when nobody counts there, upon which the whole is estimated.
        """
        *before, last = messages
        key = (*(part for one in before for part in (one.role, one.content)), last.role)
        with self._lock:
            known = self._counts.get(key)
        if known is not None:
            inserted = text_inserted(known[0], last.content)
            if inserted is not None:
                return known[1] + (estimated_tokens(inserted) + _AT_SEAM if inserted else 0)
        tokens = exact(messages)
        if tokens is None:
            return estimated_conversation(messages)
        with self._lock:
            self._counts[key] = (last.content, tokens)
            self._counts.move_to_end(key)
            while len(self._counts) > _KEPT_COUNTS:
                self._counts.popitem(last=False)
        return tokens


def text_inserted(short: str, long: str) -> str | None:
    """What was put in at one place to make the longer text of the shorter; None if not so made."""
    if len(long) < len(short):
        return None
    start = _common_length(short, long)
    rest = len(short) - start
    if rest and not long.endswith(short[start:]):
        return None
    return long[start : len(long) - rest]


def _common_length(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _part_tokens(part: str) -> int:
    if part[0] == " ":
        return 0 if len(part) == 1 else -(-len(part) // 4)
    if not part.isascii():
        return len(part.encode("utf-8", "surrogatepass"))
    return -(-len(part) // 4)
