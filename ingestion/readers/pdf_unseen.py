"""Which text of a PDF's page shows nothing: what a page looks like decides, not what it says.

Text that might not be seen (in a very light colour or that of a surface behind it, invisible, or
below something opaque) is taken off the page; where that changes no pixel, nobody sees it. Pages
without such text, nearly all, are not drawn. The layer of recognised text over or below a scanned
page stays: it is what the picture says.
"""

import ctypes
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from ctypes import c_uint
from typing import Any, Final, NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from retrieval.hidden import HiddenBy

_Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: Final[_Matrix] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_DEEPEST_FORM = 8
_MOST_OBJECTS = 50_000
_LIGHT = 235  # of 255, each of red, green and blue: hard to see on paper
_SAME = 12  # of 255, in each of them: what no eye tells apart
_INK = 60  # of 255, between the lightest and the darkest of a place where something is printed
_FAINT_ALPHA = 24
_OPAQUE_ALPHA = 240
_THINNEST = 2.0  # points; what is thinner covers nothing
_BAND = 8.0  # points
_MOST_BANDS = 2_000
_WORD = re.compile(r"[^\W_]")
_BLACK = (0, 0, 0, 255)
_SCAN = 0.5  # of the page's area, for a picture to be the page
_SCALE = 1.5  # pixels for a point
_MOST_PIXELS = 3_000  # along a side
_TINY = 1.3  # points of a font nobody can read
_TINY_SHARE = 0.002  # of the page's height; large sheets are drawn small
_INVISIBLE_MODES = frozenset({3, 7})
_OUTLINED_MODE = 1


class Box(NamedTuple):
    """A rectangle in the page's own units, upwards."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def area(self) -> float:
        """Width by height."""
        return max(0.0, self.right - self.left) * max(0.0, self.top - self.bottom)


Colour = tuple[int, int, int, int]  # red, green, blue, opacity; 0 to 255


class _Text(NamedTuple):
    handle: Any
    place: int  # in the order of painting
    matrix: _Matrix  # what moves its form to where it stands
    colour: Colour
    is_invisible: bool


class _Surface(NamedTuple):
    place: int
    box: Box
    colour: Colour | None  # None for a picture


class Hidden(NamedTuple):
    """A stretch of a page's text, [start, end), that nobody sees."""

    start: int
    end: int
    by: HiddenBy


def hidden_in(page: pdfium.PdfPage, text_page: pdfium.PdfTextPage, text: str) -> list[Hidden]:
    """The stretches of a page's text that nobody sees and that say something, in order."""
    sheet = Box(*page.get_bbox())
    tiny = min(_TINY, _TINY_SHARE * (sheet.top - sheet.bottom))
    asking = _Asking()
    texts, surfaces = _gathered(page, asking)
    colours_below = {one for one in surfaces.colours if any(_are_alike(one, t) for t in texts)}
    reasons: dict[int, HiddenBy] = {}
    suspects: list[tuple[_Text, Box]] = []
    for colour, painted in texts.items():
        is_pale = min(colour[:3]) >= _LIGHT or colour[3] <= _FAINT_ALPHA
        is_on_alike = any(_are_alike(colour, other) for other in colours_below)
        for one in painted:
            box = asking.box(one.handle, one.matrix)
            if box is None or box.right <= box.left or box.top <= box.bottom:
                continue  # a space
            if box.top - box.bottom < 2 * tiny and asking.size(one) < tiny:
                reasons[_address(one.handle)] = HiddenBy.SIZE
            elif not _meet(box, sheet):
                reasons[_address(one.handle)] = HiddenBy.OUTSIDE
            elif (
                is_pale
                or one.is_invisible
                or surfaces.is_below_one(one, box)
                or (is_on_alike and surfaces.is_on_alike(one, box))
            ):
                suspects.append((one, box))
    if suspects:
        reasons |= _unseen(page, suspects, surfaces, sheet)
    found = _stretches(text_page, reasons, len(text)) if reasons else []
    return [one for one in found if _WORD.search(text, one.start, one.end)]


class _Surfaces:
    """What lies under and over text, found by the point in the middle of a text.

    Every page has hundreds of texts and may have hundreds of surfaces: they are kept by the band
    of the page that they reach into.
    """

    def __init__(self) -> None:
        self._bands: dict[int, list[_Surface]] = {}
        self._last: dict[int, int] = {}  # by band, the place of the last opaque one
        self.pictures: list[Box] = []
        self.colours: set[Colour] = set()

    def add(self, surface: _Surface) -> None:
        """Take one; what is as thin as a line covers nothing."""
        box, colour = surface.box, surface.colour
        if min(box.right - box.left, box.top - box.bottom) < _THINNEST:
            return
        if colour is None:
            self.pictures.append(box)
        else:
            self.colours.add(colour)
        first, last = int(box.bottom // _BAND), int(box.top // _BAND)
        for band in range(max(first, -_MOST_BANDS), min(last, _MOST_BANDS) + 1):
            self._bands.setdefault(band, []).append(surface)
            if _is_opaque(surface):
                self._last[band] = surface.place

    def at(self, box: Box) -> list[_Surface]:
        """Those that the middle of a box lies in, in the order of painting."""
        x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
        return [
            surface
            for surface in self._bands.get(int(y // _BAND), ())
            if surface.box.left <= x <= surface.box.right
            and surface.box.bottom <= y <= surface.box.top
        ]

    def is_below_one(self, text: _Text, box: Box) -> bool:
        """Whether something opaque was painted over the middle of a text."""
        band = int((box.bottom + box.top) / 2 // _BAND)
        return self._last.get(band, -1) > text.place and any(
            one.place > text.place and _is_opaque(one) for one in self.at(box)
        )

    def is_on_alike(self, text: _Text, box: Box) -> bool:
        """Whether what lies right behind a text has its colour."""
        below = [one.colour for one in self.at(box) if one.place < text.place]
        return bool(below) and below[-1] is not None and _are_alike(below[-1], text.colour)


def _is_opaque(surface: _Surface) -> bool:
    return surface.colour is None or surface.colour[3] >= _OPAQUE_ALPHA


def _gathered(
    page: pdfium.PdfPage, asking: "_Asking"
) -> tuple[dict[Colour, list[_Text]], _Surfaces]:
    """What is painted: texts by colour, and surfaces."""
    texts: dict[Colour, list[_Text]] = {}
    surfaces = _Surfaces()
    mode_of = pdfium_c.FPDFTextObj_GetTextRenderMode
    for place, (handle, kind, matrix) in enumerate(_objects(page, asking)):
        if kind == pdfium_c.FPDF_PAGEOBJ_TEXT:
            mode = mode_of(handle)
            colour = asking.stroke(handle) if mode == _OUTLINED_MODE else asking.fill(handle)
            colour = colour or _BLACK
            text = _Text(handle, place, matrix, colour, mode in _INVISIBLE_MODES)
            texts.setdefault(colour, []).append(text)
        elif surface := asking.surface(handle, kind, place, matrix):
            surfaces.add(surface)
    return texts, surfaces


def _objects(page: pdfium.PdfPage, asking: "_Asking") -> Iterator[tuple[Any, int, _Matrix]]:
    """Every object in the order of painting, with what moves it to where it stands."""
    given = 0
    stack = [_children(page.raw, pdfium_c.FPDFPage_CountObjects, pdfium_c.FPDFPage_GetObject)]
    matrices = [_IDENTITY]
    kind_of = pdfium_c.FPDFPageObj_GetType
    while stack and given < _MOST_OBJECTS:
        handle = next(stack[-1], None)
        if handle is None:
            stack.pop()
            matrices.pop()
            continue
        given += 1
        kind = kind_of(handle)
        if kind == pdfium_c.FPDF_PAGEOBJ_FORM and len(stack) < _DEEPEST_FORM:
            matrices.append(_times(asking.matrix(handle), matrices[-1]))
            stack.append(
                _children(handle, pdfium_c.FPDFFormObj_CountObjects, pdfium_c.FPDFFormObj_GetObject)
            )
        else:
            yield handle, kind, matrices[-1]


def _children(of: Any, count: Any, get: Any) -> Iterator[Any]:  # noqa: ANN401 - C functions
    return (get(of, index) for index in range(count(of)))


class _Asking:
    """Asks PDFium about objects; what it answers into is made once, for there are thousands."""

    def __init__(self) -> None:
        self._edges = tuple(ctypes.c_float() for _ in range(4))
        self._parts = (c_uint * 4)()
        self._each_part = [c_uint.from_buffer(self._parts, 4 * index) for index in range(4)]
        self._numbers = ctypes.c_int(), ctypes.c_int()
        self._size = ctypes.c_float()
        self._matrix = pdfium_c.FS_MATRIX()

    def surface(self, handle: Any, kind: int, place: int, matrix: _Matrix) -> _Surface | None:  # noqa: ANN401
        """A picture, a filled path or a shading; None for lines."""
        colour: Colour | None = None
        if kind == pdfium_c.FPDF_PAGEOBJ_PATH:
            fill, stroke = self._numbers
            pdfium_c.FPDFPath_GetDrawMode(handle, fill, stroke)
            colour = self.fill(handle) if fill.value else None
            if colour is None:
                return None
        box = self.box(handle, matrix)
        return None if box is None else _Surface(place, box, colour)

    def size(self, text: _Text) -> float:
        """The size of a text's font in points."""
        pdfium_c.FPDFTextObj_GetFontSize(text.handle, self._size)
        whole = _times(self.matrix(text.handle), text.matrix)
        return math.hypot(whole[2], whole[3]) * abs(float(self._size.value))

    def matrix(self, handle: Any) -> _Matrix:  # noqa: ANN401
        """What moves an object to where it stands in its form."""
        found = self._matrix
        if not pdfium_c.FPDFPageObj_GetMatrix(handle, found):
            return _IDENTITY
        return found.a, found.b, found.c, found.d, found.e, found.f

    def fill(self, handle: Any) -> Colour | None:  # noqa: ANN401
        """The colour that an object is filled with."""
        is_told = pdfium_c.FPDFPageObj_GetFillColor(handle, *self._each_part)
        return _colour(self._parts) if is_told else None

    def stroke(self, handle: Any) -> Colour | None:  # noqa: ANN401
        """The colour of an object's outlines."""
        is_told = pdfium_c.FPDFPageObj_GetStrokeColor(handle, *self._each_part)
        return _colour(self._parts) if is_told else None

    def box(self, handle: Any, matrix: _Matrix) -> Box | None:  # noqa: ANN401
        """Where an object stands on the page."""
        left, bottom, right, top = self._edges
        if not pdfium_c.FPDFPageObj_GetBounds(handle, left, bottom, right, top):
            return None
        if matrix is _IDENTITY:
            return Box(left.value, bottom.value, right.value, top.value)
        corners = [
            (matrix[0] * x + matrix[2] * y + matrix[4], matrix[1] * x + matrix[3] * y + matrix[5])
            for x in (left.value, right.value)
            for y in (bottom.value, top.value)
        ]
        across, up = [x for x, _ in corners], [y for _, y in corners]
        return Box(min(across), min(up), max(across), max(up))


def _colour(parts: Iterable[int]) -> Colour:
    red, green, blue, opacity = parts
    return red, green, blue, opacity


def _are_alike(one: Colour, other: Colour) -> bool:
    return all(abs(a - b) <= _SAME for a, b in zip(one[:3], other[:3], strict=True))


def _unseen(
    page: pdfium.PdfPage,
    suspects: Sequence[tuple[_Text, Box]],
    surfaces: _Surfaces,
    sheet: Box,
) -> dict[int, HiddenBy]:
    """Why nobody sees which of the suspects, by the object's address."""
    width, height = page.get_size()
    scale = min(_SCALE, _MOST_PIXELS / max(width, height, 1))
    before = _Picture(page, scale)
    for text, _ in suspects:
        pdfium_c.FPDFPageObj_SetIsActive(text.handle, False)  # noqa: FBT003
    after = _Picture(page, scale)
    for text, _ in suspects:
        pdfium_c.FPDFPageObj_SetIsActive(text.handle, True)  # noqa: FBT003
    scans = [box for box in surfaces.pictures if box.area > _SCAN * sheet.area]
    found: dict[int, HiddenBy] = {}
    for text, box in suspects:
        is_seen = before.differs(after, box)
        is_on_scan = any(_holds(scan, box) for scan in scans)
        if is_seen or (is_on_scan and before.has_ink(box)):
            continue
        by = HiddenBy.COVERED if surfaces.is_below_one(text, box) else HiddenBy.COLOUR
        found[_address(text.handle)] = HiddenBy.MARKED if text.is_invisible else by
    return found


def _meet(one: Box, other: Box) -> bool:
    return (
        one.left < other.right
        and one.right > other.left
        and one.bottom < other.top
        and one.top > other.bottom
    )


def _holds(outer: Box, inner: Box) -> bool:
    x, y = (inner.left + inner.right) / 2, (inner.bottom + inner.top) / 2
    return outer.left <= x <= outer.right and outer.bottom <= y <= outer.top


class _Picture:
    """A page as it looks, in pixels."""

    def __init__(self, page: pdfium.PdfPage, scale: float) -> None:
        self._page = page
        with closing(page.render(scale=scale)) as bitmap:
            self._width, self._height = bitmap.width, bitmap.height
            self._stride, self._channels = bitmap.stride, bitmap.n_channels
            self._pixels = bytes(bitmap.buffer)

    def differs(self, other: "_Picture", box: Box) -> bool:
        """Whether two look different there."""
        for mine, theirs in zip(self._rows(box), other._rows(box), strict=True):
            if mine != theirs and any(
                abs(a - b) > _SAME for a, b in zip(mine, theirs, strict=True)
            ):
                return True
        return False

    def has_ink(self, box: Box) -> bool:
        """Whether something is printed there."""
        rows = [row for row in self._rows(box) if row]
        return bool(rows) and max(map(max, rows)) - min(map(min, rows)) >= _INK

    def _rows(self, box: Box) -> list[bytes]:
        x, y = ctypes.c_int(), ctypes.c_int()
        across, down = [], []
        for px, py in ((box.left, box.bottom), (box.right, box.top)):
            pdfium_c.FPDF_PageToDevice(
                self._page.raw, 0, 0, self._width, self._height, 0, px, py, x, y
            )
            across.append(x.value)
            down.append(y.value)
        left, right = max(0, min(across) - 1), min(self._width, max(across) + 2)
        top, bottom = max(0, min(down) - 1), min(self._height, max(down) + 2)
        return [
            self._pixels[
                row * self._stride + left * self._channels : row * self._stride
                + right * self._channels
            ]
            for row in range(top, bottom)
        ]


def _stretches(
    text_page: pdfium.PdfTextPage, reasons: dict[int, HiddenBy], length: int
) -> list[Hidden]:
    found: list[Hidden] = []
    for position in range(length):
        index = pdfium_c.FPDFText_GetCharIndexFromTextIndex(text_page.raw, position)
        handle = pdfium_c.FPDFText_GetTextObject(text_page.raw, index) if index >= 0 else None
        by = reasons.get(_address(handle)) if handle else None
        if by is None:
            continue
        if found and found[-1].end == position and found[-1].by is by:
            found[-1] = found[-1]._replace(end=position + 1)
        else:
            found.append(Hidden(position, position + 1, by))
    return found


def _address(handle: Any) -> int:  # noqa: ANN401
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _times(m: _Matrix, n: _Matrix) -> _Matrix:
    """First `m`, then `n`."""
    return (
        m[0] * n[0] + m[1] * n[2], m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2], m[2] * n[1] + m[3] * n[3],
        m[4] * n[0] + m[5] * n[2] + n[4], m[4] * n[1] + m[5] * n[3] + n[5],
    )  # fmt: skip
