"""How names are put in order. Pure."""

import re

_DIGITS = re.compile(r"\d+")
# Longer numbers, and later ones, are put in order as letters are: a key is not much longer than its
# name.
_WIDTH, _NUMBERS = 12, 8


def name_key(name: str) -> str:
    """What a name is ordered by: capitals like small letters, and numbers by their size.

    `B.txt` comes after `a.txt`, and `report 10` after `report 9`.
    """
    return _DIGITS.sub(lambda found: found.group().zfill(_WIDTH), name.casefold(), _NUMBERS)
