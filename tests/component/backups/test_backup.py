"""`assay backup`: what comes back from one, and that nothing else is in it or left behind."""

import stat
import tarfile
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.archive import read_backup
from app.cli.backup import backup as backup_command
from app.cli.terminal import Terminal
from app.errors import CommandFailed
from app.occupancy import scratch_folder
from app.session_secret import session_secret
from app.upkeep import examine, sweep_left_overs
from retrieval.types import Access
from tests.component.backups.homes import (
    PASSWORD,
    PATIENCE_SECONDS,
    SPAWN,
    TEXTS,
    check,
    files_under,
    hashes_of,
    opened,
    restore,
    rows_of,
)
from tests.fakes import ScriptedEngine


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
    ready, stop = SPAWN.Event(), SPAWN.Event()
    writer = SPAWN.Process(target=write_all_the_time, args=(assay.settings.home, ready, stop))
    writer.start()
    try:
        assert ready.wait(PATIENCE_SECONDS)
        made = [assay.backup(tmp_path / f"{i}.backup") for i in range(5)]
    finally:
        stop.set()
        writer.join(PATIENCE_SECONDS)
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
