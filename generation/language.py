"""Which language a question is in.

What a detector says of a few words is a guess: where it is unsure, the little words decide ("And in
2019?"), then the conversation so far, then English.
"""

import re

from retrieval.languages import NO_LANGUAGE, detector
from retrieval.wording import LITTLE_WORDS

ENGLISH = "en"
ABSTENTIONS = {
    "en": "Your documents do not answer this, as far as I can tell.",
    "de": "Ihre Dokumente beantworten das nicht, soweit ich sehe.",
    "es": "Sus documentos no responden a esto, hasta donde puedo ver.",
    "fr": "Vos documents ne répondent pas à cette question, pour autant que je puisse en juger.",
    "it": "I suoi documenti non rispondono a questa domanda, per quanto posso vedere.",
    "pt": "Os seus documentos não respondem a isto, tanto quanto posso ver.",
    "nl": "Uw documenten geven hier geen antwoord op, voor zover ik kan zien.",
}
# The least share of the weight of all languages with which one is taken.
_SURE = 0.3
# More than this says nothing new, and takes time.
_READ_CHARACTERS = 1000
_NONE: frozenset[str] = frozenset()
# The words a question is about need not be in its language, and code is in none.
_SET_APART = re.compile(
    r"```.*?(?:```|\Z)|`[^`]*`|\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|https?://\S+|\S+@\S+",
    re.DOTALL,
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def language_of(question: str, before: str = ENGLISH) -> str:
    """The language of a question, one of `LANGUAGES`.

    Args:
        before: that of the conversation so far; taken when the question does not tell.
    """
    words = _SET_APART.sub(" ", question[:_READ_CHARACTERS])
    if not _WORD.search(words):
        return before
    little = {word.lower() for word in _WORD.findall(words)}
    weights = {
        language: probability * (1 + len(little & LITTLE_WORDS.get(language, _NONE))) ** 2
        for language, probability in detector().rank(words)
    }
    found = max(weights, key=weights.__getitem__)
    is_told = found != NO_LANGUAGE and weights[found] >= _SURE * sum(weights.values())
    return found if is_told else before


def warm_up() -> None:
    """Read the detector's model now, so that the first question need not wait for it."""
    detector()


def abstention_in(language: str) -> str:
    """The words that decline to answer; in English where they are not translated."""
    return ABSTENTIONS.get(language, ABSTENTIONS[ENGLISH])
