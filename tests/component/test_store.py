"""Publishing and removing: one transaction each, in every index or in none."""

import sqlite3
import threading
import traceback

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError

from retrieval.database import open_database, writing
from retrieval.errors import StoreBusy, UnknownName
from retrieval.store import Outcome
from retrieval.types import Mode
from tests.component.library import Library, bytes_under, opened, revision_of, texts

LEASE = "The lease ends in May. The notice period is three months."
LEASE_2 = "The lease ends in June. The notice period is two weeks."
TABLES = (
    "documents",
    "revisions",
    "passages",
    "vectors",
    "changes",
    "encoders",
    "passages_lexical",
)


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path) as library:
        yield library


def found(library: Library, question: str) -> dict[Mode, list[str]]:
    readable = library.everything()
    return {m: texts(library.searcher.search(question, readable=readable, mode=m)) for m in Mode}


def sizes(library: Library) -> dict[str, object]:
    return {table: library.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def test_a_new_store_is_empty(library):
    assert library.store.change_number() == 0
    assert library.store.collections() == []
    assert found(library, "anything") == {mode: [] for mode in Mode}


def test_added_unchanged_changed(library):
    assert library.publish("a", "/lease.txt", LEASE) is Outcome.ADDED
    number = library.store.change_number()
    assert library.publish("a", "/lease.txt", LEASE) is Outcome.UNCHANGED
    assert library.store.change_number() == number
    assert library.publish("a", "/lease.txt", LEASE_2) is Outcome.CHANGED
    assert library.store.change_number() == number + 2  # one retired, one published
    assert len(library.store.known_files(library.store.collection("a"))) == 1


def test_the_same_path_in_two_collections_is_two_documents(library):
    assert library.publish("a", "/lease.txt", LEASE) is Outcome.ADDED
    assert library.publish("b", "/lease.txt", LEASE) is Outcome.ADDED
    assert len(list(library.originals.files())) == 1


def test_passages_are_slices_of_the_text_with_their_vectors(library):
    library.publish("a", "/lease.txt", LEASE, title="Lease")
    rows = library.rows('SELECT id, start, "end", text, context FROM passages ORDER BY start')
    assert [LEASE[start:end] for _, start, end, _, _ in rows] == [text for *_, text, _ in rows]
    delta = library.store.vector_delta(0, encoder=library.encoder.fingerprint)
    expected = library.encoder.encode([f"{context}\n{text.strip()}" for *_, text, context in rows])
    assert delta.passage_ids.tolist() == [row[0] for row in rows]
    assert (delta.vectors == expected).all()
    located = library.store.located([rows[1][0], 999])
    assert set(located) == {rows[1][0]}
    assert located[rows[1][0]].document.title == "Lease"


def test_no_trace_of_the_old_revision_is_found(library):
    library.publish("a", "/lease.txt", LEASE)
    old_ids = [row[0] for row in library.rows("SELECT id FROM passages")]
    assert found(library, "May three months")[Mode.LEXICAL] != []
    library.publish("a", "/lease.txt", LEASE_2)
    for mode, hits in found(library, "lease ends May three months").items():
        assert hits, mode
        assert all(hit in LEASE_2 for hit in hits), mode
    assert library.store.located(old_ids) == {}
    assert (
        library.rows("SELECT rowid FROM passages_lexical WHERE passages_lexical MATCH 'may'") == []
    )
    assert library.rows(f"SELECT count(*) FROM vectors WHERE passage_id IN {tuple(old_ids)}") == [
        (0,)
    ]
    assert library.lexical.problem() is None
    # The text itself stays: an old answer that quotes it must still be shown.
    assert library.rows("SELECT count(*) FROM revisions") == [(2,)]


@pytest.mark.parametrize("table", ["changes", "vectors", "passages", "revisions"])
def test_a_failure_inside_publish_leaves_nothing(library, table):
    library.publish("a", "/lease.txt", LEASE)
    before, number = sizes(library), library.store.change_number()
    library.execute(
        f"CREATE TRIGGER boom BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'boom'); END"
    )
    for path, text in (("/lease.txt", LEASE_2), ("/other.txt", "Another text.")):
        with pytest.raises(DatabaseError, match="boom"):
            library.publish("a", path, text)
    library.execute("DROP TRIGGER boom")
    assert sizes(library) == before
    assert library.store.change_number() == number
    assert found(library, "lease")[Mode.HYBRID][0] in LEASE
    assert library.lexical.problem() is None
    assert library.publish("a", "/lease.txt", LEASE_2) is Outcome.CHANGED


def test_a_failure_inside_remove_leaves_everything(library):
    library.publish("a", "/lease.txt", LEASE)
    before = sizes(library)
    library.execute(
        "CREATE TRIGGER boom BEFORE DELETE ON documents BEGIN SELECT RAISE(ABORT, 'boom'); END"
    )
    with pytest.raises(DatabaseError, match="boom"):
        library.remove("a", "/lease.txt")
    assert sizes(library) == before
    assert len(list(library.originals.files())) == 1
    assert found(library, "lease")[Mode.LEXICAL] != []


def test_nothing_of_a_removed_text_is_left_on_disk(library):
    secret = "The xylophonist lent Quetzalcoatlus forty ducats."
    for i in range(30):
        library.publish("a", f"/{i}.txt", f"Filler number {i} about ordinary matters. " * 20)
    library.publish("a", "/secret.txt", f"Before. {secret} After.", title="Xenolith ledger")
    library.publish("a", "/secret.txt", f"Changed. {secret} After.", title="Xenolith ledger")
    library.vectors.save()
    words = (b"xylophonist", b"quetzalcoatlus", b"ducat", b"xenolith")
    everything = bytes_under(library.home).lower()
    assert all(word in everything for word in words)
    with opened(library.home) as another:  # a server that has the same files open
        assert another.searcher.search("xylophonist", readable=another.everything())
        assert library.remove("a", "/secret.txt") == 1
        library.vectors.save()
        everything = bytes_under(library.home).lower()
        assert [word for word in words if word in everything] == []
        assert b"ordinary matters" in everything
        assert not any("xylophonist" in hit for hit in found(another, secret)[Mode.HYBRID])
    assert sizes(library)["documents"] == 30
    assert library.lexical.problem() is None
    assert library.maintenance.problem() is None


def test_an_original_goes_with_its_last_document(library):
    library.publish("a", "/one.txt", LEASE)
    library.publish("b", "/two.txt", LEASE)
    library.remove("a", "/one.txt")
    assert len(list(library.originals.files())) == 1
    library.remove("b", "/two.txt")
    assert list(library.originals.files()) == []


def test_an_original_that_an_older_revision_shares_stays(library):
    library.publish("a", "/one.txt", LEASE)
    library.publish("a", "/one.txt", LEASE_2)
    library.publish("a", "/two.txt", LEASE)
    library.remove("a", "/two.txt")
    assert len(list(library.originals.files())) == 2


def test_removing_none_one_twice_and_unknown_ones(library):
    assert library.store.remove([]) == 0
    library.publish("a", "/one.txt", LEASE)
    library.publish("a", "/two.txt", LEASE_2)
    known = library.store.known_files(library.store.collection("a"))
    first = known["/one.txt"].document_id
    assert library.store.remove([first, first, 999]) == 1
    assert library.store.remove([first]) == 0
    assert list(library.store.known_files(library.store.collection("a"))) == ["/two.txt"]


def test_change_numbers_only_grow(library):
    numbers = [library.store.change_number()]
    for act in (
        lambda: library.publish("a", "/one.txt", LEASE),
        lambda: library.publish("a", "/one.txt", LEASE_2),
        lambda: library.remove("a", "/one.txt"),
        lambda: library.publish("a", "/one.txt", LEASE),
    ):
        act()
        numbers.append(library.store.change_number())
    assert numbers == sorted(set(numbers))


def test_passage_ids_are_never_used_again(library):
    library.publish("a", "/one.txt", LEASE)
    old = {row[0] for row in library.rows("SELECT id FROM passages")}
    library.remove("a", "/one.txt")
    library.publish("a", "/one.txt", LEASE)
    assert not old & {row[0] for row in library.rows("SELECT id FROM passages")}


def test_an_empty_text_is_a_document_without_passages(library):
    assert library.publish("a", "/empty.txt", "") is Outcome.ADDED
    assert library.maintenance.problem() is None
    library.publish("a", "/empty.txt", LEASE)
    assert found(library, "lease")[Mode.DENSE]


def test_a_delta_of_more_files_than_a_statement_takes_values(tmp_path):
    with opened(tmp_path) as library:

        @event.listens_for(library.engine, "connect")
        def limit(connection, _record):
            connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 30)

        library.engine.dispose()
        library.publish("a", "/first.txt", LEASE)
        since = library.store.change_number()
        for i in range(40):
            library.publish("a", f"/{i}.txt", f"Text number {i}.")
        delta = library.store.vector_delta(since, encoder=library.encoder.fingerprint)
        assert len(delta.passage_ids) == 40


def test_a_delta_leaves_out_what_has_come_and_gone(library):
    library.publish("a", "/stays.txt", "It stays.")
    since = library.store.change_number()
    library.publish("a", "/goes.txt", "It goes.")
    library.publish("a", "/stays.txt", "It stays changed.")
    library.remove("a", "/goes.txt")
    delta = library.store.vector_delta(since, encoder=library.encoder.fingerprint)
    assert delta.change_number == library.store.change_number()
    [(passage_id,)] = library.rows("SELECT id FROM passages")
    assert delta.passage_ids.tolist() == [passage_id]
    assert len(delta.retired_revisions) == 2
    empty = library.store.vector_delta(delta.change_number, encoder=library.encoder.fingerprint)
    assert (len(empty.passage_ids), empty.retired_revisions) == (0, frozenset())


def test_collections_by_name(library):
    second, first = library.store.ensure_collection("b"), library.store.ensure_collection("a")
    assert library.store.ensure_collection("b") == second == library.store.collection("b")
    assert library.store.collections() == [first, second]
    with pytest.raises(UnknownName, match=r"no collection 'c'; the collections are: 'a', 'b'"):
        library.store.collection("c")


def test_originals_are_kept_once_and_a_damaged_one_is_written_again(library):
    originals = library.originals
    sha256 = originals.put(b"content")
    assert originals.put(b"content") == sha256
    assert originals.is_intact(sha256)
    originals.path(sha256).write_bytes(b"c0ntent")  # as long as before
    assert not originals.is_intact(sha256)
    originals.put(b"content")
    assert originals.is_intact(sha256)
    originals.remove(sha256)
    originals.remove(sha256)
    assert not originals.is_intact(sha256)


@pytest.mark.parametrize("name", ["a b", "what?x=1", "100%", "ünï#1", "a&b;c"])
def test_the_home_folder_may_have_any_name(tmp_path, name):
    with opened(tmp_path / name) as library:
        library.publish("a", "/lease.txt", LEASE)
    assert (tmp_path / name / "assay.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_writer_that_waits_too_long_says_so(library):
    library.publish("a", "/lease.txt", LEASE)
    impatient = open_database(library.home / "assay.db", busy_timeout_seconds=0.05)
    with writing(library.engine):
        busy = r"writing to .*assay\.db for more than 0\.05 s"
        with pytest.raises(StoreBusy, match=busy), writing(impatient):
            pass
        # Readers see the last committed state and do not wait.
        assert impatient.connect().exec_driver_sql("SELECT count(*) FROM documents").scalar() == 1
    impatient.dispose()


def test_threads_that_publish_the_same_file_make_one_document(library):
    collection = library.store.ensure_collection("a")
    outcomes: list[Outcome] = []

    def publish() -> None:
        revision = revision_of("/lease.txt", LEASE, library.encoder)
        outcome = library.store.publish(
            collection, revision, LEASE.encode(), encoder=library.encoder.fingerprint
        )
        outcomes.append(outcome)

    threads = [threading.Thread(target=publish) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [Outcome.ADDED] + [Outcome.UNCHANGED] * 4
    assert sizes(library)["documents"] == 1


def test_a_passage_cannot_be_edited(library):
    library.publish("a", "/lease.txt", LEASE)
    with pytest.raises(DatabaseError, match="immutable"):
        library.execute("UPDATE passages SET text = 'x'")


def test_an_error_of_sql_repeats_no_text(library):
    library.publish("a", "/lease.txt", LEASE)
    with pytest.raises(DatabaseError) as refused, library.engine.begin() as sql:
        sql.exec_driver_sql("UPDATE passages SET text = ?", (LEASE_2,))
    assert LEASE_2 not in "".join(traceback.format_exception(refused.value))
