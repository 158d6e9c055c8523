"""Sentences: what ends one, what does not, and that nothing is lost."""

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retrieval import sentences
from retrieval.sentences import sentence_spans

# Everything that the rules speak of, and pieces to put between.
_pieces = st.sampled_from(
    [
        *".!?…\"'”’»)]}[]([1][23] \n\t 。！？」。",
        *("\n\n", ". ", ".\n", "\r\n", "\u2028", "\x85"),
        *("Dr", "e.g", "J", "No", "2", "3.14", "word", "Word", "é", "𝒶"),
    ]
)


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def stripped(text: str) -> list[str]:
    return [sentence.strip() for sentence in cut(text)]


@given(st.one_of(st.text(max_size=200), st.lists(_pieces, max_size=40).map("".join)))
@example("")
@example("\n\n \n\n")
@example("\n\nA. B")
@example(".")
def test_sentences_tile_the_text(text):
    spans = sentence_spans(text)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(start < end for start, end in spans)
    # A sentence of white space alone exists only where the text has nothing else.
    assert all(text[start:end].strip() for start, end in spans) or not text.strip()


@given(st.lists(_pieces, max_size=30).map("".join))
def test_white_space_belongs_to_the_sentence_before(text):
    assert not any(sentence[0].isspace() for sentence in cut(text)[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("One", ["One"]),
        ("One. Two", ["One.", "Two"]),
        ("One! Two? Three… Four.", ["One!", "Two?", "Three…", "Four."]),
        ("What?! No.", ["What?!", "No."]),
        ("One.Two", ["One.Two"]),
        ("A heading\n\nA paragraph", ["A heading", "A paragraph"]),
        ("wrapped\nin two lines. End", ["wrapped\nin two lines.", "End"]),
        # closed by quotes, brackets, reference marks
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("(See there.) It is new.", ["(See there.)", "It is new."]),
        ("It grows.[12][3] Later it stops.", ["It grows.[12][3]", "Later it stops."]),
        ("« Non. » Oui.", ["« Non.", "» Oui."]),
        ("“Stop!” he said. Then.", ["“Stop!” he said.", "Then."]),
        # not ends
        ("Dr. Smith met Mr. Jones. They spoke.", ["Dr. Smith met Mr. Jones.", "They spoke."]),
        ("Fees, e.g. VAT, apply.", ["Fees, e.g. VAT, apply."]),
        ("J. K. Rowling wrote it. It sold.", ["J. K. Rowling wrote it.", "It sold."]),
        ("The U.S. Army came.", ["The U.S. Army came."]),
        ("It costs 3.50 euro. Pay.", ["It costs 3.50 euro.", "Pay."]),
        ("2. Fees are due. 3. Costs too.", ["2. Fees are due.", "3. Costs too."]),
        (
            "See No. 5 there. She said no. Five left.",
            ["See No. 5 there.", "She said no.", "Five left."],
        ),
        ("the end. of it", ["the end. of it"]),
        # Chinese and Japanese
        ("你好。再见！好", ["你好。", "再见！", "好"]),
        ("「行く。」彼は言った。", ["「行く。」", "彼は言った。"]),
    ],
)
def test_what_ends_a_sentence(text, expected):
    assert stripped(text) == expected


def test_offsets_are_code_points():
    text = "𝒜 is here. 𝒞 too. 𝒟."
    assert sentence_spans(text) == [(0, 11), (11, 18), (18, 20)]


HOSTILE = [
    "." * 7 + "x",
    '."' + '"' * 9,
    ".)]}" * 3,
    "\n ",
    "\n \t\t\t\t\t",
    ". " * 2 + "a",
    "[1]" * 4,
    ".[1][2]",
    "J. ",
    "Dr. ",
    "(((.",
    "\n\n",
    " ",
    "!?",
    "。」",
    "wordwordword. x ",
]


def work(text: str) -> int:
    """How many calls, of Python functions and built-in ones, cutting `text` takes."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        sentence_spans(text)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("unit", HOSTILE)
def test_work_is_linear_in_the_length(unit):
    """Twice the text takes about twice the calls; quadratic work would take four times."""
    assert work(unit * 2000) <= 2.1 * work(unit * 1000) + 20


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_call_looks_at_a_bounded_stretch(unit, monkeypatch):
    """Text handed to the abbreviation rules is a window, whatever lies before it."""
    seen = []
    real = sentences._is_abbreviated
    monkeypatch.setattr(
        sentences,
        "_is_abbreviated",
        lambda before, after: seen.append(before) or real(before, after),
    )
    sentence_spans("x" * 1000 + unit * 200)
    assert max(map(len, seen), default=0) <= 40


@pytest.mark.parametrize("run", ["." * 9, "!?…." * 3])
@pytest.mark.parametrize("after", [" A", "x", '"' * 9 + "x", ""])
def test_a_run_of_stops_is_looked_at_once(run, after):
    """Entered again at each of its stops, a run that ends nothing would take quadratic time."""
    entered = [i for i in range(len(run)) if sentences._END.match(run + after, i)]
    assert entered in ([0], [])


def test_a_long_text_of_the_worst_ends():
    """Quadratic matching of these would take hours, not a moment."""
    for unit in ("." * 9 + "x", '.""""""', "\n \t", "a. ", ". [1]"):
        text = unit * (200_000 // len(unit))
        assert sentence_spans(text)[-1][1] == len(text)
    for text in ("." * 200_000 + "x", "." + '"' * 200_000 + "x", "\n" + " " * 200_000 + "x"):
        assert sentence_spans(text) == [(0, len(text))]
