"""PDF pages that lie on their side, and digits that stand above their line."""

import io
from collections.abc import Callable

import pypdfium2 as pdfium
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from ingestion.readers import read_document

WIDTH, HEIGHT = A4
LEFT = "The harbour crane lifts twelve tonnes at every tide and was built by Tamsin Roe. " * 6
RIGHT = "The copper mill grinds barley from March until the autumn and stands in winter. " * 6


def page(draw: Callable[[Canvas], None], *, rotation: int = 0) -> str:
    """The text of a page that is drawn, and then turned as `rotation` says."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    draw(canvas)
    canvas.save()
    with pdfium.PdfDocument(out.getvalue()) as document:
        document[0].set_rotation(rotation)
        out = io.BytesIO()
        document.save(out)
    return read_document("a.pdf", out.getvalue()).text


def columns(canvas: Canvas) -> None:
    """Two, for a page as high as A4 is wide."""
    for text, left in ((LEFT, 60), (RIGHT, 320)):
        for number, line in enumerate(simpleSplit(text, "Helvetica", 10, 210)):
            canvas.drawString(left, 520 - 13 * number, line)


def to_the_left(canvas: Canvas) -> None:
    canvas.translate(WIDTH, 0)
    canvas.rotate(90)
    columns(canvas)


def to_the_right(canvas: Canvas) -> None:
    canvas.translate(0, HEIGHT)
    canvas.rotate(-90)
    columns(canvas)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("draw", [columns, to_the_left, to_the_right])
def test_a_page_reads_the_same_whichever_way_it_lies(draw, rotation):
    assert page(draw, rotation=rotation) == f"{LEFT.strip()}\n\n{RIGHT.strip()}"


def line(*parts: str, rise: float = 4) -> str:
    """A line of text whose second, fourth … part is small and raised."""

    def draw(canvas: Canvas) -> None:
        left = 60.0
        for number, part in enumerate(parts):
            size, above = (7, rise) if number % 2 else (11, 0)
            canvas.setFont("Helvetica", size)
            canvas.drawString(left, 700 + above, part)
            left += canvas.stringWidth(part, "Helvetica", size)

    return page(draw)


def test_powers_and_measures_stay_above_their_line():
    assert line("It makes 10", "6", " bolts of 10", "-3", " kg, 5 x 10", "12", " in all.") == (
        "It makes 10⁶ bolts of 10⁻³ kg, 5 x 10¹² in all."
    )
    assert line("The hall has 250 m", "2", " and the tank 30 km", "3", ".") == (
        "The hall has 250 m² and the tank 30 km³."
    )


def test_marks_of_footnotes_fractions_and_what_is_lowered_are_as_they_were():
    assert line("Revenue", "1", " rose until 2018", "1,2", " to 106 units, 10-15 each.") == (
        "Revenue1 rose until 20181,2 to 106 units, 10-15 each."
    )
    assert line("Water is H", "2", "O, and x is a", "2", " of 42.", rise=-3) == (
        "Water is H2O, and x is a2 of 42."
    )
    assert line("Take 1", "2", "/3 of the 3", "rd", " cup.") == "Take 12/3 of the 3rd cup."
