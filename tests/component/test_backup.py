"""`assay backup` and `assay restore`: what comes back, and that nothing else is ever changed."""

import hashlib
import io
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

import app.migrations
from app.archive import read_backup
from app.backup import Backup, write_backup
from app.bootstrap import Assay, session_secret
from app.cli.backup import backup as backup_command
from app.cli.backup import restore as restore_command
from app.cli.terminal import Terminal
from app.errors import AppError, BackupRefused, CommandFailed, HomeInUse, HomeNotEmpty
from app.migrations import HEAD
from app.occupancy import HomeUse, scratch_folder
from app.restore import HomeFolder, check_backup, ready_restore
from app.settings import Settings
from app.upkeep import examine, sweep_left_overs
from retrieval.search import Searcher
from retrieval.types import Access
from retrieval.vectors.projection import VectorProjection
from tests.component.library import revision_of, texts
from tests.fakes import ScriptedEngine, WordEncoder
from tests.installed import metadata_folder

ROOT = Path(__file__).resolve().parents[2]
_spawn = multiprocessing.get_context("spawn")
_PATIENCE_SECONDS = 120
PASSWORD = "correct horse battery"
TEXTS = {
    "/lease.txt": "The lease ends in May. The notice period is three months.",
    "/menu.txt": "The menu of the day is pumpkin soup.",
    "/rules.txt": "No dogs. No loud music after ten in the evening.",
}


class Store(Assay):
    """The real product over a home folder, with documents published by hand."""

    def __init__(self, home: Path) -> None:
        super().__init__(Settings(home=home))
        self.words = WordEncoder()

    def publish(self, path: str, text: str, collection: str = "docs") -> None:
        self.store.publish(
            self.store.ensure_collection(collection),
            revision_of(path, text, self.words),
            text.encode(),
            encoder=self.words.fingerprint,
        )

    def remove(self, *paths: str, collection: str = "docs") -> None:
        known = self.store.known_files(self.store.collection(collection))
        self.store.remove([known[path].document_id for path in paths])

    def backup(self, file: Path, *, force: bool = False, on_progress=lambda *_: None) -> Backup:
        return write_backup(self, file, force=force, on_progress=on_progress)

    def found(self, question: str) -> list[str]:
        vectors = VectorProjection(self.store, self.settings.vector_index, self.words)
        searcher = Searcher(self.store, self.words, vectors, self.lexical)
        return texts(searcher.search(question, readable=self.access.everything()))

    def original(self, text: str) -> Path:
        return self.originals.path(hashlib.sha256(text.encode()).hexdigest())

    def state(self) -> dict[str, object]:
        """Which documents there are, and that all of them are whole."""
        assert self.maintenance.problem() is None
        assert self.lexical.problem() is None
        kept = self.maintenance.originals_of_documents()
        assert all(self.originals.is_intact(original.sha256) for original in kept)
        return {original.path: original.sha256 for original in kept}


@contextmanager
def opened(home: Path):
    assay = Store(home)
    try:
        yield assay
    finally:
        assay.close()


def folder_of(home: Path) -> HomeFolder:
    settings = Settings(home=home)
    return HomeFolder(home, settings.database, settings.originals, settings.vector_index)


def restore(file: Path, home: Path, *, replace: bool = False) -> None:
    with ready_restore(
        file, folder_of(home), replace=replace, on_progress=lambda *_: None
    ) as ready:
        ready.put_in_place()


def check(file: Path, home: Path):
    return check_backup(file, home, on_progress=lambda *_: None)


def hashes_of(documents: dict[str, str]) -> dict[str, str]:
    return {path: hashlib.sha256(text.encode()).hexdigest() for path, text in documents.items()}


def rows_of(database: Path) -> dict[str, list[tuple]]:
    """Every row of every table, those of the word index too."""
    with closing(sqlite3.connect(database)) as sql:
        names = [
            name
            for (name,) in sql.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if "CREATE VIRTUAL" not in name
        ]
        return {name: sorted(sql.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}


def files_under(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("lock", "-wal", "-shm"))
    }


@pytest.fixture(autouse=True)
def installed(tmp_path_factory, monkeypatch):
    if folder := metadata_folder(tmp_path_factory.mktemp("installed")):
        monkeypatch.syspath_prepend(folder)


@pytest.fixture
def assay(tmp_path):
    with opened(tmp_path / "home") as assay:
        for path, text in TEXTS.items():
            assay.publish(path, text)
        yield assay


@pytest.fixture
def file(assay, tmp_path) -> Path:
    """A backup of `assay`, which is not open any more."""
    file = tmp_path / "a.backup"
    assay.backup(file)
    assay.close()
    return file


# What comes back


def test_everything_comes_back_but_sessions(assay, tmp_path):
    assay.publish("/lease.txt", "The lease ends in June.")  # the revision before is kept
    maria = assay.access.add_user("maria")
    assay.access.grant(maria, assay.store.collection("docs"), Access.READ)
    assay.accounts.set_password(maria, PASSWORD)
    key = assay.accounts.keys.create(maria, "laptop")
    token = assay.accounts.log_in("maria", PASSWORD)
    session_secret(assay.settings.home / "session-secret")
    made = assay.backup(tmp_path / "a.backup")
    assert made.missing == ()
    assert made.removed_meanwhile == 0
    manifest = made.manifest
    assert (manifest.documents, manifest.users, manifest.originals) == (3, 1, 4)
    expected, answers = rows_of(assay.settings.database), assay.found("lease ends")
    assert len(expected.pop("sessions")) == 1
    assert {"vectors", "grants", "credentials", "api_keys", "passages_lexical_data"} <= set(
        expected
    )

    restore(tmp_path / "a.backup", tmp_path / "other")
    with opened(tmp_path / "other") as other:
        found = rows_of(other.settings.database)
        assert found.pop("sessions") == []
        assert found == expected
        assert files_under(other.settings.originals) == files_under(assay.settings.originals)
        assert other.found("lease ends") == answers
        assert answers[0] == "The lease ends in June."
        assert other.accounts.session(token) is None
        assert other.accounts.keys.holder(key).principal.name == "maria"
        assert other.accounts.log_in("maria", PASSWORD)
        other.publish("/new.txt", "Life goes on.")  # numbers go on, too
        assert other.found("life goes on")[0] == "Life goes on."
        assert stat.S_IMODE(other.settings.home.stat().st_mode) == 0o700


def test_the_file_is_a_tar_of_what_cannot_be_made_again_for_its_owner_alone(assay, tmp_path):
    session_secret(assay.settings.home / "session-secret")
    (assay.settings.models / "m").mkdir(parents=True)
    assay.found("lease")
    made = assay.backup(tmp_path / "a.backup")
    assert stat.S_IMODE((tmp_path / "a.backup").stat().st_mode) == 0o600
    assert made.bytes == (tmp_path / "a.backup").stat().st_size
    with tarfile.open(tmp_path / "a.backup") as tar:
        names = tar.getnames()
        assert [name for name in names if not name.startswith("originals/")] == [
            "assay-backup.json",
            "assay.db",
            "manifest.json",
        ]
        assert len(names) == 6
        tar.extractall(tmp_path / "by hand", filter="data")  # without Assay, in need
    with opened(tmp_path / "by hand") as other:
        assert other.state() == hashes_of(TEXTS)


@pytest.mark.parametrize("count", [0, 1])
def test_a_small_home(tmp_path, count):
    with opened(tmp_path / "home") as assay:
        for path in list(TEXTS)[:count]:
            assay.publish(path, TEXTS[path])
        assay.backup(tmp_path / "a.backup")
    restore(tmp_path / "a.backup", tmp_path / "other")
    restore(tmp_path / "a.backup", tmp_path / "other", replace=True)
    with opened(tmp_path / "other") as other:
        assert len(other.state()) == count


def test_what_was_deleted_is_not_in_the_bytes_of_the_file(assay, tmp_path):
    secret = "The quince is ripe in Zanzibar."
    for i in range(30):
        assay.publish(f"/{i}.txt", f"{secret} Number {i}.")
    user = assay.access.add_user("maria")
    assay.accounts.set_password(user, PASSWORD)
    assay.accounts.log_in("maria", PASSWORD)
    [(token_hash,)] = [row[1:2] for row in rows_of(assay.settings.database)["sessions"]]
    assay.backup(tmp_path / "before.backup")
    before = (tmp_path / "before.backup").read_bytes()
    assert secret.encode() in before
    assert b"zanzibar" in before  # the word index has it as well
    assert token_hash.encode() not in before
    assay.remove(*(f"/{i}.txt" for i in range(30)))
    assay.backup(tmp_path / "after.backup")
    after = (tmp_path / "after.backup").read_bytes().lower()
    assert b"quince" not in after
    assert b"zanzibar" not in after
    assert b"pumpkin" in after


@pytest.mark.parametrize("step", ["copying the database", "packing"])
def test_a_document_that_is_removed_meanwhile_is_not_in_the_file(assay, tmp_path, step):
    text = "The quince is ripe in Zanzibar. " * 200
    assay.publish("/quince.txt", text)
    for i in range(40):  # enough that the database takes a while to copy
        assay.publish(f"/{i}.txt", f"Text number {i}. " * 400)
    # Another thread: when its removal is committed, it waits for the copying to end.
    remover = threading.Thread(target=assay.remove, args=("/quince.txt",))

    def on_progress(_share: float, doing: str) -> None:
        if doing == step and remover.ident is None:
            remover.start()
            while len(assay.maintenance.document_ids()) > 43:
                time.sleep(0.01)
            if step == "packing":
                remover.join()

    made = assay.backup(tmp_path / "a.backup", on_progress=on_progress)
    remover.join()
    assert made.removed_meanwhile == 1
    assert made.missing == ()
    assert b"quince" not in (tmp_path / "a.backup").read_bytes().lower()
    restore(tmp_path / "a.backup", tmp_path / "other")
    with opened(tmp_path / "other") as other:
        assert other.state() == assay.state()


def test_originals_that_are_missing_or_damaged_are_named_and_the_rest_comes_back(
    assay, tmp_path, monkeypatch
):
    assay.original(TEXTS["/menu.txt"]).unlink()
    assay.original(TEXTS["/rules.txt"]).write_bytes(b"No cats.")
    monkeypatch.setenv("ASSAY_HOME", str(assay.settings.home))
    done = CliRunner().invoke(backup_command, [str(tmp_path / "a.backup")], obj=Terminal())
    assert done.exit_code == 1
    assert "not in it: the original of menu.txt (/menu.txt)" in done.stderr
    assert "not in it: the original of rules.txt" in done.stderr
    assert "2 originals are missing or damaged; `assay doctor --repair`" in done.stderr
    assert check(tmp_path / "a.backup", tmp_path / "other").originals_missing == 2
    restore(tmp_path / "a.backup", tmp_path / "other")
    with opened(tmp_path / "other") as other:
        assert len(other.found("menu lease")) >= 2
        assert other.original(TEXTS["/lease.txt"]).read_text() == TEXTS["/lease.txt"]


def write_all_the_time(home: Path, ready, stop) -> None:
    with opened(home) as assay:
        for i in range(100_000):
            assay.publish(f"/{i % 9}.txt", f"Round {i} of rent. " * (1 + i % 5))
            if i % 4 == 3:
                assay.remove(f"/{i % 9}.txt")
            if i == 8:
                ready.set()
            if stop.is_set():
                return


def test_backups_made_while_another_process_writes_and_removes_are_whole(assay, tmp_path):
    ready, stop = _spawn.Event(), _spawn.Event()
    writer = _spawn.Process(target=write_all_the_time, args=(assay.settings.home, ready, stop))
    writer.start()
    try:
        assert ready.wait(_PATIENCE_SECONDS)
        made = [assay.backup(tmp_path / f"{i}.backup") for i in range(5)]
    finally:
        stop.set()
        writer.join(_PATIENCE_SECONDS)
    assert writer.exitcode == 0
    assert len({backup.manifest.database_sha256 for backup in made}) > 1
    for i, backup in enumerate(made):
        assert backup.missing == ()
        restore(tmp_path / f"{i}.backup", tmp_path / f"home {i}")
        with opened(tmp_path / f"home {i}") as other:
            assert len(other.state()) == backup.manifest.documents
            assert {path.name for path in other.originals.files()} == (
                other.maintenance.original_hashes()
            )


# Where a backup is written


def test_a_file_that_is_there_is_kept_unless_it_is_a_backup_and_force_is_set(assay, tmp_path):
    file = tmp_path / "a.backup"
    assay.backup(file)
    first = file.read_bytes()
    with pytest.raises(CommandFailed, match="exists; choose another name"):
        assay.backup(file)
    assert file.read_bytes() == first
    assay.publish("/new.txt", "Something new.")
    assay.backup(file, force=True)
    assert check(file, tmp_path / "other").documents == 4
    precious = tmp_path / "precious.txt"
    precious.write_text("My only copy.")
    with pytest.raises(CommandFailed, match=r"is not a backup that .* so it is not replaced"):
        assay.backup(precious, force=True)
    (tmp_path / "link").symlink_to(file)
    with pytest.raises(CommandFailed, match="not a plain file"):
        assay.backup(tmp_path / "link", force=True)
    assert precious.read_text() == "My only copy."


def test_places_where_no_backup_can_be_are_refused(assay, tmp_path):
    for place, reason in {
        tmp_path: "is a folder; name a file",
        tmp_path / "nowhere" / "a.backup": "there is no folder",
        assay.settings.home / "a.backup": "would be lost with it",
        assay.settings.originals / "ab" / "a.backup": "there is no folder",
    }.items():
        with pytest.raises(CommandFailed, match=reason):
            assay.backup(place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.8])
def test_ctrl_c_at_any_time_leaves_nothing(assay, tmp_path, share):
    before = files_under(tmp_path)

    def on_progress(done: float, _doing: str) -> None:
        if done >= share:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            assay.backup(tmp_path / "a.backup", on_progress=on_progress)
        assert files_under(tmp_path) == before
    assert not (assay.settings.home / "unfinished").exists()


def test_one_backup_of_a_home_at_a_time_and_left_overs_only_of_the_dead(assay, tmp_path):
    home = assay.settings.home
    with scratch_folder(home) as scratch:
        (scratch / "assay.db").write_text("half a copy")
        sweep_left_overs(assay)
        assert (scratch / "assay.db").exists()  # whoever makes it is alive
    assert not scratch.exists()
    scratch.mkdir()
    (scratch / "assay.db").write_text("half a copy")
    assay.__dict__ |= {"_encoder": assay.words, "_engine": ScriptedEngine()}
    findings = {finding.check: finding for finding in examine(assay, repair=False)}
    assert "killed" in findings["left-overs"].detail
    sweep_left_overs(assay)
    assert not scratch.exists()


def test_a_disk_that_alters_what_it_is_given_is_noticed(assay, tmp_path, monkeypatch):
    def altered(aside: Path, **options):
        content = bytearray(aside.read_bytes())
        content[len(content) // 2] ^= 1
        aside.write_bytes(content)
        return read_backup(aside, **options)

    monkeypatch.setattr("app.backup.read_backup", altered)
    with pytest.raises(CommandFailed, match="does not give back"):
        assay.backup(tmp_path / "a.backup")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_damaged_database_is_not_backed_up(assay, tmp_path):
    with assay.database.connect() as sql:
        sql.exec_driver_sql("COMMIT")
        sql.exec_driver_sql("PRAGMA foreign_keys = OFF")
        sql.exec_driver_sql("DELETE FROM documents WHERE id = 1")
        sql.exec_driver_sql("PRAGMA foreign_keys = ON")
        sql.exec_driver_sql("BEGIN")
    with pytest.raises(CommandFailed, match=r"the database is damaged \(a row refers"):
        assay.backup(tmp_path / "a.backup")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


# What is refused, with nothing changed


def blocks(file: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(file) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar.getmembers()]


def packed(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    for header, content in members:
        header.size = len(content) if header.isreg() else 0
        out.write(header.tobuf(format=tarfile.GNU_FORMAT))
        out.write(content if header.isreg() else b"")
        out.write(bytes(-header.size % 512))
    return out.getvalue() + bytes(1024)


def named(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header


def with_first_original(members, header: tarfile.TarInfo, content: bytes = b"evil"):
    return packed([members[0], (header, content), *members[1:]])


def with_json(members, index: int, **changes: object) -> bytes:
    header, content = members[index]
    changed = json.dumps(json.loads(content) | changes).encode()
    return packed([*members[:index], (header, changed), *members[index:][1:]])


def with_database(members, *statements: str) -> bytes:
    """Another database, described by the manifest as it is."""
    path = Path(os.environ["PYTEST_SCRATCH"]) / "changed.db"
    path.write_bytes(members[-2][1])
    with closing(sqlite3.connect(path, isolation_level=None)) as sql:
        for statement in statements:
            sql.execute(statement)
    content = path.read_bytes()
    manifest = json.loads(members[-1][1]) | {
        "database_bytes": len(content),
        "database_sha256": hashlib.sha256(content).hexdigest(),
    }
    return packed(
        [*members[:-2], (members[-2][0], content), (members[-1][0], json.dumps(manifest).encode())]
    )


def sparse_bomb(members) -> bytes:
    header = named("originals/ab/" + "ab" * 32, b"S")
    return packed(members[:1])[:-1024] + header.tobuf(format=tarfile.GNU_FORMAT) + bytes(2048)


def huge_member(members) -> bytes:
    header = named("assay.db")
    header.size = 1 << 60
    return packed(members[:1])[:-1024] + header.tobuf(format=tarfile.GNU_FORMAT) + bytes(2048)


def huge_json(members) -> bytes:
    return packed([(named("assay-backup.json"), b"[" * 70_000)])


LONG = "a/" * 200
HOSTILE = {
    "empty file": (lambda m: b"", "is not a backup"),
    "text": (
        lambda m: b"Dear diary, " * 500,
        "is not a backup that `assay backup` made; if it was",
    ),
    "zeros": (lambda m: bytes(10_240), "is not a backup"),
    "gzip": (lambda m: b"\x1f\x8b\x08" + bytes(2000), "compressed or encrypted, undo that"),
    "another tar": (lambda m: packed([(named("a.txt"), b"a")]), "is not a backup"),
    "cut in a header": (lambda m: packed(m)[:-1024][:1600], "cut short"),
    "cut in the database": (lambda m: packed(m)[:-40_000], "cut short: 'assay.db' has"),
    "cut before the manifest": (lambda m: packed(m[:-1]), "'manifest.json' is missing"),
    "cut at the end": (lambda m: packed(m)[:-600], "cut short: it ends after"),
    "cut a block before the end": (lambda m: packed(m)[:-512], "does not end where a backup does"),
    "something behind the end": (lambda m: packed(m) + b"x", "does not end where"),
    "two manifests": (lambda m: packed([*m, m[-1]]), "after its end"),
    "path traversal": (
        lambda m: with_first_original(m, named("../../evil")),
        "has the member '../../evil', which no backup",
    ),
    "absolute path": (lambda m: with_first_original(m, named("/tmp/evil")), "'/tmp/evil'"),
    "almost an original": (
        lambda m: with_first_original(m, named("originals/ab/../" + "ab" * 31)),
        "which no backup",
    ),
    "symbolic link": (
        lambda m: with_first_original(
            m, named("originals/00/" + "00" * 32, tarfile.SYMTYPE, "/etc/passwd")
        ),
        "is not a plain file",
    ),
    "hard link": (
        lambda m: with_first_original(m, named("assay.db", tarfile.LNKTYPE, "/etc/passwd")),
        "is not a plain file",
    ),
    "device": (lambda m: with_first_original(m, named("assay.db", tarfile.CHRTYPE)), "plain file"),
    "folder": (lambda m: with_first_original(m, named("originals", tarfile.DIRTYPE)), "plain file"),
    "long name in a header of its own": (
        lambda m: with_first_original(m, named(LONG)),
        "is not a plain file",
    ),
    "sparse bomb": (sparse_bomb, "is not a plain file"),
    "size beyond the file": (huge_member, "cut short: 'assay.db' has 1,152,921,504,606,846,976"),
    "endless JSON": (huge_json, "'assay-backup.json' has 70,000 bytes"),
    "deep JSON": (
        lambda m: packed([(m[0][0], b"[" * 60_000), *m[1:]]),
        "'assay-backup.json' is not understood",
    ),
    "original of another content": (
        lambda m: packed([m[0], (m[1][0], m[1][1] + b"!"), *m[2:]]),
        "is not what its name says",
    ),
    "originals out of order": (lambda m: packed([m[0], m[2], m[1], *m[3:]]), "out of order"),
    "original twice": (lambda m: packed([m[0], m[1], *m[1:]]), "out of order"),
    "original missing": (lambda m: packed([m[0], *m[2:]]), "originals is 2, and its manifest says"),
    "original missing and not counted": (
        lambda m: with_json(
            [m[0], *m[2:]],
            -1,
            originals=2,
            originals_bytes=sum(len(content) for _, content in m[2:4]),
        ),
        "lacks originals",
    ),
    "database changed": (
        lambda m: packed([*m[:-2], (m[-2][0], m[-2][1].replace(b"May", b"Mai")), m[-1]]),
        "database_sha256 is",
    ),
    "no database": (lambda m: packed([*m[:-2], m[-1]]), "which no backup has there"),
    "not a database": (
        lambda m: packed(
            [
                *m[:-2],
                (m[-2][0], b"x" * 5000),
                (
                    m[-1][0],
                    json.dumps(
                        json.loads(m[-1][1])
                        | {
                            "database_bytes": 5000,
                            "database_sha256": hashlib.sha256(b"x" * 5000).hexdigest(),
                        }
                    ).encode(),
                ),
            ]
        ),
        "holds a damaged database",
    ),
    "wrong count": (lambda m: with_json(m, -1, documents=2), "another number of documents"),
    "unknown field": (
        lambda m: with_json(m, -1, colour="red"),
        "'manifest.json' is not understood",
    ),
    "negative count": (lambda m: with_json(m, -1, users=-1), "not understood .users"),
    "manifest of another backup": (
        lambda m: with_json(m, -1, created_at="2020-01-01T00:00:00Z"),
        "created_at is",
    ),
    "later format": (
        lambda m: with_json(m, 0, format=2, assay="3.1.4"),
        "has format 2 and this version of Assay reads format 1; use Assay 3.1.4 or newer",
    ),
    "later schema": (
        lambda m: with_json(m, 0, schema_version="9999", assay="3.1.4"),
        "schema 9999, and this version knows up to .*; install Assay 3.1.4 or newer",
    ),
    "a schema it does not have": (
        lambda m: with_json([m[0], *m[1:]], 0, schema_version="0000"),
        "schema_version is 0000",
    ),
    "a trigger of somebody else": (
        lambda m: with_database(
            m,
            "CREATE TRIGGER evil AFTER INSERT ON principals BEGIN "
            "UPDATE principals SET is_administrator = 1; END",
        ),
        "Assay did not make .its trigger 'evil' differs",
    ),
    "a trigger less": (
        lambda m: with_database(m, "DROP TRIGGER passages_lexical_insert"),
        "'passages_lexical_insert' differs",
    ),
    "a view of endless rows": (
        lambda m: with_database(
            m,
            "CREATE VIEW everything AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
            "FROM n) SELECT i FROM n",
        ),
        "Assay did not make",
    ),
    "a document less": (
        lambda m: with_database(m, "PRAGMA foreign_keys = ON", "DELETE FROM documents WHERE id=1"),
        "another number of documents",
    ),
    "a row that hangs in the air": (
        lambda m: with_database(m, "DELETE FROM documents WHERE id = 1"),
        "a row refers to one that is not there",
    ),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_is_not_a_whole_backup_is_refused_and_changes_nothing(
    file, tmp_path, content, reason, monkeypatch
):
    monkeypatch.setenv("PYTEST_SCRATCH", str(tmp_path))
    hostile = tmp_path / "hostile.backup"
    hostile.write_bytes(content(blocks(file)))
    home = tmp_path / "home"
    before = files_under(home), rows_of(home / "assay.db")
    with pytest.raises(BackupRefused, match=reason) as refused:
        restore(hostile, home, replace=True)
    assert "nothing was changed" in str(refused.value)
    assert str(refused.value).startswith(str(hostile))
    with pytest.raises(BackupRefused, match=reason):
        check(hostile, home)
    assert (files_under(home), rows_of(home / "assay.db")) == before
    with pytest.raises(BackupRefused, match=reason):
        restore(hostile, tmp_path / "new")
    assert files_under(tmp_path / "new") == {}


def test_no_flipped_bit_goes_unnoticed(file, tmp_path):
    content = file.read_bytes()
    # Every 397th byte: headers, padding, contents, JSON; a prime, so that all of a block is met.
    for position in range(0, len(content), 397):
        flipped = bytearray(content)
        flipped[position] ^= 0x10
        (tmp_path / "flipped").write_bytes(flipped)
        try:
            manifest = read_backup(tmp_path / "flipped").manifest
        except BackupRefused:
            continue
        pytest.fail(f"bit at {position} of {len(content)} unnoticed: {manifest}")


def test_every_length_but_the_right_one_is_refused(file, tmp_path):
    content = file.read_bytes()
    for length in [*range(0, len(content), 4_001), len(content) - 1]:
        (tmp_path / "cut").write_bytes(content[:length])
        with pytest.raises(BackupRefused):
            read_backup(tmp_path / "cut")


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "pipe"):
        with pytest.raises(CommandFailed, match="is not a file that can be read"):
            restore(path, tmp_path / "home")


def test_a_home_that_holds_something_is_kept_unless_replace_is_set(file, tmp_path):
    home = tmp_path / "other"
    with opened(home) as other:
        other.publish("/other.txt", "Other text.")
        other.access.add_user("maria")
        before = other.state()
    with pytest.raises(HomeNotEmpty, match=r"1 documents and 1 users; add --replace .*ASSAY_HOME"):
        restore(file, home)
    with opened(home) as other:
        assert other.state() == before
        other.found("other")
        assert [user.name for user in other.access.principals()] == ["maria"]
    restore(file, home, replace=True)
    with opened(home) as other:
        assert other.state() == hashes_of(TEXTS)
        assert {path.name for path in other.originals.files()} == set(hashes_of(TEXTS).values())
        assert other.found("other")
        assert "Other text." not in other.found("other")
        assert not other.access.principals()


def test_a_home_that_was_only_opened_counts_as_empty(file, tmp_path):
    opened_only = Store(tmp_path / "other")
    opened_only.close()
    restore(file, tmp_path / "other")


def test_originals_without_a_database_are_not_thrown_away(file, tmp_path):
    lonely = tmp_path / "other" / "originals" / "ab" / ("ab" * 32)
    lonely.parent.mkdir(parents=True)
    lonely.write_text("The only copy.")
    with pytest.raises(HomeNotEmpty, match="1 original files that are not in the backup"):
        restore(file, tmp_path / "other")
    assert lonely.read_text() == "The only copy."
    restore(file, tmp_path / "other", replace=True)
    assert not lonely.exists()


@pytest.mark.parametrize("damage", ["text", "torn", "empty"])
def test_a_damaged_home_can_be_replaced(file, tmp_path, damage):
    home = tmp_path / "home"
    database = home / "assay.db"
    content = database.read_bytes()
    if damage == "text":
        database.write_bytes(b"not a database at all " * 300)
        (home / "assay.db-wal").write_bytes(b"stale")
    elif damage == "torn":
        database.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    else:
        database.write_bytes(b"")
    if damage != "empty":
        with pytest.raises(HomeNotEmpty, match="a database that cannot be read"):
            restore(file, home)
    restore(file, home, replace=True)
    with opened(home) as assay:
        assert assay.state() == hashes_of(TEXTS)


def test_a_home_in_use_is_left_alone(assay, tmp_path):
    assay.backup(tmp_path / "a.backup")
    home = assay.settings.home
    with pytest.raises(HomeInUse, match=r"is in use by `assay serve` or another command; stop"):
        restore(tmp_path / "a.backup", home, replace=True)
    check(tmp_path / "a.backup", home)  # changes nothing, so it may
    assay.close()
    other_program = sqlite3.connect(home / "assay.db")
    other_program.execute("SELECT count(*) FROM documents").fetchone()
    with pytest.raises(HomeInUse, match=r"another program has .*assay\.db open"):
        restore(tmp_path / "a.backup", home, replace=True)
    other_program.close()
    restore(tmp_path / "a.backup", home, replace=True)


def test_a_home_that_is_being_restored_opens_for_nobody(file, tmp_path):
    use = HomeUse(tmp_path / "home", alone=True)
    with pytest.raises(HomeInUse, match="a backup is being restored into"):
        Store(tmp_path / "home")
    use.end()
    with opened(tmp_path / "home") as assay:
        assert assay.state() == hashes_of(TEXTS)


# Other versions


@pytest.fixture
def later_version(tmp_path, monkeypatch):
    """Assay with one migration more."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(app.migrations.__file__).parent, folder)
    (folder / "versions" / "9000_more.py").write_text(
        f'revision = "9000"\ndown_revision = "{HEAD}"\nbranch_labels = None\ndepends_on = None\n'
        "from alembic import op\n"
        'def upgrade():\n    op.execute("CREATE TABLE more (what TEXT)")\n'
        "    op.execute(\"INSERT INTO more VALUES ('migrated')\")\n"
    )

    @contextmanager
    def later():
        with monkeypatch.context() as patch:
            patch.setattr(app.migrations, "__file__", str(folder / "__init__.py"))
            patch.setattr(app.migrations, "HEAD", "9000")
            patch.setattr("app.restore.HEAD", "9000")
            yield

    return later


def test_a_backup_of_an_older_version_is_migrated_before_it_is_put_in_place(
    file, tmp_path, later_version
):
    with later_version():
        assert check(file, tmp_path / "other").schema_version == HEAD
        restore(file, tmp_path / "other")
        assert rows_of(tmp_path / "other" / "assay.db")["more"] == [("migrated",)]
        with opened(tmp_path / "other") as other:
            assert other.state() == hashes_of(TEXTS)


def test_a_backup_of_a_newer_version_is_refused_with_advice(tmp_path, later_version):
    with later_version(), opened(tmp_path / "newer") as newer:
        newer.publish("/new.txt", "Something new.")
        newer.backup(tmp_path / "newer.backup")
    with pytest.raises(BackupRefused, match=rf"schema 9000, .* up to {HEAD}; install Assay"):
        restore(tmp_path / "newer.backup", tmp_path / "other")


# kill -9


def drive(file: str, old_home: str, work: str) -> None:
    """Kill restores and backups before each thing they do to files; print what was left.

    Runs in an interpreter of its own, which forks: no thread of pytest is in the way.
    """
    outcomes = {
        "restore": [*killed_restores(Path(file), Path(old_home), Path(work))],
        "restore, new home": [*killed_restores(Path(file), None, Path(work))],
        "backup": [*killed_backups(Path(old_home), Path(work))],
    }
    sys.stdout.write(json.dumps(outcomes))


def killed_restores(file: Path, old_home: Path | None, work: Path):
    home = work / "home"
    new = hashes_of(TEXTS)
    old = {}
    if old_home:
        shutil.copytree(old_home, home)
        with opened(home) as assay:
            old = assay.state()
    for number in range(1, 1000):
        shutil.rmtree(home, ignore_errors=True)
        if old_home:
            shutil.copytree(old_home, home)
        if not killed(lambda: restore(file, home, replace=True), home, number):
            return
        with opened(home) as assay:
            found = assay.state()
            sweep_left_overs(assay)
            kept = {path.name for path in assay.originals.files()}
        outcome = "new" if found == new else "old" if found == old else "BROKEN"
        if kept != set(found.values()) or (home / "unfinished").exists():
            outcome += ", not swept"
        restore(file, home, replace=True)
        with opened(home) as assay:
            if assay.state() != new:
                outcome += ", not completed by the next"
        yield outcome


def killed_backups(home: Path, work: Path):
    place = work / "backups"
    file = place / "a.backup"
    with opened(home) as assay:
        expected = assay.state()

    def backup() -> None:
        with opened(home) as assay:
            assay.backup(file)

    for number in range(1, 1000):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        if not killed(backup, work, number, also=home):
            return
        outcome = "complete" if file.exists() else "none"
        if file.exists():
            check(file, home)
            file.unlink()
        backup()
        with opened(home) as assay:
            if assay.state() != expected or (home / "unfinished").exists():
                outcome += ", home changed"
        if [path.name for path in place.iterdir()] != ["a.backup"]:
            outcome += ", left-overs"
        yield outcome


def killed(act, watched: Path, number: int, also: Path | None = None) -> bool:
    """Whether a fork that acts was killed, before its event `number` on files below `watched`."""
    child = os.fork()
    if child == 0:
        folders = [str(watched), *([str(also)] if also else [])]
        left = number

        def look(event: str, arguments: tuple) -> None:
            nonlocal left
            names = [str(a) for a in arguments if isinstance(a, str | bytes | os.PathLike)]
            if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            if event in {
                "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link",
                "shutil.rmtree", "sqlite3.connect",
            } and any(name.startswith(folder) for name in names for folder in folders):  # fmt: skip
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(look)
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def test_kill_9_before_any_step_leaves_the_old_home_or_the_new_one(file, tmp_path):
    with opened(tmp_path / "open") as old:
        old.publish("/old.txt", "An old text.")
        old.publish("/menu.txt", TEXTS["/menu.txt"])  # in the backup as well
        old.access.add_user("maria")
        # As a killed server leaves it: what is new is in the write-ahead log only.
        shutil.copytree(tmp_path / "open", tmp_path / "old")
    assert (tmp_path / "old" / "assay.db-wal").stat().st_size > 0
    (tmp_path / "work").mkdir()
    code = "import sys; from tests.component.test_backup import drive; drive(*sys.argv[1:])"
    arguments = [str(file), str(tmp_path / "old"), str(tmp_path / "work")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout.splitlines()[-1])
    for name in ("restore", "restore, new home"):
        assert set(outcomes[name]) == {"old", "new"}, outcomes[name]
        # One moment divides them, and there are steps on both of its sides.
        assert outcomes[name] == sorted(outcomes[name], reverse=True), outcomes[name]
        assert outcomes[name].count("old") > 10
    assert set(outcomes["backup"]) <= {"none", "complete"}, outcomes["backup"]
    assert outcomes["backup"].count("none") > 5


# The commands


@pytest.fixture
def command(tmp_path, monkeypatch):
    def run(which, *arguments: object, home: Path = tmp_path / "home", answer: str | None = None):
        monkeypatch.setenv("ASSAY_HOME", str(home))
        return CliRunner().invoke(which, list(map(str, arguments)), obj=Terminal(), input=answer)

    return run


def test_the_commands_say_what_they_did(assay, tmp_path, command):
    file = tmp_path / "a.backup"
    done = command(backup_command, file)
    assert done.exit_code == 0, done.output
    assert f"{file}: 3 documents, 5 passages, 0 users, 3 originals; " in done.stdout
    assert "written and read back in" in done.stdout
    done = command(backup_command, file, "--force", "--json")
    told = json.loads(done.stdout)
    assert told["bytes"] == file.stat().st_size
    assert (told["documents"], told["missing"], told["schema_version"]) == (3, [], HEAD)
    done = command(restore_command, file, "--check")
    assert (done.exit_code, "is whole" in done.stdout) == (0, True)
    assert json.loads(command(restore_command, file, "--check", "--json").stdout)["passages"] == 5
    done = command(restore_command, file, home=tmp_path / "new")
    assert done.exit_code == 0, done.output
    assert "Everybody must log in again" in done.stdout


def test_replacing_asks_and_only_yes_replaces(file, tmp_path, command):
    other = tmp_path / "other"
    with opened(other) as home:
        home.publish("/other.txt", "Other text.")
        before = home.state()
    for answer in ("n\n", "\n", ""):
        done = command(restore_command, file, "--replace", home=other, answer=answer)
        assert done.exit_code == 130
        assert "holds 1 documents and 0 users. Replace all of it" in done.stderr
        assert "nothing was changed" in done.stderr
        with opened(other) as home:
            assert home.state() == before
    done = command(restore_command, file, "--replace", home=other, answer="y\n")
    assert done.exit_code == 0
    with opened(other) as home:
        assert home.state() == hashes_of(TEXTS)
        home.publish("/other.txt", "Other text.")
    done = command(restore_command, file, "--replace", "--yes", "--json", home=other)
    assert json.loads(done.stdout)["documents"] == 3


def test_stopping_is_said(assay, tmp_path, command, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    done = command(backup_command, tmp_path / "whole.backup")
    monkeypatch.setattr("app.backup.copy_database", interrupted)
    done = command(backup_command, tmp_path / "a.backup")
    assert done.exit_code == 130
    assert "no backup was written" in done.stderr
    assert not (tmp_path / "a.backup").exists()
    monkeypatch.setattr("app.restore.read_backup", interrupted)
    done = command(restore_command, tmp_path / "whole.backup", home=tmp_path / "new")
    assert done.exit_code == 130
    assert "nothing was changed" in done.stderr


def test_a_file_that_is_not_there_is_an_error_of_one_line(tmp_path, command):
    done = command(restore_command, tmp_path / "nothing")
    assert isinstance(done.exception, AppError)
    assert "name a backup" in str(done.exception)
