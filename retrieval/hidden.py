"""Text that a file keeps from human eyes. Pure; loads nothing: the reader's process has it too."""

from dataclasses import dataclass
from enum import StrEnum

# Of what one file hides so many pieces are kept, and so much of each.
MOST_PIECES = 200
MOST_CHARACTERS_SHOWN = 2_000


class HiddenBy(StrEnum):
    """How a file keeps text from human eyes.

    MARKED: its format says that it is hidden. COLOUR: it has the colour of what is behind it, or
    none. SIZE: it is too small to see. OUTSIDE: it stands outside the page or slide. COVERED:
    something opaque lies over it. SHEET, SLIDE: its sheet, row or column, or its slide, is hidden.
    CHARACTERS: it is written in characters that show nothing.
    """

    MARKED = "marked"
    COLOUR = "colour"
    SIZE = "size"
    OUTSIDE = "outside"
    COVERED = "covered"
    SHEET = "sheet"
    SLIDE = "slide"
    CHARACTERS = "characters"


@dataclass(frozen=True, slots=True)
class HiddenText:
    """Text that a file keeps from human eyes.

    `text` may be the beginning only; `characters` counts all of it. `page` counts from 1.
    """

    by: HiddenBy
    text: str
    page: int | None = None
    characters: int = 0

    def __post_init__(self) -> None:
        if self.characters < len(self.text):
            object.__setattr__(self, "characters", len(self.text))
