"""Passages tile the text, fit the encoder, and begin where a reader would begin."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.chunking import split_into_passages
from ingestion.types import Block, BlockKind, ParsedDocument
from retrieval.types import PassageSpan

NAMES = ("Ann", "Bob", "Cid", "Dan", "Eve", "Fay")
HEADING, PARAGRAPH, TABLE = (
    BlockKind.HEADING,
    BlockKind.PARAGRAPH,
    BlockKind.TABLE,
)


def count_words(texts: Sequence[str]) -> list[int]:
    """A tokenizer whose tokens are words."""
    return [len(text.split()) for text in texts]


def count_characters(texts: Sequence[str]) -> list[int]:
    """A tokenizer with two special tokens whose other tokens are visible characters."""
    return [2 + sum(not character.isspace() for character in text) for text in texts]


def count_like_wordpiece(texts: Sequence[str]) -> list[int]:
    """Special tokens, parts of four letters, and every other sign by itself."""
    return [2 + len(re.findall(r"\w{1,4}|[^\w\s]", text)) for text in texts]


def document(*parts: tuple[BlockKind, str] | tuple[BlockKind, str, int | None]) -> ParsedDocument:
    """Blocks separated by blank lines; the third item is a heading's level or else the page."""
    text, blocks = "", []
    for kind, content, *more in parts:
        text += "\n\n" if text else ""
        number = more[0] if more else None
        level = (number or 1) if kind is HEADING else 0
        page = None if kind is HEADING else number
        blocks.append(Block(kind, len(text), len(text) + len(content), level, page))
        text += content
    return ParsedDocument("Guide", "text/plain", text, tuple(blocks))


def paged(*parts: tuple[BlockKind, str, int]) -> ParsedDocument:
    """Blocks with their pages."""
    text, blocks = "", []
    for kind, content, page in parts:
        text += "\n\n" if text else ""
        level = 1 if kind is HEADING else 0
        blocks.append(Block(kind, len(text), len(text) + len(content), level, page))
        text += content
    return ParsedDocument("Guide", "application/pdf", text, tuple(blocks))


def words(count: int, word: str = "word") -> str:
    return " ".join([word] * count)


def split(
    parsed: ParsedDocument,
    *,
    target: int = 10,
    limit: int = 20,
    count: Callable[[Sequence[str]], list[int]] = count_words,
) -> tuple[PassageSpan, ...]:
    return split_into_passages(parsed, count_tokens=count, limit_tokens=limit, target_tokens=target)


def texts(parsed: ParsedDocument, passages: Sequence[PassageSpan]) -> list[str]:
    return [parsed.text[p.start : p.end].strip() for p in passages]


def assert_sound(
    parsed: ParsedDocument,
    passages: Sequence[PassageSpan],
    limit: int,
    count: Callable[[Sequence[str]], list[int]],
) -> None:
    assert "".join(parsed.text[p.start : p.end] for p in passages) == parsed.text
    assert [p.start for p in passages[1:]] == [p.end for p in passages[:-1]]
    for passage in passages:
        text = parsed.text[passage.start : passage.end]
        assert count([f"{passage.context}\n{text}"])[0] <= limit
        assert text.strip() or not parsed.text.strip()
        pages = {
            block.page
            for block in parsed.blocks
            if block.start < passage.end and passage.start < block.end
        }
        assert pages <= {passage.page}


@st.composite
def documents(draw: st.DrawFn) -> ParsedDocument:
    contents = draw(
        st.lists(
            st.tuples(
                st.sampled_from(list(BlockKind)),
                st.text(st.sampled_from("ab1 .!?\n|-。ßé\u3000\t"), min_size=1, max_size=200),
                st.integers(0, 1),
                st.sampled_from(["\n\n", "\n", " ", ""]),
            ),
            max_size=12,
        )
    )
    has_pages = draw(st.booleans())
    text, blocks, page = draw(st.sampled_from(["", "  \n", "\n\n\n"])), [], 1
    for kind, content, turn, separator in contents:
        content = content.strip()
        if not content:
            continue
        page += turn
        level = 1 + len(content) % 6 if kind is HEADING else 0
        end = len(text) + len(content)
        blocks.append(Block(kind, len(text), end, level, page if has_pages else None))
        text += content + separator
    title = draw(st.sampled_from(["", "Guide", words(30, "long")]))
    return ParsedDocument(title, "text/plain", text, tuple(blocks))


@given(
    documents(),
    st.integers(1, 40),
    st.integers(12, 40),
    st.sampled_from([count_words, count_characters, count_like_wordpiece]),
)
def test_passages_tile_every_document_and_fit(parsed, target, limit, count):
    passages = split(parsed, target=target, limit=limit, count=count)
    assert_sound(parsed, passages, limit, count)


def test_an_empty_text_has_no_passage():
    assert split(document()) == ()


def test_white_space_alone_is_one_passage():
    blank = ParsedDocument("Guide", "text/plain", " \n ", ())
    assert split(blank) == (PassageSpan(0, 3, None, "Guide"),)


def test_one_short_block_is_one_passage():
    parsed = document((PARAGRAPH, "One sentence."))
    assert split(parsed) == (PassageSpan(0, 13, None, "Guide"),)


def test_two_blocks_share_a_passage_up_to_the_target():
    parsed = document((PARAGRAPH, words(5, "a")), (PARAGRAPH, words(5, "b")))
    assert len(split(parsed, target=10)) == 1
    assert texts(parsed, split(parsed, target=9)) == [words(5, "a"), words(5, "b")]


def test_white_space_between_blocks_belongs_to_the_passage_before():
    parsed = document((PARAGRAPH, words(8, "a")), (PARAGRAPH, words(8, "b")))
    first, second = split(parsed)
    assert (first.start, first.end, second.end) == (0, 17, 32)


def test_a_heading_begins_a_passage_and_names_it():
    parsed = document(
        (HEADING, "Fees", 1),
        (PARAGRAPH, words(6, "fee")),
        (HEADING, "Monthly", 2),
        (PARAGRAPH, words(6, "month")),
        (HEADING, "Refunds", 1),
        (PARAGRAPH, words(6, "back")),
    )
    passages = split(parsed)
    assert texts(parsed, passages) == [
        f"Fees\n\n{words(6, 'fee')}",
        f"Monthly\n\n{words(6, 'month')}",
        f"Refunds\n\n{words(6, 'back')}",
    ]
    assert [p.context for p in passages] == [
        "Guide > Fees",
        "Guide > Fees > Monthly",
        "Guide > Refunds",
    ]


def test_small_sections_share_a_passage():
    parsed = document(
        (HEADING, "A", 1), (PARAGRAPH, "one"), (HEADING, "B", 1), (PARAGRAPH, "two three")
    )
    (passage,) = split(parsed)
    assert passage.context == "Guide > B"  # most of its text is below B


def test_a_heading_is_never_left_at_the_end():
    parsed = document((PARAGRAPH, "tiny"), (HEADING, "Next part", 1), (PARAGRAPH, words(9, "text")))
    assert texts(parsed, split(parsed)) == ["tiny", f"Next part\n\n{words(9, 'text')}"]


def test_a_heading_stays_with_a_block_that_must_be_cut():
    sentences = " ".join(f"{words(5, name)}." for name in NAMES)
    parsed = document((HEADING, "Long part", 1), (PARAGRAPH, sentences))
    assert texts(parsed, split(parsed))[0].startswith("Long part\n\nAnn Ann")


def test_headings_alone_are_a_passage():
    parsed = document((HEADING, "One", 1), (HEADING, "Two", 2))
    (passage,) = split(parsed)
    assert passage.context == "Guide"


def test_a_long_paragraph_is_cut_between_sentences_into_even_parts():
    sentences = [f"{words(4, name)}." for name in NAMES]  # 24 words: 3 parts of 8
    parsed = document((PARAGRAPH, " ".join(sentences)))
    assert texts(parsed, split(parsed)) == [
        " ".join(sentences[0:2]),
        " ".join(sentences[2:4]),
        " ".join(sentences[4:6]),
    ]


def test_a_table_is_cut_between_rows():
    rows = [f"Item {number} | {words(4, 'cell')}." for number in range(4)]
    parsed = document((TABLE, "\n".join(rows)))
    found = [row for text in texts(parsed, split(parsed)) for row in text.split("\n")]
    assert found == rows
    assert len(split(parsed)) > 1


def test_a_long_sentence_is_cut_between_words():
    parsed = document((PARAGRAPH, words(35)))
    assert [len(text.split()) for text in texts(parsed, split(parsed))] == [10, 10, 10, 5]


def test_a_word_longer_than_a_passage_is_cut():
    parsed = document((PARAGRAPH, "x" * 10_000))
    passages = split(parsed, target=100, limit=120, count=count_characters)
    assert_sound(parsed, passages, 120, count_characters)
    assert len(passages) < 250


def test_a_passage_ends_with_its_page():
    parsed = paged((PARAGRAPH, "one two", 1), (PARAGRAPH, "three", 2), (PARAGRAPH, "four", 2))
    passages = split(parsed)
    assert [p.page for p in passages] == [1, 2]
    assert texts(parsed, passages) == ["one two", "three\n\nfour"]


def test_a_heading_at_the_foot_of_a_page_heads_the_next_page():
    parsed = paged((PARAGRAPH, words(8), 1), (HEADING, "Results", 1), (PARAGRAPH, words(8), 2))
    last = split(parsed)[-1]
    assert (last.page, last.context) == (2, "Guide > Results")


def test_a_few_last_words_of_a_page_join_the_passage_before():
    parsed = paged((PARAGRAPH, words(10), 1), (PARAGRAPH, "Page 1", 1), (PARAGRAPH, words(3), 2))
    assert [p.page for p in split(parsed)] == [1, 2]


def test_a_long_context_loses_outer_headings_first():
    parsed = document(
        (HEADING, "Outer part of it", 1),
        (HEADING, "Middle part of it", 2),
        (HEADING, "Inner part", 3),
        (PARAGRAPH, words(4)),
    )
    # A third of 21 tokens: "Guide > Inner part" has 4, with the middle heading it has 9.
    (passage,) = split(parsed, target=15, limit=21)
    assert passage.context == "Guide > Inner part"


def test_a_context_that_is_still_too_long_loses_its_last_words():
    parsed = ParsedDocument(words(50, "t"), "text/plain", "x", (Block(PARAGRAPH, 0, 1),))
    (passage,) = split(parsed, limit=30)
    assert passage.context == words(len(passage.context.split()), "t")
    assert 5 <= len(passage.context.split()) <= 10


@pytest.mark.parametrize(("target", "limit"), [(0, 5), (5, 0)])
def test_limits_must_be_positive(target, limit):
    with pytest.raises(ValueError, match="at least 1"):
        split(document((PARAGRAPH, "a")), target=target, limit=limit)


def test_a_limit_nothing_fits_in_is_refused():
    with pytest.raises(ValueError, match="raise the limit"):
        split(document((PARAGRAPH, "a")), limit=2, count=count_characters)


@pytest.mark.parametrize(
    "line", ["word " * 400_000, "x" * 2_000_000, "A sentence. " * 160_000, " \n" * 900_000 + "x"]
)
def test_two_megabytes_without_a_line_end_take_linear_time(line):
    text = line.strip() if line[0] != " " else line
    parsed = ParsedDocument("t", "text/plain", text, (Block(PARAGRAPH, 0, len(text)),))
    started = time.process_time()
    passages = split(parsed, target=200, limit=256)
    # Quadratic work on this would take hours, so the bound need not be tight.
    assert time.process_time() - started < 30
    assert passages[-1].end == len(text)


def test_few_batches_are_counted():
    calls = []

    def counting(batch: Sequence[str]) -> list[int]:
        calls.append(len(batch))
        return count_words(batch)

    split(document(*[(PARAGRAPH, words(n)) for n in range(1, 60)]), count=counting)
    assert len(calls) <= 8


def test_cutting_loads_no_model_or_database():
    code = (
        "import sys, ingestion.chunking; "
        "print([m for m in ('torch', 'sqlalchemy', 'faiss', 'lxml', 'docx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
