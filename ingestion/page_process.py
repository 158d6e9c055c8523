"""The child's side of `ingestion.pages`: limits first, then one page after the other.

Request: 4 bytes length, JSON {"do", "bytes", "page", "scale", "seconds"}, then the file's bytes.
`do` is "glyphs" or "image"; `page` counts from 1. Reply: 8 bytes length, JSON: {"glyphs": [[text,
left, top, right, bottom], ...], "width", "height"}, {"image": base64 of a PNG}, {"rejected":
message} or {"failed": message}. The first reply, {"ready": true}, comes without a request.
"""

import base64
import ctypes
import json
import struct
import sys
import zlib
from contextlib import closing
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ingestion.reader_process import allow_seconds, limit_this_process, send, take_over

_MOST_PIXELS = 12_000_000
_MOST_GLYPHS = 60_000
_GRID = 100_000  # steps in which a page is measured
Reply = dict[str, Any]


def main() -> None:
    """Serve requests until the standard input ends.

    The only argument is the address space in bytes.
    """
    requests, replies = take_over(0, "rb"), take_over(1, "wb")
    limit_this_process(int(sys.argv[1]))
    send(replies, {"ready": True})
    while header := requests.read(4):
        request = json.loads(requests.read(int.from_bytes(header)))
        data = requests.read(request["bytes"])
        allow_seconds(request["seconds"])
        send(replies, _reply(request, data))


def _reply(request: dict[str, Any], data: bytes) -> Reply:
    number = request["page"]
    try:
        with closing(pdfium.PdfDocument(data)) as document:
            if not 1 <= number <= len(document):
                return {"rejected": f"there is no page {number}: it has {len(document)}"}
            with closing(document[number - 1]) as page:
                if request["do"] == "image":
                    return {"image": base64.b64encode(_png(page, request["scale"])).decode()}
                return _glyphs(page)
    except pdfium.PdfiumError as error:
        return {"rejected": f"it cannot be opened as a PDF ({error})"}
    except MemoryError:
        return {"failed": "needs more memory than may be used"}
    except Exception as error:  # noqa: BLE001 # whatever a library does to a hostile file
        return {"failed": f"{type(error).__name__}: {error}"}


def _glyphs(page: Any) -> Reply:  # noqa: ANN401 # pypdfium2 has no types
    """The characters in the order of the file; a line end or a hyphen of the layout has no text."""
    width, height = page.get_size()
    glyphs = []
    with closing(page.get_textpage()) as text:
        # UTF-16: what lies beyond the first plane comes as two halves of a character.
        codes = [
            pdfium_c.FPDFText_GetUnicode(text.raw, index)
            for index in range(min(text.count_chars(), _MOST_GLYPHS))
        ]
        pending = ""
        for index, code in enumerate(codes):
            if 0xD800 <= code < 0xDC00:
                pending = chr(code)
                continue
            letter = _whole(pending, code)
            pending = ""
            glyphs.append([letter, *_box(page, text, index)])
    return {"glyphs": glyphs, "width": width, "height": height}


def _whole(pending: str, code: int) -> str:
    both = pending + chr(code)
    letter = both.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "" if letter in {"\x00", "\r", "\n"} else letter


def _box(page: Any, text: Any, index: int) -> list[float]:  # noqa: ANN401
    """Left, top, right, bottom in fractions of the page as it is seen, turned as it is shown."""
    loose = pdfium_c.FS_RECTF()
    if not pdfium_c.FPDFText_GetLooseCharBox(text.raw, index, loose):
        return [0.0, 0.0, 0.0, 0.0]
    corners = [_seen(page, loose.left, loose.top), _seen(page, loose.right, loose.bottom)]
    across, down = zip(*corners, strict=True)
    return [min(across), min(down), max(across), max(down)]


def _seen(page: Any, x: float, y: float) -> tuple[float, float]:  # noqa: ANN401
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium_c.FPDF_PageToDevice(page.raw, 0, 0, _GRID, _GRID, 0, x, y, across, down)
    return (
        min(max(across.value / _GRID, 0.0), 1.0),
        min(max(down.value / _GRID, 0.0), 1.0),
    )


def _png(page: Any, scale: float) -> bytes:  # noqa: ANN401
    """The page on white, as a PNG: written here, so that no picture library is needed."""
    width, height = page.get_size()
    most = (_MOST_PIXELS / max(1.0, width * height)) ** 0.5
    bitmap = page.render(scale=min(scale, most), rev_byteorder=True)
    rows = bitmap.to_numpy()[:, :, :3]
    raw = b"".join(b"\x00" + row.tobytes() for row in rows)
    size = struct.pack(">IIBBBBB", bitmap.width, bitmap.height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", size), (b"IDAT", zlib.compress(raw, 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


if __name__ == "__main__":
    main()
