"""The numbers that Word sets before paragraphs: of clauses, headings and lists. ECMA-376 17.9.

They are in no text of the file but counted when it is shown, and people cite by them: "clause 9.1".
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from lxml import etree

from ingestion.readers.packages import attribute

_LEVELS: Final = 9
_PLACEHOLDER = re.compile(r"%([1-9])")
_BULLETS = frozenset({"bullet", "none"})
_ROMAN: Final = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MOST_ROMAN: Final = 4_000
_MOST_REPEATED: Final = 780  # the thirtieth `z`: what Word shows for letters it counts past
_LONGEST_LABEL: Final = 40


class Place(NamedTuple):
    """Which list a paragraph or a style belongs to; what it does not say is None."""

    number: str | None = None
    level: int | None = None


class Label(NamedTuple):
    """What stands before a paragraph: `9.1` or, for a bullet, nothing; 0 is the outermost level."""

    text: str
    level: int


class _Level(NamedTuple):
    start: int = 1
    format: str = "decimal"
    text: str = ""
    restarts: bool = True
    all_decimal: bool = False


class Numbering:
    """Counts through a document. Ask for labels in the order of its paragraphs, once for each."""

    def __init__(self, root: etree._Element | None, styles: Mapping[str, Place]) -> None:
        """Take the part that defines the lists, None when there is none, and what styles say."""
        self._styles = styles
        self._levels: dict[str, dict[int, _Level]] = {}  # by abstract list
        self._level_of_style: dict[tuple[str, str], int] = {}
        self._abstract: dict[str, str] = {}  # of each list
        self._overrides: dict[str, dict[int, _Level]] = {}
        self._restarts: dict[str, dict[int, int]] = {}  # not yet used, by list and level
        self._counts: dict[str, list[int | None]] = {}
        if root is not None:
            self._learn(root)

    def _learn(self, root: etree._Element) -> None:
        for abstract in root.iterchildren("{*}abstractNum"):
            identity = attribute(abstract, "abstractNumId")
            self._levels[identity] = levels = {}
            for element in abstract.iterchildren("{*}lvl"):
                depth = _whole(attribute(element, "ilvl"), 0)
                levels[depth] = _level(element)
                if style := _value(element, "pStyle"):
                    self._level_of_style[identity, style] = depth
        for number in root.iterchildren("{*}num"):
            identity = attribute(number, "numId")
            self._abstract[identity] = _value(number, "abstractNumId")
            for override in number.iterchildren("{*}lvlOverride"):
                depth = _whole(attribute(override, "ilvl"), 0)
                level = override.find("{*}lvl")
                if level is not None:
                    self._overrides.setdefault(identity, {})[depth] = _level(level)
                start = _value(override, "startOverride")
                if start:
                    self._restarts.setdefault(identity, {})[depth] = _whole(start, 1)

    def label(self, place: Place, style: str) -> Label | None:
        """Count a paragraph and give what stands before it; None when it is in no list.

        Args:
            place: what the paragraph itself says.
            style: the id of its style, which says the rest.
        """
        inherited = self._styles.get(style, Place())
        number = inherited.number if place.number is None else place.number
        if number is None or number == "0":  # 0: taken out of its style's list
            return None
        abstract = self._abstract.get(number, "")
        depth = place.level if place.level is not None else inherited.level
        if depth is None:
            depth = self._level_of_style.get((abstract, style), 0)
        depth = min(max(depth, 0), _LEVELS - 1)
        if abstract not in self._levels:
            return Label("", depth)
        levels = {**self._levels[abstract], **self._overrides.get(number, {})}
        counts = self._counts.setdefault(abstract, [None] * _LEVELS)
        self._count(counts, depth, levels, self._restarts.get(number, {}))
        return Label(_text(levels, depth, counts), depth)

    @staticmethod
    def _count(
        counts: list[int | None], depth: int, levels: dict[int, _Level], restarts: dict[int, int]
    ) -> None:
        level = levels.get(depth, _Level())
        before = counts[depth]
        if depth in restarts:
            counts[depth] = restarts.pop(depth)
        else:
            counts[depth] = level.start if before is None else before + 1
        for above in range(depth):  # levels that were passed over count as begun
            if counts[above] is None:
                counts[above] = levels.get(above, _Level()).start
        for below in range(depth + 1, _LEVELS):
            if levels.get(below, _Level()).restarts:
                counts[below] = None


def _text(levels: dict[int, _Level], depth: int, counts: list[int | None]) -> str:
    shown = levels.get(depth, _Level())
    if shown.format in _BULLETS:
        return ""

    def counted(match: "re.Match[str]") -> str:
        position = int(match[1]) - 1
        level = levels.get(position, _Level())
        number = counts[position]
        value = level.start if number is None else number
        return formatted(value, "decimal" if shown.all_decimal else level.format)

    return _PLACEHOLDER.sub(counted, shown.text).strip()[:_LONGEST_LABEL]


def formatted(number: int, how: str) -> str:
    """A number in one of the formats of European languages; digits for all others."""
    if how == "decimalZero":
        return f"{number:02}"
    if how in {"lowerLetter", "upperLetter"} and 0 < number <= _MOST_REPEATED:
        letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter if how == "lowerLetter" else letter.upper()
    if how in {"lowerRoman", "upperRoman"} and 0 < number < _MOST_ROMAN:
        roman = ""
        for value, letters in _ROMAN:
            count, number = divmod(number, value)
            roman += letters * count
        return roman if how == "lowerRoman" else roman.upper()
    return "" if how in _BULLETS else str(number)


def _level(element: etree._Element) -> _Level:
    legal = element.find("{*}isLgl")
    return _Level(
        start=_whole(_value(element, "start"), 1),
        format=_value(element, "numFmt") or "decimal",
        text=_value(element, "lvlText"),
        restarts=_value(element, "lvlRestart") != "0",
        all_decimal=legal is not None and attribute(legal, "val") not in {"0", "false", "off"},
    )


def _value(element: etree._Element, name: str) -> str:
    found = element.find(f"{{*}}{name}")
    return "" if found is None else attribute(found, "val")


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else otherwise
