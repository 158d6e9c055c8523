"""A question that names a company or a year finds, and is answered from, its documents."""

import pytest

from generation.quoting import rank_quotes
from tests.component.library import opened

BODY = "The interest expense was {} million.\n\nThe rent is due in May."


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path) as library:
        for year in (2022, 2023):
            for company, amount in (("Nordwind", 4), ("Ottermere", 7)):
                library.publish(
                    "reports",
                    f"/{year} {company[:3].upper()}.txt",
                    f"{company} Ltd.\n\n{BODY.format(f'{amount}.{year}')}",
                    title=f"{year} {company[:3].upper()}",
                )
        yield library


def ask(library, question, readable=None):
    return library.searcher.search(question, readable=readable or library.everything(), k=8)


def documents(hits):
    return [hit.document.name for hit in hits]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("What was the interest expense of Ottermere in 2022?", "2022 OTT.txt"),
        ("What was Nordwind's interest expense in 2023?", "2023 NOR.txt"),
        ("What was the latest interest expense of Nordwind?", "2023 NOR.txt"),
    ],
)
def test_the_document_that_is_named_comes_first_and_is_quoted(library, question, first):
    hits = ask(library, question)
    assert documents(hits)[0] == first
    best = rank_quotes(question, hits, library.encoder)[0]
    assert hits[best.index].document.name == first
    assert hits[best.index].carried.share == 1.0


def test_a_name_that_no_document_has_changes_nothing(library):
    known = ask(library, "What was the interest expense?")
    named = ask(library, "What was the interest expense of Quillby?")
    assert documents(named) == documents(known)
    assert {hit.carried.share for hit in named} == {1.0}


def test_what_one_may_not_read_tells_nothing_apart(library):
    library.publish("secret", "/Quillby.txt", "Quillby Ltd.\n\n" + BODY.format(9), title="Quillby")
    readable = library.everything() - {library.store.collection("secret").id}
    hits = ask(library, "What was the interest expense of Quillby?", readable)
    assert {hit.carried.share for hit in hits} == {1.0}


def test_without_the_index_of_words_a_question_is_searched_as_before(library, monkeypatch):
    monkeypatch.setattr(library.lexical, "_is_usable", lambda **_: False)
    hits = ask(library, "What was Nordwind's interest expense in 2023?")
    assert hits
    assert {hit.carried.share for hit in hits} == {1.0}


def test_the_passages_of_the_next_document_say_nothing_of_this_one(tmp_path):
    with opened(tmp_path) as library:
        for name in ("Nordwind", "Ottermere"):
            library.publish("short", f"/{name[0]}.txt", f"{name} rents the hall for 4 pounds.")
        hits = ask(library, "For what does Ottermere rent the hall?")
    assert [(hit.document.name, hit.carried.share) for hit in hits] == [
        ("O.txt", 1.0),
        ("N.txt", 0.0),
    ]
