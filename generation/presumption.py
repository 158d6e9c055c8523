"""What a question takes for granted, and the evidence does not say. Pure.

"What is the least known algorithm?" is answered by a small model in the question's own words, and
the verifier, which finds nearly all of them in "the best known algorithm is …", takes that for
support. A sentence that has such a word from the question alone says more than its evidence.
"""

import re
from collections.abc import Iterable

from generation.groundedness.words import Words, words_of
from retrieval.sentences import sentence_spans

# Words of this length that begin alike are forms of one: recognises, recognition.
_BEGINNING = 6
_TELLING_WORDS = 3
# The prompt calls it so, and a small model then speaks of it in place of answering.
_OF_EVIDENCE = re.compile(r"\W*(?:the|this) (?:provided |given |above )?evidence\b", re.IGNORECASE)

_BARE_ANSWER = re.compile(
    r"\W*(?:the )?(?:final )?answer (?:to (?:this|the|your) question )?(?:is|are)\b",
    re.IGNORECASE,
)
_WANTS_MORE = re.compile(r"\b(?:what|wh(?:o|om|ose|ich|ere|en|y)|how)\b", re.IGNORECASE)


def presumed(sentence: str, question: str, evidence: Iterable[str]) -> frozenset[str]:
    """The words, as stems, that a sentence takes from the question and that are in no evidence.

    Names and numbers among them. Empty when the question is empty.
    """
    asked, said = words_of(question), words_of(sentence)
    taken = asked.content & said.content
    if not taken:
        return frozenset()
    known = _content(words_of(text) for text in evidence)
    beginnings = {word[:_BEGINNING] for word in known if len(word) >= _BEGINNING}
    return frozenset(
        word
        for word in taken - known
        if len(word) < _BEGINNING or word[:_BEGINNING] not in beginnings
    )


def differs_in_number(sentence: str, question: str, quotes: Iterable[str]) -> bool:
    """Whether a sentence answers in other numbers than the statements quoted as the answer.

    "The warranty on repaired parts is 24 months" below "The warranty on repaired parts is 12
    months": the 24 stands in the evidence too, for new parts, and the verifier does not see whose
    it is. Numbers of the question say nothing. False when either side has no number of its own, or
    when they share one.
    """
    asked = words_of(question).numbers
    said = words_of(sentence).numbers - asked
    told = frozenset[str]().union(*(words_of(quote).numbers for quote in quotes)) - asked
    return bool(said) and bool(told) and not said & told


def goes_beyond(sentence: str, quotes: Iterable[str]) -> bool:
    """Whether a sentence has a word that none of the statements quoted as the answer has.

    False when nothing is quoted: there is nothing to go beyond.
    """
    told = _content(words_of(quote) for quote in quotes)
    return bool(told) and not words_of(sentence).content <= told


def speaks_of_evidence(sentence: str) -> bool:
    """Whether a sentence is about the evidence itself: it says nothing that a document says."""
    return _OF_EVIDENCE.match(sentence) is not None


def says_nothing(sentence: str, question: str) -> bool:
    """Whether a sentence states nothing that a document could: it asks, it calls a bare word the
    answer ("The answer is 1273."), or it says again what the question says.

    Questions that want a yes or no are answered in their own words; so only those with an
    interrogative, in English, count for the last.
    """
    if sentence.rstrip("\"'”’»)* ").endswith("?") or _BARE_ANSWER.match(sentence):
        return True
    said = words_of(sentence).content
    return _WANTS_MORE.search(question) is not None and said <= words_of(question).content


def repeats(sentence: str, instructions: str) -> bool:
    """Whether a sentence only says again what one sentence of the instructions says.

    That is no answer but a small model's slip. From three words that carry something on.
    """
    said = words_of(sentence).content
    return len(said) >= _TELLING_WORDS and any(
        said <= words_of(instructions[start:end]).content
        for start, end in sentence_spans(instructions)
    )


def _content(texts: Iterable[Words]) -> frozenset[str]:
    return frozenset[str]().union(*(words.content for words in texts))
