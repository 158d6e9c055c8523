"""How near an answer is to the references of its case. Any of them is right: the best one counts.

`normalised` is that of SQuAD's evaluation (Rajpurkar et al., EMNLP 2016 and ACL 2018), and on ASCII
exactly it. Beyond, all Unicode punctuation goes as in MLQA's (Lewis et al., ACL 2020), and case is
folded. Words are what spaces separate: in a language without spaces a sentence is one word, and F1
is all or nothing.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_ASCII_PUNCTUATION = frozenset(string.punctuation)


def normalised(text: str) -> str:
    """Lower case, without punctuation, without a, an and the, with single spaces.

    Punctuation goes without leaving a space, so that "state-of-the-art" is one word.
    """
    folded = unicodedata.normalize("NFC", text).casefold()
    kept = "".join(char for char in folded if not _is_punctuation(char))
    return " ".join(_ARTICLES.sub(" ", kept).split())


def exact_match(answer: str, references: Sequence[str]) -> float | None:
    """1 when the answer is a reference once both are `normalised`, else 0; None without one."""
    return _best(answer, references, lambda said, wanted: float(said == wanted))


def token_f1(answer: str, references: Sequence[str]) -> float | None:
    """Harmonic mean of precision and recall of the answer's words, each as often as it occurs.

    2 s / (a + r) with s words shared of the answer's a and the reference's r. When one of them has
    no words, 1 if neither has any, else 0, as SQuAD 2 does. In [0, 1]; None without a reference.
    """
    return _best(answer, references, _f1)


def containment(answer: str, references: Sequence[str]) -> float | None:
    """1 when the words of a reference stand in the answer in a row, else 0.

    None without a reference that has words: one of punctuation alone would be in everything.
    """
    return _best(
        answer,
        [reference for reference in references if normalised(reference)],
        lambda said, wanted: float(f" {wanted} " in f" {said} "),
    )


def _best(
    answer: str, references: Sequence[str], score: Callable[[str, str], float]
) -> float | None:
    said = normalised(answer)
    return max((score(said, normalised(reference)) for reference in references), default=None)


def _f1(said: str, wanted: str) -> float:
    answer, reference = Counter(said.split()), Counter(wanted.split())
    if not answer or not reference:
        return float(answer == reference)
    return 2 * (answer & reference).total() / (answer.total() + reference.total())


def _is_punctuation(char: str) -> bool:
    return char in _ASCII_PUNCTUATION or unicodedata.category(char).startswith("P")
