"""Words of a text that a full-text index does not see by itself: parts of names, stems. Pure.

The index folds case and accents and knows English endings. "parseHTTPHeader" is one word to it, and
"Verträge" has nothing in common with "Vertrag".
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from threading import Lock
from typing import Protocol

# The names of stemmers, by ISO 639-1 code.
_STEMMERS = {
    "de": "german", "es": "spanish", "fr": "french", "it": "italian", "nl": "dutch",
    "pt": "portuguese",
}  # fmt: skip
STEMMED = frozenset(_STEMMERS)
# Words that are in nearly every sentence of a language and say nothing of what it is about.
LITTLE_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the of and in is are was were what who whom when where why how which whose does do "
        "did can could should would will from with for to it this that there much many",
        "de": "der die das und in ist sind war waren was wer wem wen wann wo warum wie welche "
        "welcher welches wohin woher wieviel viel viele ein eine einen mit von für zu es im am",
        "es": "el la los las y en es son era fue qué que quién quien cuándo cuando dónde donde por "
        "cómo como cuál cual cuánto cuanto cuánta un una con de del para lo se hay",
        "fr": "le la les et en est sont était qui que quoi quand où pourquoi comment quel quelle "
        "quels quelles combien un une des avec de du pour il elle au aux ce se",
        "it": "il lo la gli le e in è sono era chi che cosa quando dove perché come quale quali "
        "quanto quanta un uno una con di del della nel nella per si c'è al",
        "pt": "o a os as e em é são era foi quem que quê quando onde porquê como qual quais quanto "
        "quanta um uma com de do da no na para se há ao",
        "nl": "de het een en in is zijn was waren wie wat wanneer waar waarom hoe welke welk "
        "hoeveel met van voor te er op dit dat aan",
    }.items()
}
# The beginning of a text says which language it is in.
_READ_CHARACTERS = 20_000
_WORD = re.compile(r"\w+")
# Over what kind each letter of a word is: upper, lower or without case, digit.
_PARTS = re.compile(r"U+(?=Ul)|U?l+|U+|d+")
_REMEMBERED_STEMS, _REMEMBERED_PARTS = 200_000, 50_000


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - the library's name


def language_by_little_words(text: str) -> str | None:
    """The language, ISO 639-1, whose little words a text has most of; None without any.

    Of several that have as many, English, else the first of `LITTLE_WORDS`.
    """
    words = [word.lower() for word in _WORD.findall(text[:_READ_CHARACTERS])]
    counts = {
        language: sum(word in little for word in words) for language, little in LITTLE_WORDS.items()
    }
    most = max(counts, key=counts.__getitem__)
    return most if counts[most] else None


def pieces(text: str) -> list[str]:
    """The parts, lower case and in order, of what is written in one: camelCase, "IL6", "sha256sum".

    A single letter is no part.
    """
    return [part for word in _WORD.findall(text) for part in _parts(word)]


def stems(words: Iterable[str], language: str | None) -> list[str]:
    """What is left of words without the endings of a language; none for English and unknown ones.

    English endings are the index's affair.
    """
    if language not in _STEMMERS:
        return []
    little = LITTLE_WORDS[language]
    return [_stem(word, language) for word in map(str.lower, words) if word not in little]


def words_beside(context: str, text: str, language: str | None) -> str:
    """What is indexed with a passage beside its own words."""
    whole = f"{context}\n{text}"
    return " ".join([*pieces(whole), *stems(_WORD.findall(whole), language)])


def stems_asked(words: Sequence[str], language: str | None) -> list[str]:
    """The stems to look for; in every language there is when it is not known."""
    languages = [language] if language else list(_STEMMERS)
    return list(dict.fromkeys(stem for one in languages for stem in stems(words, one)))


@lru_cache(maxsize=_REMEMBERED_PARTS)
def _parts(word: str) -> tuple[str, ...]:
    if word.islower() and word.isalpha():
        return ()
    found: list[str] = []
    for name in word.split("_"):
        kinds = "".join(
            "d" if letter.isdigit() else "U" if letter.isupper() else "l" for letter in name
        )
        parts = [name[part.start() : part.end()] for part in _PARTS.finditer(kinds)]
        if len(parts) > 1:
            found += [part.lower() for part in parts if len(part) > 1 or part.isdigit()]
    return tuple(found)


@lru_cache(maxsize=_REMEMBERED_STEMS)
def _stem(word: str, language: str) -> str:
    with _lock:  # a stemmer keeps the word it is at
        return _stemmer(language).stemWord(word)


@cache
def _stemmer(language: str) -> _Stemmer:
    import snowballstemmer

    made: _Stemmer = snowballstemmer.stemmer(_STEMMERS[language])
    return made


_lock = Lock()
