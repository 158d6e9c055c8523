"""Which of the one-byte encodings of Europe a text is in, by the letters its languages have. Pure.

The same bytes are letters in all of them: "łódź" in the Polish one is "³ódŸ" in the Western one. So
each encoding is tried with the alphabets of the languages it was made for, and the one counts whose
language explains most of the letters.
"""

from collections import Counter
from typing import Final, NamedTuple

_ALPHABETS: Final = {
    "cp1252": (
        "äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúüçàèòï", "àèéìíîòóù", "ãáàâçéêíóôõúü", "éëïèöüáóú",
        "åäöéü", "æøåéô", "áéíóúýþæðö", "äöõüšž",
    ),
    "cp1250": (
        "ąćęłńóśźż", "áčďéěíňóřšťúůýžäĺľŕô", "áéíóöőúüű", "ăâîşţ", "čćđšž",
    ),
    "cp1254": ("çğıöşüâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž"),
    "iso8859-2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýžäĺľŕô", "čćđšž"),
}  # fmt: skip
_WESTERN: Final = "cp1252"
_SURER: Final = (
    0.02  # so much more of the letters another encoding must explain than the Western one
)
_FEWEST: Final = 3
# Raised numbers and fractions stand behind a word or a number, a letter of another encoding within.
_SIGNS: Final = frozenset("\u00a0§©®°·«»€£¥±×“”„‚‘’–—…•™‹›\u00ad¡¿ªº¢")
_BEHIND: Final = frozenset("¹²³¼½¾µ")


class Guess(NamedTuple):
    """An encoding, and the share of the letters beyond ASCII that one of its languages has."""

    encoding: str
    share: float


def european_encoding(data: bytes) -> Guess:
    """The encoding whose letters make most sense; the Western one unless another does better.

    Text of one of these languages has a share near 1; of Greek, Cyrillic or Chinese a low one.

    Args:
        data: text in an encoding of one byte a character.
    """
    guesses = [_guess(data, encoding) for encoding in _ALPHABETS]
    western, *others = (guess for guess in guesses if guess is not None)
    best = max(others, key=lambda guess: guess.share, default=western)
    return best if best.share > western.share + _SURER else western


def _guess(data: bytes, encoding: str) -> Guess | None:
    try:
        text = data.decode(encoding)
    except ValueError:
        if encoding != _WESTERN:
            return None
        text = data.decode(encoding, errors="replace")
    letters = _letters(text)
    total = letters.total()
    if total < _FEWEST:
        return Guess(encoding, 1.0 if encoding == _WESTERN else 0.0)
    shares = (
        sum(count for letter, count in letters.items() if letter in alphabet) / total
        for alphabet in _ALPHABETS[encoding]
    )
    return Guess(encoding, max(shares))


def _letters(text: str) -> Counter[str]:
    """What must be letters: all beyond ASCII but the signs that every language uses."""
    found: Counter[str] = Counter()
    for position, character in enumerate(text):
        if character < "\x80" or character in _SIGNS:
            continue
        following = text[position + 1 : position + 2]
        if character in _BEHIND and not following.isalpha():
            continue
        found[character.lower()] += 1
    return found
