"""Quotes on printed pages, with pages whose boxes can be worked out by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.aligning import NOWHERE, Alignment, Glyph, align, rectangles


def printed(*lines: str) -> list[Glyph]:
    """A page of a hundred characters by fifty lines, line ends as PDFium gives them."""
    glyphs = []
    for row, line in enumerate(lines):
        for column, text in enumerate(line):
            left, top = column / 100, row / 50
            glyphs.append(Glyph(text, left, top, left + 0.01, top + 0.02))
        glyphs.append(Glyph("\r\n", 0, 0, 0, 0))
    return glyphs


def words_of(alignment: Alignment, glyphs: list[Glyph]) -> str:
    return "".join(glyphs[place].text for place in alignment.glyphs)


def boxes_of(alignment: Alignment, glyphs: list[Glyph]) -> list[tuple[float, ...]]:
    return [tuple(round(side, 4) for side in box) for box in rectangles(alignment, glyphs)]


def test_a_quote_over_two_lines_has_a_box_on_each():
    page = printed("The rent is due on", "the first day of a month.")
    found = align("due on the first day", page)
    assert found.is_exact
    assert words_of(found, page) == "dueonthefirstday"
    # "due on" begins at column 12 and ends at 18; "the first day" is columns 0 to 13 of line 1.
    assert boxes_of(found, page) == [(0.12, 0.0, 0.06, 0.02), (0.0, 0.02, 0.13, 0.02)]


def test_a_quote_on_lines_that_lie_on_their_side_has_a_box_on_each():
    # Turned by 90 degrees to the right: what was across is down, what was down is to the left.
    page = [
        Glyph(text, 0.9 - bottom, left, 0.9 - top, right)
        for text, left, top, right, bottom in printed(
            "The rent is due on", "the first day of a month."
        )
    ]
    found = align("due on the first day", page)
    assert boxes_of(found, page) == [(0.86, 0.0, 0.02, 0.13), (0.88, 0.12, 0.02, 0.06)]


@pytest.mark.parametrize(
    ("quote", "lines"),
    [
        ("termination", ["termi\x02", "nation"]),
        ("termination", ["termi-", "nation"]),
        ("well-known", ["well\ufffe", "known"]),
        ("the office fiſh", ["the oﬃce", "ﬁſh"]),
        ("a  b\nc", ["a b c"]),
        ("Straße", ["STRASSE"]),
        ("naïve", ["nai\u0308ve"]),
        ("½ cup 😀 of 👩\u200d🔬", ["½ cup 😀 of 👩\u200d🔬"]),
    ],
)
def test_what_a_reader_changes_does_not_matter(quote, lines):
    assert align(quote, printed(*lines)).is_exact


def test_of_equal_words_those_with_the_same_neighbours_are_taken():
    page = printed("Net 12 gross 15", "Tax 12 total 17", "Fee 12 other 19")
    found = align("12", page, before="Net 12 gross 15\nTax ", after=" total 17")
    assert boxes_of(found, page) == [(0.04, 0.02, 0.02, 0.02)]
    assert boxes_of(align("12", page), page) == [(0.04, 0.0, 0.02, 0.02)]


def test_cells_in_another_order_are_found_piece_by_piece():
    page = printed("Sales   Costs", "  120      80", "  130      90")
    found = align("Sales 120 130", page)
    assert found.is_exact
    part = align("Sales 12 13", page)
    assert words_of(part, page) == "Sales"  # a part of another number is none
    assert words_of(found, page) == "Sales120130"
    assert boxes_of(found, page) == [
        (0.0, 0.0, 0.05, 0.02), (0.02, 0.02, 0.03, 0.02), (0.02, 0.04, 0.03, 0.02),
    ]  # fmt: skip


def test_what_is_not_on_the_page_is_found_nowhere_or_in_part():
    page = printed("The rent is due monthly.")
    assert align("Entirely different words", page) == NOWHERE
    part = align("The rent is due yearly.", page)
    assert words_of(part, page) == "Therentisdue"
    assert 0.5 <= part.found < 1
    for empty in [align("", page), align("  -", page), align("words", []), align("x", printed(""))]:
        assert empty == NOWHERE


def test_white_space_and_glyphs_without_a_box_make_no_rectangle():
    page = [
        Glyph("a", 0, 0, 0.01, 0.02),
        Glyph("b", 0.01, 0, 0.01, 0),
        Glyph("c", 0.5, 0, 0.51, 0.02),
    ]
    found = align("abc", page)
    assert found.glyphs == (0, 1, 2)
    # A gap of half the page is none within a line: two boxes.
    assert boxes_of(found, page) == [(0.0, 0.0, 0.01, 0.02), (0.5, 0.0, 0.01, 0.02)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("abc é-ﬁ", min_size=1, max_size=12), min_size=1, max_size=5), st.data())
def test_any_part_of_a_page_is_found_on_it_whole(lines, data):
    page = printed(*lines)
    text = "\n".join(lines)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found = align(text[start:end], page)
    assert found.is_exact or found == NOWHERE  # of white space and hyphens only
    for box in rectangles(found, page):
        assert 0 <= box.left <= box.left + box.width <= 1
