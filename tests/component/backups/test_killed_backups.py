"""kill -9 before any step of a backup or a restore."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from app.upkeep import sweep_left_overs
from tests.component.backups.homes import ROOT, TEXTS, check, hashes_of, opened, restore


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
    code = f"import sys; from {__name__} import drive; drive(*sys.argv[1:])"
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
