"""PDF: the text layer, page by page, through PDFium.

PDFium gives characters in reading order with line ends; where lines belong to one paragraph is
decided in `pdf_layout` from the boxes of a few characters of each line.
"""

import ctypes
import math
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ingestion.errors import FileTooLarge, NoText, OnlyHidden, UnreadableFile
from ingestion.readers import ocr
from ingestion.readers.builder import DocumentBuilder, cleaned, title_of
from ingestion.readers.detection import Format
from ingestion.readers.pdf_layout import lay_out
from ingestion.readers.pdf_lines import Box, Line
from ingestion.readers.pdf_unseen import hidden_in
from ingestion.readers.raised import raised
from ingestion.readers.unlocking import needed, passwords
from ingestion.types import ParsedDocument
from retrieval.hidden import HiddenBy

# PDFium replaces a hyphen at a line's end, and the line end with it, by one of these.
_LINE_END = re.compile(r"\r\n|\n|[\ufffe\x02](?:\r\n)?")
_HYPHENS = ("\ufffe", "\x02")
_BOLD_WEIGHT = 600
_FARTHEST = 1e6  # from the origin; the largest page PDF knows has 14,400 units
_FONT_NAME_BYTES = 128
_SMALLEST_HEIGHT = 0.5  # units of the page: a thousandth of a sheet of paper
_JUNK_TITLE = re.compile(
    r"microsoft (?:word|excel|powerpoint) -|\(?anonymous|untitled|powerpoint presentation"
    r"|.*\.(?:docx?|pdf|indd|xlsx?|pptx?|odt|ods|odp|tex|dvi|html?|exe|jpe?g|png)\Z",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{2,}")
# A number or a unit of length, and what may be its exponent.
_POWER = re.compile(r"\d[\d+−-]*(?<=\d)|(?<![^\W\d_])[cdkmµ]?m[−-]?[1-3](?!\d)")
_FEWEST_TITLE_WORDS = 2
_BETWEEN_WORDS = re.compile(r" +")
_ITEM_NUMBER = re.compile(r"[^\w\s]{0,2}(?:\d[\d.]*|[A-Za-z]{0,4})[^\w\s]{0,2} ")
_MOST_UNKNOWN = 0.5  # of the characters of a text layer that is one
_SCAN_DPI = 200
_ANGLES_LOOKED_AT = 200  # characters of a page
_RAISED_AT_LEAST = 0.2  # heights of the base
_RAISED_AT_MOST = 0.9  # of its height
_CELL_GAP = 1.0  # heights; justified text has spaces of half that


def read_pdf(name: str, data: bytes) -> ParsedDocument:
    """Read a PDF's text layer; a page without one gives no block."""
    with closing(_opened(data)) as document:
        builder = DocumentBuilder()
        pages = [_page_lines(document, index, builder) for index in range(len(document))]
        if ocr.is_installed():
            _recognise_scans(document, pages)
        proposal = document.get_metadata_value("Title")
    for number, blocks in enumerate(lay_out(pages), start=1):
        for block in blocks:
            builder.add(block.kind, block.text, level=block.level, page=number)
    if not builder and builder.hidden:
        raise OnlyHidden(tuple(builder.hidden))
    if not builder and ocr.is_installed():
        raise NoText(f"there is no text on any page of {len(pages)}, not in its pictures either")
    if not builder:
        raise NoText(
            f"there is no text layer on any page of {len(pages)}: it looks scanned; "
            + ocr.HOW_TO_GET
        )
    return builder.build(title_of(name, _useful_title(proposal)), Format.PDF.value)


def _opened(data: bytes) -> pdfium.PdfDocument:
    document = None
    for password in (None, *passwords.get()):  # many are encrypted, and open without one
        try:
            document = pdfium.PdfDocument(data, password=password)
            break
        except pdfium.PdfiumError as error:
            if "password" not in str(error).lower():
                raise UnreadableFile(f"it is a damaged PDF ({error})") from error
    if document is None:
        raise needed()
    if len(document) == 0:
        document.close()
        raise UnreadableFile("it is a damaged PDF (no page can be found in it)")
    return document


def _recognise_scans(document: pdfium.PdfDocument, pages: list[list[Line]]) -> None:
    """Fill the pages without a text layer with what can be recognised in their picture.

    Raises:
        FileTooLarge: there are too many of them.
    """
    scans = [index for index, lines in enumerate(pages) if not _is_text(lines)]
    if len(scans) > ocr.MOST_PAGES:
        raise FileTooLarge("scanned pages", len(scans), ocr.MOST_PAGES, "split the file")
    for index in scans:
        pages[index] = _recognised_lines(document, index) or pages[index]


def _is_text(lines: Sequence[Line]) -> bool:
    """Whether a text layer says something: fonts without a mapping give unassigned characters."""
    text = "".join(line.text for line in lines)
    unknown = sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" for c in text)
    return bool(text) and unknown < _MOST_UNKNOWN * len(text)


def _recognised_lines(document: pdfium.PdfDocument, index: int) -> list[Line]:
    try:
        with closing(document[index]) as page:
            if next(page.get_objects(max_depth=1), None) is None:
                return []  # a blank page
            width, height = page.get_size()
            scale = min(_SCAN_DPI / 72, ocr.MOST_SIDE / max(width, height, 1))
            with closing(page.render(scale=scale)) as bitmap:
                return ocr.recognised(bitmap.to_numpy()[:, :, :3].copy())
    except (pdfium.PdfiumError, ValueError, MemoryError):  # one page does not spoil the others
        return []


def _useful_title(title: str) -> str | None:
    """A title someone wrote: programs also put file names and filing numbers there."""
    is_useful = len(_WORD.findall(title)) >= _FEWEST_TITLE_WORDS and not _JUNK_TITLE.match(title)
    return title if is_useful and " " in title.strip() else None


def _page_lines(document: pdfium.PdfDocument, index: int, builder: DocumentBuilder) -> list[Line]:
    """The lines of a page that a person sees; `builder` is told of the others."""
    number = index + 1
    try:
        page = document[index]
    except pdfium.PdfiumError:  # one damaged page does not spoil the others
        return []
    with closing(page), closing(_upright_text(page)) as text_page:
        measure = _Measure(text_page, page.get_rotation())
        text = text_page.get_text_range()
        for hidden in hidden_in(page, text_page, text):
            builder.hide(hidden.by, text[hidden.start : hidden.end], page=number)
            blank = " " * (hidden.end - hidden.start)
            text = text[: hidden.start] + blank + text[hidden.end :]
        text = _POWER.sub(measure.with_power_raised, text)
        lines: list[Line] = []
        start = 0
        for match in _LINE_END.finditer(text):
            hyphenated = match.group().startswith(_HYPHENS)
            _append_line(lines, measure, text, start, match.start(), hyphenated=hyphenated)
            start = match.end()
        _append_line(lines, measure, text, start, len(text), hyphenated=False)
    seen: list[Line] = []
    for line in lines:
        if by := measure.hidden_by(line):
            builder.hide(by, line.text, page=number)
        else:
            seen.append(line)
    return seen


def _upright_text(page: pdfium.PdfPage) -> pdfium.PdfTextPage:
    """The text of a page, which is turned as most of its text is written.

    PDFium puts lines in order as the page is shown: of text that lies on its side it gives the last
    line first.
    """
    text_page = page.get_textpage()
    turn = _turn_of_text(text_page)
    if turn is not None and turn != page.get_rotation():
        text_page.close()
        page.set_rotation(turn)
        text_page = page.get_textpage()
    return text_page


def _turn_of_text(text_page: pdfium.PdfTextPage) -> int | None:
    """By how many degrees the page must be turned for most of its text; None if nobody can say."""
    count = text_page.count_chars()
    turns = Counter[int]()
    for index in range(0, count, max(1, count // _ANGLES_LOOKED_AT)):
        code = pdfium_c.FPDFText_GetUnicode(text_page.raw, index)
        angle = math.degrees(pdfium_c.FPDFText_GetCharAngle(text_page.raw, index))
        # Spaces that PDFium has put in have no angle of their own, nor have failures.
        if chr(code).isalnum() and angle >= 0 and abs(angle - 90 * round(angle / 90)) < 1:
            turns[-90 * round(angle / 90) % 360] += 1
    turn, votes = max(turns.items(), key=lambda one: one[1], default=(0, 0))
    return turn if votes * 2 > turns.total() else None


def _append_line(
    lines: list[Line], measure: "_Measure", text: str, start: int, end: int, *, hyphenated: bool
) -> None:
    raw = text[start:end]
    shown = cleaned(raw).strip()
    if shown:
        first = start + len(raw) - len(raw.lstrip())
        last = start + len(raw.rstrip()) - 1
        line = measure.line(shown, first, last, hyphenated=hyphenated)
        spaces = [
            (start + space.start(), start + space.end())
            for space in _BETWEEN_WORDS.finditer(raw)
            if first < start + space.start() < last
        ]
        if _ITEM_NUMBER.match(shown):
            spaces = spaces[1:]  # "1.1" stands apart from its clause, which is no row for that
        lines.append(replace(line, has_gap=measure.has_gap(line, spaces)))


class _Measure:
    """Asks PDFium for boxes and fonts; boxes are turned upright on a rotated page."""

    def __init__(self, text_page: pdfium.PdfTextPage, rotation: int) -> None:
        self._page = text_page
        self._rotation = rotation
        left, bottom, right, top = text_page.page.get_bbox()
        self._bounds = self._upright(left, right, bottom, top)
        self._rectangle = pdfium_c.FS_RECTF()
        self._name = ctypes.create_string_buffer(_FONT_NAME_BYTES)
        self._flags = ctypes.c_int()

    def line(self, text: str, first: int, last: int, *, hyphenated: bool) -> Line:
        """Measure a line by its first, middle and last character.

        Args:
            text: what the line says.
            first, last: positions of its first and last visible character in the page's text.
            hyphenated: whether its last word goes on in the next line.
        """
        indexes = [self._character(p) for p in (first, (first + last) // 2, last)]
        boxes = [box for box in map(self._box, indexes) if box is not None]
        if not boxes:
            return Line(text, hyphenated, None, is_bold=False)
        # The middle size of three: one of them may be a bullet or a raised footnote mark.
        middle = sorted(boxes, key=lambda box: box.height)[len(boxes) // 2]
        box = Box(
            left=min(box.left for box in boxes),
            right=max(box.right for box in boxes),
            bottom=statistics.median(box.bottom for box in boxes),
            height=middle.height,
        )
        is_bold = all(map(self._is_bold, indexes))
        return Line(text, hyphenated, box if box.right > box.left else None, is_bold)

    def hidden_by(self, line: Line) -> HiddenBy | None:
        """Whether a line has no size, or stands outside the page."""
        box = line.box
        if box is None:
            return None
        page = self._bounds
        is_outside = (
            box.right < page.left
            or box.left > page.right
            or box.bottom > page.bottom + page.height
            or box.bottom + box.height < page.bottom
        )
        if is_outside:
            return HiddenBy.OUTSIDE
        return HiddenBy.SIZE if box.height < _SMALLEST_HEIGHT else None

    def has_gap(self, line: Line, spaces: Sequence[tuple[int, int]]) -> bool:
        """Whether some space of a line is as wide as those between cells.

        Args:
            spaces: where each begins and ends in the page's text.
        """
        if line.box is None:
            return False
        widest = _CELL_GAP * line.box.height
        for begin, end in spaces:
            before, after = self._box(self._character(begin - 1)), self._box(self._character(end))
            if before and after and after.left - before.right > widest:
                return True
        return False

    def with_power_raised(self, found: re.Match[str]) -> str:
        """What was found, as long as it was; an exponent in it as raised digits.

        Where something else is raised right behind it, as in a list of footnote marks, and before a
        fraction's stroke, it stays.
        """
        start, end, text = found.start(), found.end(), found.group()
        base = self._box(self._character(start))
        if base is None or not self._is_raised(end - 1, base):
            return text
        first = next(place for place in range(start, end) if self._is_raised(place, base))
        rest = found.string[end : end + 3]
        after = end + len(rest) - len(rest.lstrip("\r\n"))  # PDFium ends lines at what is raised
        following = found.string[after : after + 1]
        if following in {"/", "⁄"} or (following.strip() and self._is_raised(after, base)):
            return text
        return text[: first - start] + raised(text[first - start :])

    def _is_raised(self, position: int, base: Box) -> bool:
        """Whether a character is smaller than one before it, and stands higher."""
        box = self._box(self._character(position))
        return (
            box is not None
            and box.height <= _RAISED_AT_MOST * base.height
            and box.bottom - base.bottom >= _RAISED_AT_LEAST * base.height
        )

    def _character(self, position: int) -> int:
        return int(pdfium_c.FPDFText_GetCharIndexFromTextIndex(self._page.raw, position))

    def _box(self, index: int) -> Box | None:
        rectangle = self._rectangle
        if index < 0 or not pdfium_c.FPDFText_GetLooseCharBox(self._page.raw, index, rectangle):
            return None
        left, right, bottom, top = (
            rectangle.left,
            rectangle.right,
            rectangle.bottom,
            rectangle.top,
        )
        # A hostile page may place characters anywhere, infinity included.
        is_sane = bottom < top and max(map(abs, (left, right, bottom, top))) < _FARTHEST
        return self._upright(left, right, bottom, top) if is_sane else None

    def _upright(self, left: float, right: float, bottom: float, top: float) -> Box:
        match self._rotation:
            case 90:
                left, right, bottom, top = bottom, top, -right, -left
            case 180:
                left, right, bottom, top = -right, -left, -top, -bottom
            case 270:
                left, right, bottom, top = -top, -bottom, left, right
        return Box(left, right, bottom, top - bottom)

    def _is_bold(self, index: int) -> bool:
        if index < 0:
            return False
        if pdfium_c.FPDFText_GetFontWeight(self._page.raw, index) >= _BOLD_WEIGHT:
            return True
        pdfium_c.FPDFText_GetFontInfo(
            self._page.raw, index, self._name, _FONT_NAME_BYTES, self._flags
        )
        name = self._name.value.lower()
        return b"bold" in name or b"black" in name or b"heavy" in name
