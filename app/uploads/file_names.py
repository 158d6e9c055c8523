"""What a file is called once it has been uploaded under whatever name. Pure."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

LONGEST_NAME = 1_000
_LONGEST_PART = 255
_UNNAMED = "unnamed"
# Categories of characters that cannot be seen, or that turn what follows them around.
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
UPLOADED = "upload:/"


def usable_name(sent: str) -> str:
    """A relative path of visible characters that leads nowhere else, from what a client sent.

    Folders in it stay, with `/` between them; `..`, `.`, drives and leading slashes do not.
    """
    parts = []
    for part in re.split(r"[/\\]+", unicodedata.normalize("NFC", sent)):
        seen = "".join("_" if unicodedata.category(char) in _UNSEEN else char for char in part)
        seen = seen.strip()
        if seen.strip(".") and not re.fullmatch(r"[A-Za-z]:", seen):
            parts.append(_shortened(seen))
    name = "/".join(parts)[-LONGEST_NAME:].strip("/ ")
    return name or _UNNAMED


def distinct_names(names: Sequence[str]) -> Iterator[str]:
    """The names in order; of equal ones every one after the first gets a number."""
    taken: set[str] = set()
    for name in names:
        number, free = 2, name
        while free in taken:
            stem, dot, ending = name.rpartition(".")
            free = f"{stem} ({number}){dot}{ending}" if stem else f"{name} ({number})"
            number += 1
        taken.add(free)
        yield free


def _shortened(part: str) -> str:
    """A part that is too long, without what stands before its ending's last characters."""
    if len(part) <= _LONGEST_PART:
        return part
    stem, dot, ending = part.rpartition(".")
    if not stem or len(ending) > 20:
        return part[:_LONGEST_PART]
    return stem[: _LONGEST_PART - len(ending) - 1] + dot + ending
