"""Who may read what, and that search keeps to it through every index."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.errors import NameTaken, UnknownName
from retrieval.types import Access, Mode
from tests.component.library import opened, texts

COLLECTIONS = ("alpha", "beta", "gamma", "delta", "epsilon")
WORDS = "lease notice period rent deposit garden roof heating water keys".split()


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path) as library:
        yield library


@pytest.fixture(scope="module")
def shelves(tmp_path_factory):
    """Five collections that speak of the same things, so that every search is tempted."""
    with opened(tmp_path_factory.mktemp("home")) as library:
        choose = random.Random(7)
        for name in COLLECTIONS:
            for i in range(6):
                words = choose.choices(WORDS, k=12)
                text = (
                    " ".join(words[:6]).capitalize() + ". " + " ".join(words[6:]).capitalize() + "."
                )
                library.publish(name, f"/{name}/{i}.txt", text)
        yield library


def test_a_new_collection_is_private_to_administrators(library):
    ada, root = (
        library.access.add_user("ada"),
        library.access.add_user("root", is_administrator=True),
    )
    collection = library.store.ensure_collection("contracts")
    assert library.access.readable(ada) == frozenset()
    assert library.access.readable(root) == {collection.id} == library.access.everything()


@pytest.mark.parametrize("access", list(Access))
def test_every_level_of_access_includes_reading(library, access):
    ada = library.access.add_user("ada")
    one, two = library.store.ensure_collection("one"), library.store.ensure_collection("two")
    library.access.grant(ada, one, access)
    assert library.access.readable(ada) == {one.id}
    library.access.grant(ada, two, Access.READ)
    assert library.access.readable(ada) == {one.id, two.id}


def test_granting_again_replaces_and_revoking_takes_away(library):
    ada, one = library.access.add_user("ada"), library.store.ensure_collection("one")
    library.access.grant(ada, one, Access.MANAGE)
    library.access.grant(ada, one, Access.READ)
    assert library.rows("SELECT access FROM grants") == [("read",)]
    library.access.revoke(ada, one)
    library.access.revoke(ada, one)
    assert library.access.readable(ada) == frozenset()


def test_what_a_group_may_read_its_members_may_read(library):
    ada, bob = library.access.add_user("ada"), library.access.add_user("bob")
    legal, sales = library.access.add_group("legal"), library.access.add_group("sales")
    one, two = library.store.ensure_collection("one"), library.store.ensure_collection("two")
    library.access.join(ada, legal)
    library.access.join(ada, legal)
    library.access.join(ada, sales)
    library.access.join(bob, sales)
    library.access.grant(legal, one, Access.READ)
    library.access.grant(sales, two, Access.READ)
    assert library.access.readable(ada) == {one.id, two.id}
    assert library.access.readable(bob) == {two.id}
    library.access.revoke(sales, two)
    assert library.access.readable(ada) == {one.id}
    assert library.access.readable(bob) == frozenset()


def test_an_administrator_in_no_group_reads_what_comes_later(library):
    root = library.access.add_user("root", is_administrator=True)
    before = library.access.readable(root)
    library.store.ensure_collection("new")
    assert len(library.access.readable(root)) == len(before) + 1


def test_names_are_taken_once_and_looked_up_exactly(library):
    library.access.add_user("ada")
    for add in (library.access.add_user, library.access.add_group):
        with pytest.raises(NameTaken, match="'ada'"):
            add("ada")
    assert [principal.name for principal in library.access.principals()] == ["ada"]
    with pytest.raises(UnknownName, match="assay user add Ada"):
        library.access.principal("Ada")


def test_two_readers_find_different_passages_for_one_question(library):
    ada, bob = library.access.add_user("ada"), library.access.add_user("bob")
    library.publish("contracts", "/c.txt", "The salary is nine thousand euro.")
    library.publish("menus", "/m.txt", "The salary of the cook is soup.")
    library.access.grant(ada, library.store.collection("contracts"), Access.READ)
    library.access.grant(bob, library.store.collection("menus"), Access.READ)
    for mode in Mode:
        seen = [
            texts(
                library.searcher.search("salary", readable=library.access.readable(who), mode=mode)
            )
            for who in (ada, bob)
        ]
        assert seen == [["The salary is nine thousand euro."], ["The salary of the cook is soup."]]


def test_a_revoked_grant_counts_at_the_next_search(library):
    ada = library.access.add_user("ada")
    library.publish("contracts", "/c.txt", "The salary is nine thousand euro.")
    contracts = library.store.collection("contracts")
    library.access.grant(ada, contracts, Access.READ)
    assert library.searcher.search("salary", readable=library.access.readable(ada))
    library.access.revoke(ada, contracts)
    assert library.searcher.search("salary", readable=library.access.readable(ada)) == []


@settings(max_examples=60, deadline=None)
@given(
    readable=st.sets(st.integers(1, 7)),
    words=st.lists(st.sampled_from([*WORDS, "zzz"]), min_size=1, max_size=4),
    k=st.sampled_from([1, 3, 100]),
    mode=st.sampled_from(list(Mode)),
)
def test_search_keeps_to_the_readable_collections_and_is_not_starved(
    shelves, readable, words, k, mode
):
    """Ids 6 and 7 are of no collection: what is not there gives nothing and hides nothing."""
    question = " ".join(words)
    hits = shelves.searcher.search(question, readable=frozenset(readable), k=k, mode=mode)
    assert {hit.passage.collection_id for hit in hits} <= readable
    assert all(hit.document.collection_id == hit.passage.collection_id for hit in hits)
    assert len({hit.passage.id for hit in hits}) == len(hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    there = shelves.rows("SELECT collection_id, lower(text) FROM passages")
    mine = [text for collection_id, text in there if collection_id in readable]
    sharing = [text for text in mine if set(words) & set(text.replace(".", "").split())]
    assert len(hits) == min(k, len(sharing if mode is Mode.LEXICAL else mine))


@settings(max_examples=30, deadline=None)
@given(
    readable=st.sets(st.integers(1, 5), min_size=1),
    words=st.lists(st.sampled_from(WORDS), min_size=1),
)
def test_dense_search_is_exact_inside_the_readable_collections(shelves, readable, words):
    question = " ".join(words[:20])
    hits = shelves.searcher.search(question, readable=frozenset(readable), k=4, mode=Mode.DENSE)
    delta = shelves.store.vector_delta(0, encoder=shelves.encoder.fingerprint)
    mine = np.isin(delta.collection_ids, list(readable))
    cosines = delta.vectors[mine] @ shelves.encoder.encode([question])[0]
    expected = sorted(cosines, reverse=True)[:4]
    assert [hit.score for hit in hits] == pytest.approx(expected, abs=1e-5)
    assert [hit.similarity for hit in hits] == [hit.score for hit in hits]


def test_many_principals_each_see_their_own(shelves):
    """Two hundred random grants, direct and through groups, against a plain model of them."""
    choose = random.Random(11)
    collections = shelves.store.collections()
    groups = [shelves.access.add_group(f"group{i}") for i in range(4)]
    users = [shelves.access.add_user(f"user{i}", is_administrator=i == 0) for i in range(12)]
    member_of = {user: set(choose.sample(groups, choose.randint(0, 2))) for user in users}
    for user in users:
        for group in member_of[user]:
            shelves.access.join(user, group)
    granted: dict[object, set[int]] = {principal: set() for principal in (*users, *groups)}
    for _ in range(200):
        principal, collection = choose.choice([*users, *groups]), choose.choice(collections)
        if choose.random() < 0.5:
            shelves.access.grant(principal, collection, choose.choice(list(Access)))
            granted[principal].add(collection.id)
        else:
            shelves.access.revoke(principal, collection)
            granted[principal].discard(collection.id)
    for user in users:
        expected = granted[user].union(*(granted[group] for group in member_of[user]))
        if user.is_administrator:
            expected = {collection.id for collection in collections}
        readable = shelves.access.readable(user)
        assert readable == expected
        for mode in Mode:
            hits = shelves.searcher.search("lease rent water", readable=readable, k=100, mode=mode)
            assert {hit.passage.collection_id for hit in hits} == expected


@pytest.mark.parametrize("mode", list(Mode))
def test_a_blank_question_or_no_collection_finds_nothing(shelves, mode):
    everything = shelves.everything()
    assert shelves.searcher.search("  \n", readable=everything, mode=mode) == []
    assert shelves.searcher.search("lease", readable=frozenset(), mode=mode) == []


def test_a_question_longer_than_the_encoder_reads_is_cut(shelves):
    question = "lease " * 500
    for mode in Mode:
        hits = shelves.searcher.search(question, readable=shelves.everything(), mode=mode)
        assert all("lease" in text.lower() for text in texts(hits)[:1])
        assert hits


def test_similarity_is_unknown_only_without_the_dense_index(shelves):
    everything = shelves.everything()
    lexical = shelves.searcher.search("roof", readable=everything, mode=Mode.LEXICAL)
    hybrid = shelves.searcher.search("roof", readable=everything, mode=Mode.HYBRID)
    assert {hit.similarity for hit in lexical} == {None}
    assert all(hit.similarity is not None and -1 <= hit.similarity <= 1.00001 for hit in hybrid)


def test_only_groups_are_joined(library):
    ada, tom = library.access.add_user("ada"), library.access.add_user("tom")
    with pytest.raises(UnknownName, match="groups only"):
        library.access.join(ada, tom)
