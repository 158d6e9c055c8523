"""Pictures of text: photographs, screenshots, scans. Their text is recognised, see `ocr`."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from ingestion.errors import FileTooLarge, NoText
from ingestion.readers import ocr
from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.detection import Format
from ingestion.readers.packages import damaged
from ingestion.readers.pdf_layout import lay_out
from ingestion.types import ParsedDocument

LIMIT_PIXELS: Final = 60_000_000
_LEAST_SIDE = 24  # pixels: less is a bullet or a spacer, no text
_WHAT = "picture"


def read_image(name: str, data: bytes) -> ParsedDocument:
    """Read the text of a picture; the frames of a TIFF are pages."""
    if not ocr.is_installed():
        raise NoText(f"it is a picture, and text recognition is not installed; {ocr.HOW_TO_GET}")
    builder = DocumentBuilder()
    pages = [ocr.recognised(pixels) for pixels in _frames(data)]
    for number, blocks in enumerate(lay_out(pages), start=1):
        for block in blocks:
            page = number if len(pages) > 1 else None
            builder.add(block.kind, block.text, level=block.level, page=page)
    if not builder:
        raise NoText("no text was recognised in the picture")
    return builder.build(title_of(name), Format.IMAGE.value)


def _frames(data: bytes) -> Iterator[Any]:
    import numpy as np
    from PIL import Image, ImageOps, ImageSequence

    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked before anything is decoded
    try:
        with Image.open(BytesIO(data)) as image:
            _check(image.width, image.height, getattr(image, "n_frames", 1))
            frames = ImageSequence.Iterator(image) if image.format == "TIFF" else [image]
            for frame in frames:
                _check(frame.width, frame.height, 1)
                upright = ImageOps.exif_transpose(frame).convert("RGBA")
                paper = Image.new("RGBA", upright.size, "white")
                page = Image.alpha_composite(paper, upright).convert("RGB")
                page.thumbnail((ocr.MOST_SIDE, ocr.MOST_SIDE))
                yield np.asarray(page)[:, :, ::-1].copy()
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, IndexError) as error:
        raise damaged(_WHAT, error) from error


def _check(width: int, height: int, frames: int) -> None:
    if width * height > LIMIT_PIXELS:
        raise FileTooLarge("pixels", width * height, LIMIT_PIXELS, "scale the picture down")
    if frames > ocr.MOST_PAGES:
        raise FileTooLarge("pages", frames, ocr.MOST_PAGES, "split the file")
    if min(width, height) < _LEAST_SIDE:
        raise NoText("the picture is too small to hold text")
