"""A question that follows on from others, as one that can be searched for alone. Pure.

"What does it cost?" names nothing. Earlier questions lend it their words: those weigh less than its
own, so that a change of subject is followed and a pronoun still finds what it stands for. The
weights were measured (docs/decisions/0021, docs/LOG.md); answers lend nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A question's own words count as often as this; a word it is lent counts once.
OWN_WEIGHT = 3
# The first question names the subject, the last few what it has come to.
_FIRST, _LAST = 1, 2
_MOST_CARRIED = 40
_WORD = re.compile(r"\w+")
# In nearly every passage, so they cost time and say nothing. Kept when a question has no others.
_STOP_WORDS = frozenset(
    "a about an and any are as at be been but by can could did do does for from had has have how i "
    "if in into is it its me my of on or our shall should so some such than that the their them "
    "then there these they this to us was we were what when where which who whom whose why will "
    "with would you your".split()
)


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question with what earlier ones lend it.

    `earlier` are the questions that lend, oldest first; `carried` their words that it lacks, in the
    order they were first said.
    """

    question: str
    earlier: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As one question, for people to read."""
        if not self.carried:
            return self.question
        return f"{self.question} ({' '.join(self.carried)})"

    def weights(self) -> Mapping[str, int]:
        """How often each word counts, lower case: its own first, then what it is lent."""
        own = telling_words(self.question)
        if not self.carried:
            return dict.fromkeys(own, 1)
        lent = {word.lower(): 1 for word in self.carried}
        if _STOP_WORDS.issuperset(own):  # "And what about that?"
            return lent
        return {**dict.fromkeys(own, OWN_WEIGHT), **lent}


def standalone(question: str, earlier: Sequence[str] = ()) -> Standalone:
    """Lend a question the words of those asked before it.

    Args:
        earlier: what the same person asked in this conversation, oldest first. The first and the
            last few lend; the others are too long ago.
    """
    asked = [text for text in earlier if text.strip()]
    lending = [*asked[:_FIRST], *asked[max(_FIRST, len(asked) - _LAST) :]]
    own = {word.lower() for word in _WORD.findall(question)}
    carried: dict[str, str] = {}
    # From the newest back: when there are too many words, the older ones stay behind.
    for text in reversed(lending):
        for word in _WORD.findall(text):
            if word.lower() not in own and word.lower() not in _STOP_WORDS:
                carried.setdefault(word.lower(), word)
    kept = dict(list(carried.items())[:_MOST_CARRIED])
    said = [word for text in lending for word in _WORD.findall(text)]
    in_order = dict.fromkeys(word.lower() for word in said if word.lower() in kept)
    return Standalone(question, tuple(lending), tuple(kept[word] for word in in_order))


def telling_words(text: str) -> list[str]:
    """The words that say what a question is about, lower case, each once, in order.

    Without any it is all of its words ("Who are you?").
    """
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(text)))
    return [word for word in words if word not in _STOP_WORDS] or words
