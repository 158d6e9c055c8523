"""Rows of tables and their headers, as passages have them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.quoting import rank_quotes, statement_at
from generation.sufficiency import in_context
from generation.tables import header_spans, labelled
from retrieval.types import Document, Hit, Passage
from tests.fakes import WordEncoder

BARS = "Consumption in MWh.\n\nSite | 2022 | 2023\nMill | 318 | 297\nNorth depot | 142 | 166"
SPACES = "Tonnes per orchard.\n\nOrchard 2022 2023\nElmfield 41.5 38.2\nAbbey Ridge 63.0 58.7"


def headed(text: str) -> dict[str, str]:
    """Each row that has a header -> the header."""
    return {
        text[start:].partition("\n")[0]: text[slice(*header)]
        for start, header in header_spans(text).items()
    }


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        (BARS, "Site | 2022 | 2023", ["Mill | 318 | 297", "North depot | 142 | 166"]),
        (SPACES, "Orchard 2022 2023", ["Elmfield 41.5 38.2", "Abbey Ridge 63.0 58.7"]),
        (
            "Policy | Limit\nFire | EUR 2,500\nTheft | EUR 350",
            "Policy | Limit",
            ["Fire | EUR 2,500", "Theft | EUR 350"],
        ),
        (
            "Name | Role | Room\nAnn | director | north\nBen | porter | gate",
            "Name | Role | Room",
            ["Ann | director | north", "Ben | porter | gate"],
        ),
        ("| Q1 | Q2\nBeds |  | 7\nChairs | 3", "| Q1 | Q2", ["Beds |  | 7", "Chairs | 3"]),
        ("Item Price Stock\nBed 120.00 4\nChair 35.50 12", "Item Price Stock",
         ["Bed 120.00 4", "Chair 35.50 12"]),
    ],
)  # fmt: skip
def test_each_row_below_a_header_knows_it(text, header, rows):
    assert headed(text) == dict.fromkeys(rows, header)


@pytest.mark.parametrize(
    "text",
    [
        "Tea is at four.\nRum is at nine.",
        "Opens | at nine\nCloses | at five",  # labels, no header
        "Row 1: Item | Price\nRow 2: Item: Bed | Price: 10",  # says it already
        "Mill | 318 | 297\nDepot | 142 | 166",
        "Site | 2022\n\nMill | 318",  # not one table
        "Born | 1950\nDied | 1990",
        "",
    ],
)
def test_what_has_no_header_is_left_alone(text):
    assert headed(text) == {}


def hit(text: str, context: str = "") -> Hit:
    passage = Passage(1, 1, 1, 1, 0, len(text), None, context, text)
    return Hit(passage, Document(1, 1, "/e.html", "e.html", "Energy", "text/html", 1), 1.0, 0.9)


def test_a_row_is_compared_with_the_question_and_read_with_its_header():
    [best, *others] = rank_quotes("What was used by the mill in 2023?", [hit(BARS)], WordEncoder())
    assert [BARS[slice(*span)] for span in best.spans] == ["Site | 2022 | 2023", "Mill | 318 | 297"]
    assert "2023" in best.words
    assert "Site | 2022 | 2023" not in [BARS[one.start : one.end] for one in others]


def test_a_part_of_a_row_is_of_its_row_and_header():
    start = BARS.index("142")
    spans = statement_at(hit(BARS), start, start + 3)
    assert [BARS[slice(*span)] for span in spans] == [
        "Site | 2022 | 2023",
        "North depot | 142 | 166",
    ]
    assert statement_at(hit("Heading?"), 0, 7) == ()


def test_each_cell_is_read_beside_its_column():
    assert labelled(BARS).splitlines()[2:] == [
        "Site | 2022 | 2023",
        "Site: Mill | 2022: 318 | 2023: 297",
        "Site: North depot | 2022: 142 | 2023: 166",
    ]
    assert labelled(SPACES).splitlines()[-1] == "Orchard: Abbey Ridge | 2022: 63.0 | 2023: 58.7"
    empty = labelled("| Q1 | Q2\nBeds |  | 7\nChairs | 3").splitlines()
    assert empty[1:] == ["Beds | Q2: 7", "Chairs | Q1: 3"]
    prose = "Tea is at four.\nRum is at nine."
    assert labelled(prose) == prose


def test_a_passage_is_read_below_its_headings():
    assert in_context(hit("Tea is at four.", "House > Meals").passage) == (
        "House > Meals\n\nTea is at four."
    )
    assert in_context(hit("Tea is at four.").passage) == "Tea is at four."


@given(st.text("ab12 |\n", max_size=60))
def test_labels_lose_nothing_and_headers_stand_above_their_rows(text):
    for start, (begin, end) in header_spans(text).items():
        assert 0 <= begin < end <= start < len(text)
    assert set(re.findall(r"\w+", text)) == set(re.findall(r"\w+", labelled(text)))
