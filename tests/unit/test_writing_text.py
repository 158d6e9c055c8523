"""The text of a stream of tokens: nothing lost, nothing twice, stopped in time."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.engines.writing import WrittenText

# Words with the mark of a space, a space alone, a special token, and bytes of characters.
_PIECES: tuple[str | bytes, ...] = (
    "▁a",
    "b",
    "▁",
    "▁c",
    "<s>",
    "x,",
    "�",
    *(bytes([b]) for b in "€é👩🏽‍🔬".encode()),
)


def as_bytes(tokens: Sequence[int]) -> str:
    """Each token is a byte, as at the bottom of every byte-level vocabulary."""
    return bytes(tokens).decode(errors="replace")


def as_pieces(tokens: Sequence[int]) -> str:
    """As sentencepiece decodes: a space at the very beginning is lost, special tokens are left out.

    What is no character becomes one U+FFFD for each of its bytes.
    """
    joined = b""
    for token in tokens:
        piece = _PIECES[token]
        if isinstance(piece, bytes):
            joined += piece
        elif piece != "<s>":
            joined += piece.replace("▁", " ").encode()
    return joined.decode(errors="surrogateescape").translate(_LONE).removeprefix(" ")


_LONE = {0xDC00 + byte: "�" for byte in range(256)}


def pieces(text: WrittenText, tokens: Sequence[int]) -> list[str]:
    return [*(text.add([token]) for token in tokens), text.rest()]


def test_a_character_of_several_tokens_comes_when_it_is_whole() -> None:
    text = WrittenText(as_bytes, ())
    assert pieces(text, "a€b".encode()) == ["a", "", "", "€", "b", ""]


def test_what_never_becomes_a_character_comes_at_the_end() -> None:
    text = WrittenText(as_bytes, ())
    assert pieces(text, b"a\xe2\x82") == ["a", "", "", "�"]


def test_a_space_before_a_word_is_kept_and_the_first_one_is_not() -> None:
    text = WrittenText(as_pieces, ())
    # ▁a ▁c b
    assert pieces(text, [0, 3, 1]) == ["a", " c", "b", ""]


def test_a_space_after_special_tokens_and_after_spaces_is_kept() -> None:
    tokens = [0, 4, 4, 2, 3, 4, 2, 2, 0]
    assert "".join(pieces(WrittenText(as_pieces, ()), tokens)) == as_pieces(tokens)


def test_the_text_ends_before_a_stop_string_over_several_tokens() -> None:
    text = WrittenText(as_bytes, ["END"])
    assert pieces(text, b"ab.EN") == ["a", "b", ".", "", "", "EN"]
    text = WrittenText(as_bytes, ["END"])
    assert pieces(text, b"ab.ENDcd") == ["a", "b", ".", "", "", "", "", "", ""]
    assert text.is_stopped


def test_the_start_of_a_stop_string_that_goes_on_otherwise_is_given_after_all() -> None:
    text = WrittenText(as_bytes, ["aab"])
    assert pieces(text, b"aaac") == ["", "", "a", "aac", ""]
    assert not text.is_stopped


def test_the_first_of_several_stop_strings_ends_the_text() -> None:
    text = WrittenText(as_bytes, ["cd", "bcde"])
    assert text.add(b"abcde") == "ab"
    text = WrittenText(as_bytes, ["x", "é"])
    assert text.add("aéx".encode()) == "a"


def test_a_stop_string_may_be_the_whole_text_or_end_it() -> None:
    text = WrittenText(as_bytes, ["ab"])
    assert pieces(text, b"ab") == ["", "", ""]
    assert text.is_stopped
    assert WrittenText(as_bytes, ["ab"]).rest() == ""


def test_a_stop_string_that_only_the_end_completes_stops_too() -> None:
    text = WrittenText(as_bytes, ["�"])
    assert pieces(text, b"a\xe2") == ["a", "", ""]
    assert text.is_stopped


def test_a_long_text_is_not_decoded_again_for_each_token() -> None:
    decoded = 0

    def decode(tokens: Sequence[int]) -> str:
        nonlocal decoded
        decoded += len(tokens)
        return as_bytes(tokens)

    tokens = ("Größe 12 m² " * 200).encode()
    assert "".join(pieces(WrittenText(decode, ["Ende"]), tokens)) == as_bytes(tokens)
    assert decoded < 20 * len(tokens)


def test_bytes_that_are_no_characters_are_not_decoded_again_and_again() -> None:
    decoded = 0

    def decode(tokens: Sequence[int]) -> str:
        nonlocal decoded
        decoded += len(tokens)
        return as_bytes(tokens)

    tokens = b"\xff" * 3000
    assert "".join(pieces(WrittenText(decode, ()), tokens)) == "�" * 3000
    assert decoded < 100 * len(tokens)


def test_special_tokens_do_not_cut_the_character_that_comes_after_them() -> None:
    tokens = [6, *[4] * 13, 7, 8, 9]
    assert "".join(pieces(WrittenText(as_pieces, ()), tokens)) == as_pieces(tokens) == "�€"


@pytest.mark.parametrize("decode", [as_bytes, as_pieces])
@given(data=st.data())
def test_joined_pieces_are_the_whole_text(
    decode: Callable[[Sequence[int]], str], data: st.DataObject
) -> None:
    if decode is as_bytes:
        written = data.draw(st.text(max_size=30)).encode(errors="replace")
        tokens = list(written + data.draw(st.binary(max_size=8)))
    else:
        tokens = data.draw(st.lists(st.integers(0, len(_PIECES) - 1), max_size=30))
    sizes = data.draw(st.lists(st.integers(1, 5), max_size=30))
    text = WrittenText(decode, ())
    joined, place = "", 0
    for size in [*sizes, *[1] * len(tokens)]:
        joined += text.add(tokens[place : place + size])
        place += size
    assert joined + text.rest() == decode(tokens)


@given(st.text("ab€ ", max_size=30), st.lists(st.text("ab€ ", min_size=1, max_size=4), max_size=4))
def test_the_text_is_that_before_the_first_stop_string(whole: str, stops: list[str]) -> None:
    text = WrittenText(as_bytes, stops)
    joined = "".join(pieces(text, whole.encode()))
    # Text comes token by token, so the stop string that is complete first ends it.
    places = [(whole.find(stop) + len(stop), whole.find(stop)) for stop in stops if stop in whole]
    if not places:
        assert joined == whole
    else:
        first = min(end for end, _ in places)
        assert joined == whole[: min(start for end, start in places if end == first)]
    assert text.is_stopped == bool(places)
