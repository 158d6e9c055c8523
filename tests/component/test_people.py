"""Users, groups and collections, administered: one administrator always remains."""

import pytest

from app.accounts import Accounts
from app.errors import LastAdministrator, LogInRefused, UnknownEntry
from app.people import People
from app.schema import metadata
from retrieval.access import AccessList
from retrieval.collections import Collections
from retrieval.database import open_database
from retrieval.errors import CollectionNotEmpty, NameTaken, NameUnusable, UnknownName
from retrieval.types import Access
from tests.component.library import opened
from tests.component.test_accounts import PASSWORD, QUICK


@pytest.fixture
def engine(tmp_path):
    engine = open_database(tmp_path / "assay.db")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def access(engine):
    return AccessList(engine)


@pytest.fixture
def people(engine):
    return People(engine)


@pytest.fixture
def root(access):
    return access.add_user("root", is_administrator=True)


def test_the_last_administrator_can_be_neither_removed_nor_disabled_nor_demoted(
    access, people, root
):
    access.add_user("maria")
    for change in (
        people.remove,
        people.disable,
        lambda who: people.set_administrator(who, is_administrator=False),
    ):
        with pytest.raises(LastAdministrator, match="'root' is the last administrator"):
            change(root)
    assert access.principal("root").is_administrator


def test_an_administrator_who_is_disabled_does_not_count_as_one_who_remains(access, people, root):
    other = access.add_user("other", is_administrator=True)
    people.disable(other)
    with pytest.raises(LastAdministrator):
        people.remove(root)
    people.enable(other)
    people.remove(root)
    with pytest.raises(LastAdministrator):
        people.disable(other)


def test_who_is_disabled_neither_logs_in_nor_reads_and_may_again_later(
    engine, access, people, root
):
    accounts = Accounts(engine, hasher=QUICK)
    maria, one = access.add_user("maria"), Collections(engine).create("one")
    access.grant(maria, one, Access.MANAGE)
    accounts.set_password(maria, PASSWORD)
    token, key = accounts.log_in("maria", PASSWORD), accounts.keys.create(maria, "script")
    people.disable(maria)
    assert people.is_disabled(maria)
    assert accounts.session(token) is None
    assert accounts.keys.holder(key) is None
    assert access.levels(maria) == {}
    with pytest.raises(LogInRefused):
        accounts.log_in("maria", PASSWORD)
    people.enable(maria)
    assert accounts.keys.holder(key).principal == maria
    assert access.levels(maria) == {one.id: Access.MANAGE}
    assert accounts.session(token) is None  # it ended


def test_the_strongest_of_own_and_group_grants_counts(engine, access, people, root):
    collections = Collections(engine)
    maria, legal = access.add_user("maria"), access.add_group("legal")
    one, two, three = (collections.create(name) for name in ("one", "two", "three"))
    access.join(maria, legal)
    access.grant(maria, one, Access.READ)
    access.grant(legal, one, Access.WRITE)
    access.grant(maria, two, Access.MANAGE)
    access.grant(legal, two, Access.READ)
    assert access.levels(maria) == {one.id: Access.WRITE, two.id: Access.MANAGE}
    assert access.allowed(maria, Access.WRITE) == {one.id, two.id}
    assert access.allowed(maria, Access.MANAGE) == {two.id}
    assert access.allowed(root, Access.MANAGE) == {one.id, two.id, three.id}
    access.leave(maria, legal)
    assert access.levels(maria) == {one.id: Access.READ, two.id: Access.MANAGE}


def test_who_is_gone_may_do_nothing_and_a_new_one_of_the_name_neither(access, engine, people, root):
    maria, one = access.add_user("maria"), Collections(engine).create("one")
    access.grant(maria, one, Access.READ)
    people.remove(maria)
    assert access.levels(maria) == {}
    assert access.levels(access.add_user("maria")) == {}


def test_lists_show_groups_and_members(access, people, root):
    maria, legal = access.add_user("maria"), access.add_group("legal")
    access.join(maria, legal)
    assert [(user.principal.name, user.groups) for user in people.users()] == [
        ("maria", ("legal",)),
        ("root", ()),
    ]
    assert [(group.principal.name, group.members) for group in people.groups()] == [
        ("legal", ("maria",))
    ]
    people.remove(legal)
    assert people.groups() == []
    with pytest.raises(UnknownEntry):
        people.find("group", maria.id)
    with pytest.raises(UnknownName, match="no group 'maria'"):
        people.named("group", "maria")


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "ma\u200bria", "a\nb", "a\u202eb"])
def test_a_name_that_could_pass_for_another_is_refused(access, engine, name):
    for make in (access.add_user, access.add_group, Collections(engine).create):
        with pytest.raises(NameUnusable):
            make(name)


def test_a_collection_is_renamed_with_its_grants_and_removed_only_when_empty(tmp_path):
    with opened(tmp_path) as library:
        collections = Collections(library.engine)
        library.publish("contracts", "/a.txt", "The lease ends in May.")
        contracts = library.store.collection("contracts")
        maria = library.access.add_user("maria")
        library.access.grant(maria, contracts, Access.READ)
        collections.create("menus")
        with pytest.raises(NameTaken):
            collections.rename(contracts, "menus")
        leases = collections.rename(contracts, " leases ")
        assert (leases.id, leases.name) == (contracts.id, "leases")
        [grant] = library.access.grants(collection=leases)
        assert (grant.principal, grant.is_group, grant.access) == (maria, False, Access.READ)
        assert [
            (size.collection.name, size.documents, size.passages)
            for size in collections.sizes(library.everything())
        ] == [("leases", 1, 1), ("menus", 0, 0)]
        with pytest.raises(CollectionNotEmpty, match="holds 1 documents"):
            collections.remove(leases)
        library.store.remove(collections.document_ids(leases))
        collections.remove(leases)
        collections.remove(leases)
        assert collections.find(leases.id) is None
        assert library.access.levels(maria) == {}
