"""The sample documents are what their sources say, and answer the questions asked about them."""

import json
from html.parser import HTMLParser
from pathlib import Path

import docx
import pypdfium2
import pytest

from scripts import build_samples

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "app" / "samples"
DOCUMENTS = SAMPLES / "documents"
NAMES = [
    "faq.html",
    "handbook.docx",
    "minutes-2026-03.md",
    "notes.txt",
    "price-list.pdf",
    "service-contract.pdf",
]
QUESTIONS = [
    json.loads(line)
    for line in (ROOT / "tests/data/sample_questions.jsonl").read_text("utf-8").splitlines()
]
ANSWERABLE = [question for question in QUESTIONS if question["answer"] is not None]


class _MainText(HTMLParser):
    def __init__(self):
        super().__init__()
        self.inside_main = False
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.inside_main |= tag == "main"

    def handle_endtag(self, tag):
        self.inside_main &= tag != "main"

    def handle_data(self, data):
        if self.inside_main:
            self.text += data


def raw_text(path):
    """The text of a document with its white space normalised, read without Assay's readers."""
    if path.suffix == ".docx":
        document = docx.Document(str(path))
        cells = (c for table in document.tables for row in table.rows for c in row.cells)
        text = "\n".join(paragraph.text for paragraph in [*document.paragraphs, *cells])
    elif path.suffix == ".pdf":
        with pypdfium2.PdfDocument(path) as pdf:
            text = "\n".join(page.get_textpage().get_text_range() for page in pdf)
    elif path.suffix == ".html":
        parser = _MainText()
        parser.feed(path.read_text("utf-8"))
        text = parser.text
    else:
        text = path.read_text("utf-8")
    return " ".join(text.split())


TEXTS = {name: raw_text(DOCUMENTS / name) for name in NAMES}


def test_the_folder_holds_exactly_the_sample_documents():
    assert sorted(path.name for path in DOCUMENTS.iterdir()) == NAMES


def test_the_committed_documents_are_what_the_sources_say(tmp_path):
    build_samples.build(tmp_path)
    for name in build_samples.BUILDERS:
        assert raw_text(tmp_path / name) == TEXTS[name], f"run scripts/build_samples.py: {name}"


def test_building_twice_writes_the_same_bytes(tmp_path):
    for folder in ("one", "two"):
        build_samples.build(tmp_path / folder)
    for name in build_samples.BUILDERS:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("question", ANSWERABLE, ids=lambda question: question["_id"])
def test_every_answer_stands_in_its_document(question):
    assert question["answer"] in TEXTS[question["document"]]


def test_every_document_answers_a_question_and_some_questions_have_no_answer():
    assert {question["document"] for question in ANSWERABLE} == set(NAMES)
    assert len(ANSWERABLE) >= 25
    assert len(QUESTIONS) - len(ANSWERABLE) >= 10
    assert len({question["_id"] for question in QUESTIONS}) == len(QUESTIONS)


def test_the_suggested_questions_are_among_the_evaluated_ones():
    suggested = json.loads((SAMPLES / "questions.json").read_text("utf-8"))
    assert suggested.keys() == {"questions", "unanswerable"}
    assert len(suggested["questions"]) == 3
    documents = {q["question"]: q["document"] for q in QUESTIONS}
    assert len({documents[text] for text in suggested["questions"]}) == 3
    assert documents[suggested["unanswerable"]] is None


def test_a_newer_document_changes_a_price_of_an_older_one():
    price_list, minutes = TEXTS["price-list.pdf"], TEXTS["minutes-2026-03.md"]
    assert "Valid from 1 January 2026 to 30 April 2026" in price_list
    assert "OT-210 Automatic winder, one weight up to 180 kg £1,240" in price_list
    assert "OT-210 therefore rises from £1,240 to £1,310 on 1 May 2026" in minutes
