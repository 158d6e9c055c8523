"""Recognised lines become text in the order a person reads; without recognition a scan says so."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ingestion.errors import FileTooLarge, NoText, UnreadableFile
from ingestion.reader_process import _in_brief
from ingestion.readers import image, ocr, read_document
from ingestion.readers.pdf_lines import Box, Line
from ingestion.readers.reading_order import in_reading_order
from ingestion.sandbox import ReaderProcess

needs_recognition = pytest.mark.skipif(
    not ocr.is_installed(), reason="text recognition is not installed: run `make ocr`"
)
SENTENCE = "The rent is 1250 euro a month."


def picture(text: str = SENTENCE, kind: str = "PNG", size: tuple[int, int] = (900, 120)) -> bytes:
    made = Image.new("RGB", size, "white")
    ImageDraw.Draw(made).text((30, 30), text, fill="black", font_size=40)
    out = io.BytesIO()
    made.save(out, kind)
    return out.getvalue()


def scan(data: bytes) -> bytes:
    """A PDF whose only page shows a picture."""
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    canvas.drawImage(ImageReader(io.BytesIO(data)), 50, 600, 450, 60)
    canvas.save()
    return out.getvalue()


def line(text: str, left: float, width: float, bottom: float) -> Line:
    return Line(text, False, Box(left, left + width, bottom, 10), False)


# --- Order --------------------------------------------------------------------------------------


def test_columns_are_read_one_after_the_other_below_what_spans_them():
    left = [line(f"L{n}", 50, 240, 780 - 14 * n) for n in range(9)]
    right = [line(f"R{n}", 310, 240, 781 - 14 * n) for n in range(9)]
    title, foot = line("Title", 50, 500, 800), line("Foot", 50, 500, 600)
    found = in_reading_order([*right, foot, *left, title])
    assert found == [title, *left, *right, foot]


def test_cells_are_read_row_by_row():
    rows = [line(f"{r}{c}", 50 + 120 * c, 60, 700 - 20 * r) for r in range(8) for c in range(4)]
    assert in_reading_order(rows[::-1]) == rows


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_lines_are_read_from_the_top(count):
    lines = [line(str(n), 50, 100, 700 - 20 * n) for n in range(count)]
    assert in_reading_order(lines[::-1]) == lines


# --- Files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [picture(), scan(picture())])
def test_without_recognition_a_picture_says_what_to_do(data, monkeypatch):
    monkeypatch.setattr(ocr, "is_installed", lambda: False)
    with pytest.raises(NoText, match="run `make ocr` once"):
        read_document("a.png", data)


@pytest.fixture
def recogniser(monkeypatch):
    """A stand-in that sees one line in every picture."""
    seen = []

    def recognised(pixels):
        seen.append(pixels.shape)
        return [line(SENTENCE, 30, 600, 50)]

    monkeypatch.setattr(ocr, "is_installed", lambda: True)
    monkeypatch.setattr(ocr, "recognised", recognised)
    return seen


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_pictures_of_every_kind_are_looked_at(kind, recogniser):
    assert read_document("a.bin", picture(kind=kind)).text == SENTENCE
    assert recogniser == [(120, 900, 3)]


def test_only_pages_without_text_are_looked_at(recogniser):
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    canvas.drawString(50, 700, "A page with text.")
    canvas.showPage()
    canvas.drawImage(ImageReader(io.BytesIO(picture())), 50, 600, 450, 60)
    canvas.showPage()
    canvas.showPage()  # blank
    canvas.save()
    document = read_document("a.pdf", out.getvalue())
    assert [(b.page, document.text[b.start : b.end]) for b in document.blocks] == [
        (1, "A page with text."),
        (2, SENTENCE),
    ]
    assert len(recogniser) == 1


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(recogniser, monkeypatch):
    monkeypatch.setattr(image, "LIMIT_PIXELS", 1_000)
    with pytest.raises(FileTooLarge, match="108,000 pixels and the limit is 1,000; scale"):
        read_document("a.png", picture())
    assert recogniser == []


def test_bullets_and_broken_pictures_are_refused(recogniser):
    with pytest.raises(NoText, match="too small to hold text"):
        read_document("a.png", picture(size=(20, 20)))
    with pytest.raises(UnreadableFile, match="damaged"):
        read_document("a.png", picture()[:200])


@needs_recognition
@pytest.mark.parametrize("data", [picture(), scan(picture())])
def test_a_scan_is_recognised_in_the_sandbox(data):
    with ReaderProcess(timeout_seconds=600) as reader:  # seconds, but not on a busy machine
        words = "".join(reader.read("a.pdf", data).text.split())  # it may miss a space
    assert words == "".join(SENTENCE.split())


def short_of_memory(most_rows: int):
    """What rapidocr does where onnxruntime gets no memory for so large a picture."""

    def read(pixels):
        if len(pixels) > most_rows:
            raise RuntimeError(
                "Traceback (most recent call last):\n  File\nConv node: std::bad_alloc\n"
            )
        corners = [[10.0, 10.0], [60.0, 10.0], [60.0, 20.0], [10.0, 20.0]]
        return SimpleNamespace(txts=("Rent",), scores=(0.9,), boxes=(corners,))

    return read


def test_a_picture_that_takes_too_much_memory_is_read_smaller(monkeypatch):
    monkeypatch.setattr(ocr, "_engine", lambda: short_of_memory(500))
    [found] = ocr.recognised(np.zeros((800, 400, 3), np.uint8))
    assert (found.text, found.box.left, found.box.right) == ("Rent", 20.0, 120.0)
    with pytest.raises(MemoryError):
        ocr.recognised(np.zeros((2400, 400, 3), np.uint8))


def test_other_failures_of_recognition_are_what_they_are(monkeypatch):
    def broken(_):
        raise RuntimeError("no such model")

    monkeypatch.setattr(ocr, "_engine", lambda: broken)
    with pytest.raises(RuntimeError, match="no such model"):
        ocr.recognised(np.zeros((8, 8, 3), np.uint8))


def test_a_library_that_tells_a_traceback_is_quoted_in_one_line():
    told = RuntimeError("Traceback (most recent call last):\n  File x\nit broke\n" + "!" * 400)
    assert _in_brief(told) == "RuntimeError: " + "!" * 300
    assert _in_brief(KeyError()) == "KeyError"
