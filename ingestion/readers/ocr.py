"""Text in pictures, by rapidocr where it is installed (`make ocr`): PP-OCR's models in onnxruntime.

Nothing heavy is imported before the first picture. One thread only: the reader's process may start
none.
"""

import os
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

from ingestion.readers.builder import cleaned
from ingestion.readers.pdf_lines import Box, Line
from ingestion.readers.reading_order import in_reading_order

MOST_PAGES: Final = 500
MOST_SIDE: Final = 3_500  # pixels; larger pictures are scaled down
HOW_TO_GET: Final = "run `make ocr` once and add it again, or run it through OCR elsewhere"
_SIZES = (1, 2, 4)
_LEAST_SURE = 0.5  # of a line, to be text at all
_LINE_HEIGHT = 0.8  # of the box around a line: that of its font

# Called before each page: recognition takes seconds for each, and a page that goes on is no hang.
sign_of_life: ContextVar[Callable[[], None]] = ContextVar("sign_of_life", default=lambda: None)


def is_installed() -> bool:
    """Whether text in pictures can be recognised here."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


def recognised(pixels: Any) -> list[Line]:  # noqa: ANN401  # numpy is not imported here
    """The lines of a picture in reading order, in pixels, upwards.

    Args:
        pixels: (height, width, 3) blue, green, red, 0 to 255. For want of memory they are read at
            a half, then at a quarter of their size.

    Raises:
        MemoryError: that was too much, too.
    """
    sign_of_life.get()()
    found, size = _read(pixels)
    if found.txts is None:
        return []
    lines = [
        _line(text, [(size * float(x), -size * float(y)) for x, y in box])
        for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
        if score >= _LEAST_SURE and text.strip()
    ]
    return in_reading_order(lines)


def _read(pixels: Any) -> tuple[Any, int]:  # noqa: ANN401
    """What the engine finds, and how many pixels one of what it was shown stands for."""
    for size in _SIZES:
        try:
            return _engine()(pixels[::size, ::size]), size
        except Exception as error:
            # What onnxruntime calls a shortage of memory has no type of its own.
            if not isinstance(error, MemoryError) and "bad_alloc" not in str(error):
                raise
    raise MemoryError("a picture takes more memory to be read than there is")


def _line(text: str, corners: list[tuple[float, float]]) -> Line:
    across, up = [x for x, _ in corners], [y for _, y in corners]
    box = Box(min(across), max(across), min(up), _LINE_HEIGHT * (max(up) - min(up)))
    return Line(cleaned(text).strip(), hyphenated=False, box=box, is_bold=False)


@lru_cache(maxsize=1)
def _engine() -> Any:  # noqa: ANN401  # rapidocr has no types
    # Read when the libraries are loaded; they would start a thread for each core.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import cv2
    from rapidocr import RapidOCR

    cv2.setNumThreads(0)
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "EngineConfig.onnxruntime.use_arena": False,
        }
    )
