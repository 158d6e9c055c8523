"""The full-text index: BM25 over context and text, never behind, and it notices damage."""

import pytest

from retrieval.follow_up import standalone
from tests.component.library import Library, opened

DAMAGE = {
    "an entry is gone": (
        "INSERT INTO passages_lexical(passages_lexical, rowid, context, text) "
        "SELECT 'delete', id, context, text FROM passages WHERE id = 1"
    ),
    "an entry is of nothing": (
        "INSERT INTO passages_lexical(rowid, context, text) VALUES (77, '', 'ghost words')"
    ),
    "an entry says something else": (
        "INSERT INTO passages_lexical(rowid, context, text) VALUES (1, '', 'other words')"
    ),
    "its pages are gone": "DELETE FROM passages_lexical_data WHERE id > 10",
    "everything is gone": "INSERT INTO passages_lexical(passages_lexical) VALUES ('delete-all')",
}


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path) as library:
        library.publish(
            "a", "/lease.txt", "The lease ends in May. Rent is due monthly.", title="Lease"
        )
        library.publish("b", "/menu.txt", "Soup of the day. The monthly menu.", title="Menus")
        yield library


def found(library: Library, question: str, *, k: int = 10, readable=None) -> list[str]:
    hits = library.lexical.search(
        standalone(question), readable=readable or library.everything(), k=k
    )
    located = library.store.located([passage_id for passage_id, _ in hits])
    return [located[passage_id].passage.text.strip() for passage_id, _ in hits]


def test_words_are_found_by_their_stem_in_any_case_without_their_accents(library):
    library.publish("a", "/accents.txt", "The naïve GEBÜHREN were leased.")
    assert found(library, "leasing NAIVE gebuhren")[0] == "The naïve GEBÜHREN were leased."


def test_the_title_finds_every_passage_of_its_document(library):
    assert sorted(found(library, "menus")) == ["Soup of the day.", "The monthly menu."]


def test_the_rarer_word_counts_more_and_scores_are_positive(library):
    assert found(library, "monthly soup")[0] == "Soup of the day."
    scores = [
        score
        for _, score in library.lexical.search(
            standalone("monthly soup"), readable=library.everything(), k=9
        )
    ]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0


def test_equal_scores_come_by_id(library):
    for name in ("x", "y", "z"):
        library.publish("a", f"/{name}.txt", "Identical words here.")
    hits = library.lexical.search(standalone("identical"), readable=library.everything(), k=2)
    assert [passage_id for passage_id, _ in hits] == sorted(passage_id for passage_id, _ in hits)
    all_ids = [
        row[0]
        for row in library.rows("SELECT id FROM passages WHERE text LIKE 'Ident%' ORDER BY 1")
    ]
    assert [passage_id for passage_id, _ in hits] == all_ids[:2]


def test_the_filter_is_inside_the_search(library):
    menus = library.store.collection("b").id
    for i in range(5):
        library.publish("a", f"/{i}.txt", "Monthly monthly monthly.")
    assert found(library, "monthly", k=1, readable=frozenset({menus})) == ["The monthly menu."]


@pytest.mark.parametrize(
    "question",
    [
        '"',
        "'; DROP TABLE passages; --",
        "lease AND",
        "text:",
        "a* NEAR(",
        "\x00",
        "—",
        "lease\x00rent",
        "^-+{}",
    ],
)
def test_no_question_breaks_the_search(library, question):
    library.lexical.search(standalone(question), readable=library.everything(), k=5)
    assert library.lexical.problem() is None


def test_a_sound_index_has_no_problem(library):
    assert library.lexical.problem() is None
    library.publish("a", "/lease.txt", "The lease ended.")
    library.remove("b", "/menu.txt")
    assert library.lexical.problem() is None


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_noticed_and_mended(library, damage):
    expected = found(library, "lease monthly soup")
    library.execute(damage)
    problem = library.lexical.problem()
    assert problem is not None
    assert "lexical index" in problem
    library.lexical.rebuild()
    assert library.lexical.problem() is None
    assert found(library, "lease monthly soup") == expected


def test_rebuilding_an_empty_index_is_fine(tmp_path):
    with opened(tmp_path / "empty") as library:
        library.lexical.rebuild()
        assert library.lexical.problem() is None
