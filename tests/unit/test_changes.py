"""What a run has to do, decided without touching a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.changes import FoundFile, Plan, plan_changes, refuse_mass_removal
from ingestion.errors import TooManyRemoved
from retrieval.types import KnownFile


def found(path: str, sha256: str = "a") -> FoundFile:
    return FoundFile(path, path.rsplit("/", 1)[-1], 1, sha256)


def known(**hashes: str) -> dict[str, KnownFile]:
    """Documents /x/<name>, numbered from 1."""
    return {f"/x/{name}": KnownFile(i, h) for i, (name, h) in enumerate(hashes.items(), start=1)}


def gone(removed: int, in_scope: int) -> Plan:
    return Plan((), (), tuple(range(removed)), in_scope)


def test_nothing_found_and_nothing_known():
    assert plan_changes([], {}, synced_folders=["/x"]) == Plan((), (), (), 0)


def test_new_changed_and_unchanged_files_in_the_order_found():
    files = [
        found("/x/new"),
        found("/x/same", "s"),
        found("/x/changed", "2"),
        found("/x/alike", "s"),
    ]
    plan = plan_changes(files, known(same="s", changed="1", elsewhere="e"))
    assert [file.path for file in plan.to_read] == ["/x/new", "/x/changed", "/x/alike"]
    assert [file.path for file in plan.unchanged] == ["/x/same"]
    assert plan.to_remove == ()


def test_without_sync_nothing_is_removed():
    assert plan_changes([], known(a="1", b="2")) == Plan((), (), (), 0)


def test_sync_removes_what_has_gone_from_the_synced_folders_only():
    documents = known(a="1", b="2") | {
        "/y/c": KnownFile(7, "3"),
        "/xy/d": KnownFile(8, "4"),  # /xy does not lie under /x
        "/x/deep/e": KnownFile(9, "5"),
    }
    plan = plan_changes([found("/x/a", "1")], documents, synced_folders=["/x"])
    assert sorted(plan.to_remove) == [2, 9]
    assert plan.in_scope == 3


def test_overlapping_synced_folders_count_a_document_once():
    plan = plan_changes([], known(a="1"), synced_folders=["/x", "/", "/x"])
    assert plan.to_remove == (1,)
    assert plan.in_scope == 1


@pytest.mark.parametrize(
    ("removed", "in_scope"), [(0, 0), (0, 5), (1, 5), (20, 100), (2, 10), (1, 100)]
)
def test_up_to_a_fifth_may_go(removed, in_scope):
    refuse_mass_removal(gone(removed, in_scope))


@pytest.mark.parametrize(("removed", "in_scope"), [(1, 1), (1, 4), (21, 100), (2, 9), (3, 14)])
def test_more_than_a_fifth_is_refused(removed, in_scope):
    with pytest.raises(TooManyRemoved, match=f"remove {removed} of {in_scope} .* 20 %"):
        refuse_mass_removal(gone(removed, in_scope))


_names = st.sets(st.sampled_from("abcdefgh"))


@given(_names, _names, st.booleans())
def test_every_file_and_document_is_accounted_for(here, there, sync):
    files = [found(f"/x/{name}") for name in sorted(here)]
    documents = known(**dict.fromkeys(sorted(there), "a"))
    plan = plan_changes(files, documents, synced_folders=["/x"] if sync else [])
    assert {file.path for file in plan.unchanged} == {f"/x/{name}" for name in here & there}
    assert {file.path for file in plan.to_read} == {f"/x/{name}" for name in here - there}
    expected = {documents[f"/x/{name}"].document_id for name in there - here} if sync else set()
    assert set(plan.to_remove) == expected
