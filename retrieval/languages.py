"""Which language a text is in. The detector reads a model file of a few megabytes once."""

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# ISO 639-1 codes and the English names of the languages that are told apart.
LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "ta": "Tamil",
    "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
# What the detector calls numbers, markup and identifiers.
NO_LANGUAGE = "zxx"
UNKNOWN = ""
_SAMPLES, _SAMPLE_CHARACTERS = 3, 1_000
_FEWEST_LETTERS = 25
_SURE = 0.6
_NO_WORDS = re.compile(r"https?://\S+|\S+@\S+|[\d_|/\\<>{}()\[\]=+*#]+")


def known_language(code: str) -> str:
    """A code of `LANGUAGES` as it is written there.

    Raises:
        ValueError: it is none.
    """
    code = code.strip().lower()
    if code not in LANGUAGES:
        raise ValueError(f"{code!r} is no language; known are {', '.join(LANGUAGES)}")
    return code


def language_of_text(text: str) -> str:
    """The language that most of a document is in, one of `LANGUAGES`; UNKNOWN if none is likely.

    Its beginning, middle and end are read: a foreign title or appendix does not decide.
    """
    votes: dict[str, float] = {}
    for sample in _samples(text):
        words = _NO_WORDS.sub(" ", sample)
        if sum(character.isalpha() for character in words) >= _FEWEST_LETTERS:
            found, probability = detector().rank(words)[0]
            votes[found] = votes.get(found, 0.0) + float(probability)
    best = max(votes, key=lambda one: votes[one], default=NO_LANGUAGE)
    is_sure = best != NO_LANGUAGE and votes[best] > _SURE * sum(votes.values())
    return best if is_sure and votes[best] >= _SURE else UNKNOWN


def _samples(text: str) -> list[str]:
    if len(text) <= _SAMPLES * _SAMPLE_CHARACTERS:
        return [text]
    last = len(text) - _SAMPLE_CHARACTERS
    starts = [last * part // (_SAMPLES - 1) for part in range(_SAMPLES)]
    return [text[start : start + _SAMPLE_CHARACTERS] for start in starts]


@cache
def detector() -> "LanguageIdentifier":
    """The detector, which knows `LANGUAGES` and NO_LANGUAGE. It draws no lots."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([*LANGUAGES, NO_LANGUAGE])
    return identifier
