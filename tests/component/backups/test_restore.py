"""`assay restore`: which homes it puts a backup in the place of, and of which versions."""

import shutil
import sqlite3
from contextlib import contextmanager
from pathlib import Path

import pytest

import app.migrations
from app.errors import BackupRefused, HomeInUse, HomeNotEmpty
from app.migrations import HEAD
from app.occupancy import HomeUse
from tests.component.backups.homes import TEXTS, Store, check, hashes_of, opened, restore, rows_of


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
