"""Suggestions over a real library and search: only what is readable, there, and answered."""

import pytest

from app.suggesting.suggester import Suggester
from generation.answering import Answerer, AnsweringPolicy
from retrieval.catalog import Catalog
from tests.component.library import opened
from tests.fakes import ScriptedEngine, SubstringVerifier, shared_words

FEE = "The annual fee of the Mill House is £1,860."
RENT = "The monthly rent of the Gate House is £900."


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path) as library:
        library.publish("open", "/fee.md", FEE, title="Fees")
        library.publish("secret", "/rent.md", RENT, title="Rents")
        yield library


class Watched:
    """What an answer would quote; counts how often it is asked, and may do something then."""

    def __init__(self, library, abstain_below: float = 0.0) -> None:
        self.answerer = Answerer(
            library.searcher.search, library.encoder, ScriptedEngine(), SubstringVerifier(),
            shared_words(), library.store.change_number,
            AnsweringPolicy(abstain_below=abstain_below),
        )  # fmt: skip
        self.asked: list[str] = []
        self.meanwhile = lambda: None

    def __call__(self, question, *, readable):
        self.asked.append(question)
        self.meanwhile()
        return self.answerer.quoted_from(question, readable=readable)


def of(library, *names: str) -> frozenset[int]:
    return frozenset(library.store.collection(name).id for name in names)


def suggester(library, quoted, clock=lambda: 0.0) -> Suggester:
    return Suggester(Catalog(library.engine), quoted, library.store.change_number, clock)


def told(suggester, readable) -> list[tuple[str, str]]:
    return [(one.document, one.question) for one in suggester.suggestions(readable, readable)]


def test_a_reader_is_offered_what_the_own_documents_answer(library):
    made = suggester(library, Watched(library))
    [(document, question)] = told(made, of(library, "open"))
    assert document == "fee.md"
    assert "annual fee" in question
    assert {document for document, _ in told(made, of(library, "open", "secret"))} == {
        "fee.md",
        "rent.md",
    }
    assert told(made, frozenset()) == []


def test_nothing_is_offered_that_would_be_declined_or_answered_from_elsewhere(library):
    assert told(suggester(library, Watched(library, 0.999)), of(library, "open")) == []
    for number in range(4):  # nearer to the question, and without the answer
        text = f"What is the annual fee of the Mill House, copy {number}. Nobody knows."
        library.publish("open", f"/noise{number}.txt", text)
    found = told(suggester(library, Watched(library)), of(library, "open"))
    assert all(document == "fee.md" for document, _ in found)


def test_it_is_tried_once_and_goes_with_its_document_at_once(library):
    quoted = Watched(library)
    made = suggester(library, quoted)
    assert told(made, of(library, "open"))
    tried = len(quoted.asked)
    assert told(made, of(library, "open"))
    assert len(quoted.asked) == tried
    library.publish("open", "/fee.md", "Nothing is known of fees now.", title="Fees")
    assert told(made, of(library, "open")) == []


def test_it_is_written_anew_when_much_time_has_passed_and_something_has_changed(library):
    now = [0.0]
    made = suggester(library, Watched(library), lambda: now[0])
    both = of(library, "open", "secret")
    assert len(told(made, both)) == 2
    library.publish("open", "/due.md", "The annual fee of the Toll House is £77.", title="Toll")
    assert len(told(made, both)) == 2
    now[0] = 601.0
    assert len(told(made, both)) == 3


def test_what_is_written_while_a_document_is_deleted_is_not_kept(library):
    quoted = Watched(library)
    made = suggester(library, quoted)
    quoted.meanwhile = made.forget
    told(made, of(library, "open"))
    assert not made._made
    quoted.meanwhile = lambda: None
    told(made, of(library, "open"))
    assert made._made
    made.forget()
    assert not made._made


def test_while_questions_are_written_for_one_reader_another_does_not_wait(library):
    quoted = Watched(library)
    made = suggester(library, quoted)
    meanwhile = []

    def another_comes() -> None:
        quoted.meanwhile = lambda: None
        meanwhile.append(told(made, of(library, "secret")))

    quoted.meanwhile = another_comes
    assert told(made, of(library, "open"))
    assert meanwhile == [[]]
    assert told(made, of(library, "secret"))
