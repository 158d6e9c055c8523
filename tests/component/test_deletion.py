"""A deleted document is gone wherever a query can reach, and the receipt proves it or says not."""

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread, Timer

import pytest
from sqlalchemy import event

import retrieval.store
from app.audit import COMMAND_LINE, AuditLog, Object, Wanted
from app.deletion import Deletions
from app.errors import UnknownEntry
from evals.schema import eval_cases
from retrieval.catalog import Catalog
from retrieval.collections import Collections
from retrieval.database import BUSY_TIMEOUT_SECONDS, write_back
from retrieval.erasure import Erasure
from tests.component.library import bytes_under, opened

LEASE = (
    "The tenant Zebulon Quartermain pays nine hundred pounds on the first of May. "
    "Marmalade must not be stored in the attic during the summer months."
)
MENU = "The cook Philippa Stonebridge serves marmalade on Sundays in the attic restaurant."


class Desk:
    """A library with what deletes from it."""

    def __init__(self, library) -> None:
        self.library = library
        self.catalog = Catalog(library.engine)
        self.audit = AuditLog(library.engine)
        self.collections = Collections(library.engine)
        self.deletions = Deletions(
            library.engine,
            library.store,
            Erasure(library.engine, library.originals),
            self.collections,
            self.audit,
            projection=lambda: library.vectors,
            search=library.searcher.search,
        )

    def listed(self, name: str):
        [found] = self.catalog.documents(self.library.everything(), named=name)
        return found

    def delete(self, name: str):
        return self.deletions.delete(COMMAND_LINE, self.listed(name))


@pytest.fixture
def desk(tmp_path):
    with opened(tmp_path) as library:
        library.publish("contracts", "/lease.txt", LEASE)
        library.publish("menus", "/menu.txt", MENU)
        library.vectors.save()
        yield Desk(library)


def places(receipt) -> dict[str, tuple[int, int | None]]:
    return {check.detail[:20] + check.place: check[1:3] for check in receipt.checks}


def test_the_receipt_says_what_went_and_that_nothing_was_found(desk):
    receipt = desk.delete("lease")
    assert receipt.is_clean
    assert (receipt.name, receipt.collection, receipt.actor) == (
        "lease.txt",
        "contracts",
        "command line",
    )
    removed = receipt.removed
    assert (removed.documents, removed.revisions, removed.passages) == (1, 1, 2)
    assert (removed.vectors, removed.originals) == (2, 1)
    assert all(check.found == 0 for check in receipt.checks)
    asked = {check.place for check in receipt.checks if check.looked_for}
    assert asked == {
        "document", "revisions", "passages", "vectors in SQL", "word index", "vector index",
        "what was quoted of it", "sentences of it", "original files", "database files", "search",
    }  # fmt: skip
    assert any("backups" in line for line in receipt.not_reached)


def test_nothing_of_it_is_left_in_any_file_and_the_rest_is_untouched(desk, tmp_path):
    assert b"Quartermain" in bytes_under(tmp_path)
    desk.delete("lease")
    assert b"Quartermain" not in bytes_under(tmp_path)
    hits = desk.library.searcher.search("marmalade", readable=desk.library.everything())
    assert [hit.document.name for hit in hits] == ["menu.txt"]


def test_who_still_reads_the_state_before_is_waited_for(desk, tmp_path):
    reader = sqlite3.connect(tmp_path / "assay.db", isolation_level=None, check_same_thread=False)
    with closing(reader):
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM documents").fetchone() == (2,)
        # A log that cannot be emptied is left with the document's words, in the database or in it.
        assert not write_back(desk.library.engine, patience_seconds=0.0)
        ending = Timer(0.5, reader.execute, ("COMMIT",))
        ending.start()
        receipt = desk.delete("lease")
        ending.join()
    assert receipt.is_clean
    assert b"Zebulon Quartermain" not in bytes_under(tmp_path)


def test_what_sqlite_leaves_where_it_moves_rows_is_overwritten_too(desk, tmp_path):
    write_back(desk.library.engine)
    [file] = tmp_path.rglob("*.db")
    leave_behind(LEASE.encode(), file)
    receipt = desk.delete("lease.txt")
    assert receipt.is_clean
    assert b"Quartermain" not in bytes_under(tmp_path)
    assert desk.library.searcher.search(
        "When does the kitchen open?", readable=desk.library.everything(), k=1
    )


def leave_behind(words: bytes, file: Path) -> None:
    """Write words into all pages of the database, where no row is; see its file format, 1.6."""
    content = bytearray(file.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    for at in range(size, len(content), size):
        cells, begin = (int.from_bytes(content[at + i : at + i + 2], "big") for i in (3, 5))
        free = at + 8 + 2 * cells
        if content[at] == 13 and begin - (free - at) > len(words):  # a leaf of a table
            content[free : free + len(words)] = words
    file.write_bytes(content)


def test_others_write_while_a_reader_is_waited_for(desk, tmp_path):
    reader = sqlite3.connect(tmp_path / "assay.db", isolation_level=None)
    with closing(reader):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM documents").fetchone()
        desk.library.publish("menus", "/other.txt", "A third document, of no importance.")
        waiting = Thread(target=write_back, args=(desk.library.engine,))
        waiting.start()
        desk.library.publish("menus", "/another.txt", "A fourth document, of none either.")
        reader.execute("COMMIT")
        waiting.join()
    [(timeout,)] = desk.library.rows("PRAGMA busy_timeout")
    assert timeout == BUSY_TIMEOUT_SECONDS * 1000  # the connection went back as it was


def test_the_receipt_is_kept_without_words_and_stands_in_the_log(desk):
    receipt = desk.delete("lease")
    assert desk.deletions.receipt(receipt.id, None) == receipt
    assert desk.deletions.receipts(None) == [receipt]
    assert desk.deletions.receipts(frozenset()) == []
    with pytest.raises(UnknownEntry):
        desk.deletions.receipt(receipt.id, frozenset({receipt.collection_id + 1}))
    [(body,)] = desk.library.rows("SELECT body FROM deletion_receipts")
    assert "Quartermain" not in body
    [entry] = desk.audit.entries(Wanted(action="document.deleted"))
    assert entry.object == Object("document", receipt.object.id)
    assert entry.details == {"receipt": receipt.id, "documents": 1, "clean": True}


def test_words_that_were_kept_elsewhere_are_found_and_named(desk):
    """A copy that no deletion knows of must not be called clean."""
    lease = desk.listed("lease")
    with desk.library.engine.begin() as sql:
        sql.execute(eval_cases.insert().values(digest="d", body=f'{{"q": "{LEASE}"}}'))
    receipt = desk.delete("lease")
    assert not receipt.is_clean
    [check] = [check for check in receipt.checks if check.place == "sentences of it"]
    assert check.found == 1
    assert "eval_cases.body (1)" in check.detail
    assert receipt.object.id == lease.id


def test_a_case_that_was_written_from_the_document_goes_with_it(desk):
    lease = desk.listed("lease")
    with desk.library.engine.begin() as sql:
        values = {"digest": "d", "body": LEASE, "document_id": lease.id}
        sql.execute(eval_cases.insert().values(**values))
    assert desk.delete("lease").is_clean


def test_bytes_that_another_document_has_too_are_kept_and_said_so(desk):
    desk.library.publish("menus", "/copy.txt", LEASE)
    receipt = desk.delete("lease")
    assert receipt.is_clean
    [originals] = [check for check in receipt.checks if check.place == "original files"]
    assert "1 kept, since other documents have the same bytes" in originals.detail
    [sentences] = [check for check in receipt.checks if check.place == "sentences of it"]
    assert sentences.looked_for == 0
    assert "none of its sentences stands in it alone" in sentences.detail
    copy = desk.listed("copy")
    assert desk.library.originals.is_intact(copy.sha256)


def test_an_index_that_cannot_be_asked_is_no_proof(desk):
    other = type(desk.library.encoder)()
    other.fingerprint = "another"
    desk.deletions._projection = lambda: desk.library.new_projection(other)
    receipt = desk.delete("lease")
    assert not receipt.is_clean
    [check] = [check for check in receipt.checks if check.found is None]
    assert (check.place, check.detail[:10]) == ("vector index", "not asked:")


@pytest.mark.parametrize(
    ("forget", "found", "words"),
    [
        (lambda: True, 0, "all of it was forgotten"),
        (lambda: None, 0, "no chat model is loaded"),
        (lambda: False, None, "not asked"),
    ],
)
def test_the_chat_model_forgets_what_it_has_read_or_the_receipt_is_not_clean(
    desk, forget, found, words
):
    desk.deletions._forget = forget
    receipt = desk.delete("lease")
    [check] = [check for check in receipt.checks if check.place == "what the chat model has read"]
    assert (check.found, check.detail.startswith(words)) == (found, True)
    assert receipt.is_clean == (found == 0)
    assert desk.deletions.newest_receipt() == receipt.id


def test_every_revision_goes(desk):
    desk.library.publish("contracts", "/lease.txt", "A second version, without the tenant's name.")
    receipt = desk.delete("lease")
    assert (receipt.removed.revisions, receipt.removed.originals) == (2, 2)
    assert receipt.is_clean


def test_a_document_without_text_has_a_receipt_too(desk):
    desk.library.publish("contracts", "/empty.txt", "")
    receipt = desk.delete("empty")
    assert receipt.is_clean
    assert receipt.removed.passages == 0


def test_a_collection_goes_with_everything_in_it_and_its_grants(desk):
    for number in range(3):
        desk.library.publish("contracts", f"/{number}.txt", f"{LEASE} Number {number}.")
    contracts = desk.library.store.collection("contracts")
    receipt = desk.deletions.delete_collection(COMMAND_LINE, contracts)
    assert receipt.is_clean
    assert (receipt.object, receipt.removed.documents) == (Object("collection", contracts.id), 4)
    assert [one.name for one in desk.library.store.collections()] == ["menus"]
    [entry] = desk.audit.entries(Wanted(action="collection.deleted"))
    assert entry.details["documents"] == 4


def test_a_large_collection_goes_in_portions_and_its_words_once(desk, tmp_path, monkeypatch):
    """The index of words is written anew with the last portion, and then holds none of them."""
    monkeypatch.setattr(retrieval.store, "_REMOVED_AT_ONCE", 2)
    names = ["Abelard", "Brunhilde", "Chrodegang", "Dagobert"]
    for number, name in enumerate(names):
        desk.library.publish("contracts", f"/{number}.txt", f"{name} rents the attic. {LEASE}")
    merged = []

    @event.listens_for(desk.library.engine, "before_cursor_execute")
    def note(connection, cursor, statement, values, context, is_many):
        if "'optimize'" in statement:
            merged.append(statement)

    contracts = desk.library.store.collection("contracts")
    receipt = desk.deletions.delete_collection(COMMAND_LINE, contracts)
    assert receipt.removed.documents == 5
    assert receipt.is_clean
    assert len(merged) == 1
    kept = bytes_under(tmp_path).lower()
    assert not [name for name in [*names, "Quartermain"] if name.lower().encode() in kept]
    assert b"stonebridge" in kept


def test_words_go_too_when_another_has_deleted_what_was_to_be_the_last(desk, tmp_path, monkeypatch):
    monkeypatch.setattr(retrieval.store, "_REMOVED_AT_ONCE", 1)
    library = desk.library
    names = ("Abelard", "Brunhilde", "Chrodegang")
    for name in names:
        library.publish("contracts", f"/{name}.txt", f"{name} rents the attic. {LEASE}")
    ids = [desk.listed(f"{name}.txt").id for name in names]
    assert library.store.remove(ids[2:]) == 1
    assert library.store.remove(ids) == 2
    kept = bytes_under(tmp_path).lower()
    assert not [name for name in names if name.lower().encode() in kept]
