"""The values of the corpus cannot be wrong once they exist."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from generation.types import Citation
from retrieval.types import (
    Passage,
    PassageSpan,
    Revision,
    context_of,
    embedded_text,
    unit_rows,
)


def passage(start: int, end: int, text: str) -> Passage:
    return Passage(1, 2, 3, 4, start, end, None, "", text)


def revision(text: str, cuts: list[tuple[int, int]], vectors: np.ndarray | None = None) -> Revision:
    spans = tuple(PassageSpan(start, end, None, "") for start, end in cuts)
    if vectors is None:
        vectors = np.ones((len(spans), 2), dtype=np.float32)
    return Revision("/a", "a", "A", "text/plain", "0" * 64, text, spans, vectors)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (3, 3), (4, 3), (-1, 2)])
def test_an_empty_or_reversed_span_is_refused(start, end):
    with pytest.raises(ValueError, match="empty or reversed"):
        PassageSpan(start, end, None, "")


def test_a_passage_is_as_long_as_its_text():
    assert passage(5, 8, "a𝒷c").text == "a𝒷c"
    with pytest.raises(ValueError, match="is 4 long but the text has 3 characters"):
        passage(5, 9, "a𝒷c")


def test_values_do_not_change():
    with pytest.raises(FrozenInstanceError):
        passage(0, 1, "a").text = "b"  # type: ignore[misc]


@pytest.mark.parametrize("cuts", [[(0, 6)], [(0, 2), (2, 6)], [(0, 1), (1, 5), (5, 6)]])
def test_passages_that_tile_are_taken(cuts):
    assert len(revision("abcdef", cuts).passages) == len(cuts)


@pytest.mark.parametrize(
    ("cuts", "where"),
    [
        ([], "end at 0 and the text at 6"),
        ([(1, 6)], "tile the text at 0"),
        ([(0, 5)], "end at 5 and the text at 6"),
        ([(0, 7)], "end at 7 and the text at 6"),
        ([(0, 2), (3, 6)], "tile the text at 2"),
        ([(0, 3), (2, 6)], "tile the text at 3"),
        ([(3, 6), (0, 3)], "tile the text at 0"),
    ],
)
def test_passages_that_do_not_tile_are_refused(cuts, where):
    with pytest.raises(ValueError, match=where):
        revision("abcdef", cuts)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_revision_has_one_vector_for_each_passage(rows):
    with pytest.raises(ValueError, match=f"2 passages but {rows} vectors"):
        revision("abcdef", [(0, 2), (2, 6)], np.ones((rows, 2), dtype=np.float32))


def test_vectors_are_rows():
    with pytest.raises(ValueError, match="dimension"):
        revision("abcdef", [(0, 6)], np.ones(1, dtype=np.float32))


def test_an_empty_text_has_no_passages():
    assert revision("", [], np.empty((0, 2), dtype=np.float32)).passages == ()


def citation(start: int, end: int, quote: str) -> Citation:
    return Citation(1, 2, 3, "a.txt", None, start, end, quote)


def test_a_quote_is_as_long_as_its_span():
    assert citation(3, 6, "a𝒷c").quote == "a𝒷c"
    with pytest.raises(ValueError, match="quote"):
        citation(3, 7, "a𝒷c")


@given(
    arrays.arrays(np.float32, (3, 4), elements=st.floats(-1e3, 1e3, width=32)).filter(
        lambda rows: (np.abs(rows).max(axis=1) > 1e-3).all()
    )
)
def test_unit_rows_have_length_one_and_keep_their_direction(rows):
    unit = unit_rows(rows)
    assert unit.dtype == np.float32
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)
    assert np.allclose(
        unit * np.linalg.norm(rows, axis=1, keepdims=True), rows, rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("row", [[0, 0], [np.nan, 1], [np.inf, 1]])
def test_a_vector_without_a_direction_is_refused(row):
    with pytest.raises(ValueError, match="no direction"):
        unit_rows(np.array([[1, 0], row], dtype=np.float32))


def test_no_rows_are_no_rows():
    assert unit_rows(np.empty((0, 3), dtype=np.float32)).shape == (0, 3)
    with pytest.raises(ValueError, match="expected"):
        unit_rows(np.ones(3, dtype=np.float32))


def test_a_context_names_title_and_headings_once():
    assert context_of("Lease", ["Lease", "Fees", "Late fees"]) == "Lease > Fees > Late fees"
    assert context_of("", ["Fees", ""]) == "Fees"
    assert context_of("", []) == ""
    assert embedded_text("Lease > Fees", "\n Ten euro.\n") == "Lease > Fees\nTen euro."
