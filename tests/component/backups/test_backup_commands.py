"""What `assay backup` and `assay restore` say and ask."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.backup import backup as backup_command
from app.cli.backup import restore as restore_command
from app.cli.terminal import Terminal
from app.errors import AppError
from app.migrations import HEAD
from tests.component.backups.homes import TEXTS, hashes_of, opened


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
