"""Pages of PDFs as pictures and as characters with their places, made in a child with limits."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from ingestion.aligning import Glyph
from ingestion.errors import ReaderCrashed, UnreadableFile
from ingestion.limited_process import LIMIT_MEMORY_BYTES, LimitedProcess

TIMEOUT_SECONDS = 20
# A page of 12 million points as a PNG that could not be compressed, in base64.
_LIMIT_REPLY_BYTES = 60_000_000
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """The characters of a page, and its size in points of 1/72 inch, as it is seen."""

    glyphs: tuple[Glyph, ...]
    width: float
    height: float


class PageProcess(LimitedProcess):
    """A child process that renders pages."""

    def __init__(
        self,
        *,
        limit_memory_bytes: int = LIMIT_MEMORY_BYTES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        super().__init__(
            "ingestion.page_process",
            limit_reply_bytes=_LIMIT_REPLY_BYTES,
            limit_memory_bytes=limit_memory_bytes,
        )
        self._timeout_seconds = timeout_seconds

    def glyphs(self, data: bytes, page: int) -> PrintedPage:
        """The characters of a page.

        Args:
            data: the PDF.
            page: counts from 1.

        Raises:
            UnreadableFile: it is no PDF, or has no such page.
            ReaderCrashed: it took too long or too much.
        """
        reply = self._asked({"do": "glyphs", "page": page, "scale": 1}, data)
        try:
            glyphs = tuple(_glyph(row) for row in reply["glyphs"])
            return PrintedPage(glyphs, float(reply["width"]), float(reply["height"]))
        except (KeyError, TypeError, ValueError) as error:
            self.close()
            raise ReaderCrashed("the reply about a page made no sense") from error

    def image(self, data: bytes, page: int, *, scale: float) -> bytes:
        """A page as a PNG, `scale` points to 1/72 inch. Raises as `glyphs`."""
        reply = self._asked({"do": "image", "page": page, "scale": scale}, data)
        try:
            image = base64.b64decode(reply["image"], validate=True)
        except (KeyError, TypeError, binascii.Error) as error:
            self.close()
            raise ReaderCrashed("the picture of a page made no sense") from error
        if not image.startswith(_PNG):
            self.close()
            raise ReaderCrashed("the picture of a page is none")
        return image

    def _asked(self, request: dict[str, object], data: bytes) -> Any:  # noqa: ANN401
        limits = {"bytes": len(data), "seconds": int(self._timeout_seconds) + 1}
        reply = self.ask({**request, **limits}, data, self._timeout_seconds)
        match reply:
            case {"rejected": str(reason)}:
                raise UnreadableFile(reason[:500])
            case {"failed": str(reason)}:
                self.close()  # a new child: this one's memory may be full
                raise ReaderCrashed(reason[:500])
        return reply


def _glyph(row: Any) -> Glyph:  # noqa: ANN401 - untrusted JSON
    text, *box = row
    left, top, right, bottom = (float(side) for side in box)
    if (
        not isinstance(text, str)
        or len(text) > 8
        or not all(0 <= s <= 1 for s in (left, top, right, bottom))
    ):
        raise ValueError("a glyph is not [text, left, top, right, bottom]")
    return Glyph(text, left, top, right, bottom)
