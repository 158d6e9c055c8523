"""The same words come out of every format, whatever the file is called."""

import re

import pytest

from ingestion.readers import read_document
from ingestion.readers.detection import Format, format_of
from tests.made_files import made

PARAGRAPHS = (
    "The rent is 1,250 euro a month and is due on the third working day.",
    "Grüße aus Köln: die Miete beträgt 1250 Euro, naïve façade included.",
    "Whoever leaves early gets the rest of the month back in full.",
)
FILES = made(PARAGRAPHS)


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_sentences_in_order(name):
    text = one_line(read_document(name, FILES[name]).text)
    places = [text.find(paragraph) for paragraph in PARAGRAPHS]
    assert -1 not in places, text
    assert places == sorted(places)


@pytest.mark.parametrize("name", FILES)
def test_the_name_of_a_file_may_lie(name):
    # Only kinds of text that look alike are told apart by name.
    look_alike = {"a.md", "a.rst", "a.org", "a.csv", "a.py"}
    expected = format_of(name, FILES[name])
    assert name in look_alike or format_of("a.bin", FILES[name]) is expected
    assert name in look_alike or format_of("a.pdf", FILES[name]) is expected
    text = one_line(read_document("wrong.docx", FILES[name]).text)
    assert all(paragraph in text for paragraph in PARAGRAPHS)


def test_every_format_is_tried_here():
    tried = {format_of(name, data) for name, data in FILES.items()}
    assert set(Format) - tried == {Format.IMAGE}  # its words are recognised, not read


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_a_truncated_file_is_read_in_part_or_refused_in_words(name, share):
    from ingestion.errors import FileRejected

    data = FILES[name][: int(share * len(FILES[name]))]
    try:
        document = read_document(name, data)
    except FileRejected as rejection:
        assert len(str(rejection).split()) >= 3
    else:
        assert document.text.strip()
