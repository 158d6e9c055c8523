"""What is marked of a text is what was searched for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.marking import marked_spans, pieces


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("The leases ended.", ["lease", "end"], ["leases", "ended"]),
        ("Renting is due", ["rent"], ["Renting"]),
        ("An island is an island", ["is"], ["is"]),
        ("GRÖSSE naïve", ["größe", "naive"], ["GRÖSSE", "naïve"]),
        ("Article 12 and 123", ["12"], ["12"]),
        ("a cat, a category", ["cat"], ["cat"]),
        ("", ["x"], []),
        ("x", [], []),
    ],
)
def test_worked_examples(text, words, marked):
    assert [text[start:end] for start, end in marked_spans(text, words)] == marked


@given(st.text(max_size=80), st.lists(st.text(max_size=8), max_size=4))
def test_pieces_join_to_the_text_and_marks_are_the_spans(text, words):
    spans = marked_spans(text, words)
    found = pieces(text, spans)
    assert "".join(piece for piece, _ in found) == text
    assert [piece for piece, is_marked in found if is_marked] == [text[a:b] for a, b in spans]
    assert all(piece for piece, _ in found)
