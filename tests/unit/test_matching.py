"""Which retrieved passage is what a case calls relevant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.matching import RUN_WORDS, is_match, is_named, ranked, share_words
from evals.types import Relevant, SeenPassage

LONG = "the tenant pays nine hundred pounds on the first day of every month in advance"


def seen(document: str, *, path: str = "", number: int = 0) -> SeenPassage:
    identifier = sum(map(ord, document))
    return SeenPassage(number, identifier, identifier, document, path, None, 0, 1, 0.5)


def ranking(documents: str, relevant, texts=None):
    found = [seen(name, number=place) for place, name in enumerate(documents)]
    return ranked(found, texts or [""] * len(found), relevant)


@pytest.mark.parametrize(
    ("named", "document", "path"),
    [
        ("lease.pdf", "lease.pdf", "/home/docs/lease.pdf"),
        ("docs/lease.pdf", "The lease", "/home/docs/lease.pdf"),
        ("/home/docs/lease.pdf", "lease.pdf", "/home/docs/lease.pdf"),
        ("lease", "lease.pdf", ""),
        ("lease.pdf", "lease", ""),
        ("docs/lease", "x", "/home/docs/lease.pdf"),
        ("docs\\lease.pdf", "x", "C:\\home\\docs\\lease.pdf"),
        ("Normans#0", "Normans", "Normans#0"),
        ("caf\u00e9.txt", "cafe\u0301.txt", ""),
        ("", "anything", "at/all"),
    ],
)
def test_a_document_is_named(named, document, path):
    assert is_named(named, document, path)


@pytest.mark.parametrize(
    ("named", "document", "path"),
    [
        ("lease.pdf", "lease.docx", "lease.docx"),  # two documents
        ("v1.2", "v1.3", ""),  # no extension
        ("ease.pdf", "lease.pdf", "docs/lease.pdf"),  # not from a slash on
        ("/docs/lease.pdf", "lease.pdf", "/home/docs/lease.pdf"),  # from the root, and another
        ("Lease.pdf", "lease.pdf", ""),
        (".pdf", "lease.pdf", ""),
        ("lease.pdf", "", ""),
        ("other/lease.pdf", "lease.pdf", "docs/lease.pdf"),
    ],
)
def test_a_document_is_not_named(named, document, path):
    assert not is_named(named, document, path)


def test_a_run_of_twelve_words_is_shared_and_eleven_are_chance():
    words = LONG.split()
    assert len(words) > RUN_WORDS
    for shared, expected in ((RUN_WORDS, True), (RUN_WORDS - 1, False)):
        passage = " ".join(["before"] * 12 + words[2 : 2 + shared] + ["after"] * 12)
        assert share_words(passage, LONG) is expected
        assert share_words(LONG, passage) is expected


def test_a_short_text_must_be_in_the_other_as_a_whole():
    assert share_words("Nine hundred POUNDS!", LONG)
    assert share_words(LONG, "nine hundred pounds")
    assert not share_words("nine hundred euros", LONG)
    assert not share_words("hundred nine pounds", LONG)
    assert not share_words("ine hundred", LONG)


@pytest.mark.parametrize("nothing", ["", " ", "…!"])
def test_without_words_nothing_is_shared(nothing):
    assert not share_words(nothing, LONG)
    assert not share_words(LONG, nothing)
    assert not share_words(nothing, nothing)


@given(st.text("ab .", max_size=40), st.text("ab .", max_size=40))
def test_sharing_goes_both_ways(one, other):
    assert share_words(one, other) == share_words(other, one)


def test_document_and_text_must_both_match():
    lease = Relevant("lease.pdf", LONG)
    assert is_match(lease, "lease.pdf", "", f"1. {LONG}.")
    assert not is_match(lease, "other.pdf", "", LONG)
    assert not is_match(lease, "lease.pdf", "", "The garden is shared.")
    assert is_match(Relevant("lease.pdf"), "lease.pdf", "", "")


def test_a_document_takes_one_place_at_its_first_passage():
    found = ranking("aabbc", [Relevant("b"), Relevant("c")])
    assert found.places == ((), (0,), (1,))
    assert found.is_relevant == (False, False, True, True, True)
    assert found.one_each() == ["other 0", "0", "1"]


def test_with_a_text_every_passage_takes_a_place_and_only_the_first_counts():
    found = ranking("aaaa", [Relevant("a", "red fox")], ["x", "red fox", "the red fox", "y"])
    assert found.places == ((), (0,), (), ())
    assert found.is_relevant == (False, True, True, False)
    assert found.one_each() == ["other 0", "0", "other 2", "other 3"]


def test_a_document_beside_a_text_counts_once_too():
    relevant = [Relevant("b"), Relevant(text="red fox")]
    found = ranking("abb", relevant, ["a red fox", "x", "y"])
    assert found.places == ((1,), (0,), ())


def test_two_things_in_one_passage_are_both_found_there():
    relevant = [Relevant(text="red fox"), Relevant(text="grey wolf", grade=2)]
    found = ranking("ab", relevant, ["a red fox and a grey wolf", "x"])
    assert found.places == ((0, 1), ())
    assert found.all_of(1) == ["1", "0"]  # the higher grade first, as in the ideal order
    assert found.one_each() == ["1", "other 1"]
    assert found.relevance == {"0": 1, "1": 2}


def test_what_is_named_twice_counts_once_with_its_higher_grade():
    assert ranking("a", [Relevant("a"), Relevant("a", grade=3)]).grades == (3,)


@pytest.mark.parametrize("documents", ["", "a", "ab"])
def test_nothing_relevant_and_nothing_retrieved(documents):
    assert ranking(documents, []).grades == ()
    assert ranking("", [Relevant("a")]).places == ()


def test_a_text_is_needed_for_each_passage():
    with pytest.raises(ValueError, match="shorter"):
        ranked([seen("a")], [], [Relevant("a")])


@given(
    st.text("abcd", max_size=8),
    st.lists(st.builds(Relevant, st.sampled_from("abcd"), st.sampled_from(["", "x", "y x"]))),
    st.lists(st.sampled_from(["x", "y x", "z"]), min_size=8, max_size=8),
)
def test_each_thing_is_found_at_most_once(documents, relevant, texts):
    found = ranking(documents, relevant, texts[: len(documents)])
    once = [index for place in found.places for index in place]
    assert len(set(once)) == len(once) <= len(found.grades)
    assert any(found.is_relevant) == bool(once)
    assert len(set(found.one_each())) == len(found.one_each())
    assert len(set(found.all_of(99))) == len(found.all_of(99))
