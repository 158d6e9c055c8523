"""Asks a question of a sentence and of its evidence: do both answer with the same thing?

"Who sold the boat?" "Ben sold the boat." Every word of it is in "Anna sold the boat, Ben rowed it
home", and the model that judges sentences does not see whose the selling was. The answer finder,
asked of the evidence, finds Anna, and that Ben stands out far less.
"""

import re
from collections.abc import Sequence

from generation.finder import AnswerFinder, FoundAnswer
from generation.groundedness.words import words_of

# Chosen on the hand-written tables and on RAG answers that people judged (docs/LOG.md).
_TOLD_FROM = 1.0  # the evidence answers the question
_SAID_FROM = 1.0  # and so does the sentence
_MARGIN = 7.0  # what the evidence answers stands out there by so much more than what was said
# So few words are a reply as they stand: there is nothing in them to find it by.
_REPLY_WORDS = 3
_MARKS = " \t\n.,;:!?\"'`()[]“”’"


def names_another(
    finder: AnswerFinder, question: str, sentences: Sequence[str], evidence: str
) -> list[bool]:
    """Whether each sentence answers the question with something else than the evidence does.

    False wherever that cannot be told: no question, no answer in either, or what the sentence names
    is nowhere in the evidence, which other signals see.
    """
    if not (question.strip() and evidence.strip() and sentences):
        return [False] * len(sentences)
    [told] = finder.find(question, [evidence])
    if told.stands_out < _TOLD_FROM:
        return [False] * len(sentences)
    # Apart from the evidence: one batch would pad each sentence to its length.
    said = finder.find(question, sentences)
    places = [
        _places(evidence, said_in(sentence, one))
        if differs(question, evidence, told, sentence, one)
        else []
        for sentence, one in zip(sentences, said, strict=True)
    ]
    # Of all of them at once: the evidence is read once more, not once for each.
    every = sorted({place for own in places for place in own})
    weights = dict(zip(every, finder.weigh(question, evidence, every), strict=True))
    limit = told.stands_out - _MARGIN
    return [bool(own) and max(weights[place] for place in own) < limit for own in places]


def differs(
    question: str, evidence: str, told: FoundAnswer, sentence: str, said: FoundAnswer
) -> bool:
    """Whether the two answers are of different words, and the sentence does not name both. Pure.

    One within the other ("Osip Delgarn", "the trader Osip Delgarn") is the same; what only repeats
    the question is no answer.
    """
    is_reply = len(sentence.split()) <= _REPLY_WORDS
    if said.stands_out < _SAID_FROM and not is_reply:
        return False
    own = _content(said_in(sentence, said))
    other = _content(evidence[told.start : told.end])
    known = own | _content(sentence)
    return bool(own - other) and not other <= known and not other <= _content(question)


def said_in(sentence: str, said: FoundAnswer) -> str:
    """The words of an answer without the marks around them."""
    return sentence[said.start : said.end].strip(_MARKS)


def _places(evidence: str, words: str) -> list[tuple[int, int]]:
    """Where the evidence has these words, whole."""
    pattern = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", re.IGNORECASE)
    return [match.span() for match in pattern.finditer(evidence)]


def _content(text: str) -> frozenset[str]:
    # A word before it: the first word of a text is taken for no name, and so are these.
    return words_of(f"the {text}").content
