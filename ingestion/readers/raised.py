"""Raised digits as the characters Unicode has for them: 10 to the sixth is 10⁶, and never 106."""

from typing import Final

_RAISED: Final = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")


def raised(text: str) -> str:
    """Digits and signs raised; anything with other characters in it, "th" or "[1]", as it is."""
    inner = text.strip()
    is_known = all(ord(character) in _RAISED for character in inner)
    return text.translate(_RAISED) if is_known and any(map(str.isdigit, inner)) else text
