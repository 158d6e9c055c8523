"""A question as a query of the full-text index. Pure.

Every word is quoted, so that nothing a reader types is taken for query syntax. BM25 sums over what
a query names: what is named twice counts twice.
"""

import re
from collections.abc import Mapping

from retrieval.follow_up import Standalone
from retrieval.wording import LITTLE_WORDS, STEMMED, language_by_little_words, pieces, stems_asked

# Where the words of a question are looked for; the fourth column is the collection.
_COLUMNS = "{context text words}"
# What stands between quotation marks, and versions or numbers of parts: "3.10.2", "AB-1234/7".
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»")
_NUMBERED = re.compile(r"\w+(?:[.\-/:_]\w+)+")
_WORD = re.compile(r"\w+")
# A phrase is found where its words are found, and counts this often on top.
_PHRASE_WEIGHT = 2
_MOST_PHRASES = 8


def match_expression(asked: Standalone) -> str:
    """The query that finds any of the words, their parts, stems and phrases; empty without any."""
    language = language_by_little_words(asked.question)
    weights = dict(_telling(asked.weights(), language))
    for piece in pieces(asked.text):
        weights.setdefault(piece, 1)
    for phrase in phrases(asked.question):
        weights[phrase] = _PHRASE_WEIGHT
    if not weights:
        return ""
    expression = f"{_COLUMNS} : ({_any(weights)})"
    stems = dict.fromkeys(stems_asked(list(asked.weights()), language), 1)
    return f"({expression}) OR words : ({_any(stems)})" if stems else expression


def scoped(expression: str, collections: frozenset[int]) -> str:
    """The same query in these collections only."""
    scopes = {f"c{number}": 1 for number in sorted(collections)}
    return f"({expression}) AND scope : ({_any(scopes)})"


def phrases(question: str) -> list[str]:
    """What belongs together, as words with spaces between them: lower case, each once, in order."""
    quoted = [next(filter(None, groups)) for groups in _QUOTED.findall(question)]
    numbered = [
        name for name in _NUMBERED.findall(question) if any(letter.isdigit() for letter in name)
    ]
    found = [
        " ".join(word.lower() for part in _WORD.findall(text) for word in part.split("_") if word)
        for text in (*quoted, *numbered)
    ]
    return list(dict.fromkeys(phrase for phrase in found if " " in phrase))[:_MOST_PHRASES]


def _telling(weights: Mapping[str, int], language: str | None) -> Mapping[str, int]:
    """Without the little words of the question's language, unless it has no others."""
    little = LITTLE_WORDS[language] if language in STEMMED else frozenset()
    return {word: weight for word, weight in weights.items() if word not in little} or weights


def _any(weights: Mapping[str, int]) -> str:
    return " OR ".join(f'"{word}"' for word, weight in weights.items() for _ in range(weight))
