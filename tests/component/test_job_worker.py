"""Who works on jobs: one process at a time, whoever tries and whoever is killed."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.bootstrap import Assay
from app.cli.documents import ingest as ingest_command
from app.cli.job_text import report_of
from app.cli.jobs import jobs as jobs_command
from app.cli.terminal import Terminal
from app.job_worker import (
    JobLocks,
    has_work,
    job_worker,
    make_and_work,
    sweep_staging,
    taken,
    work_and_wait,
    work_through,
)
from app.settings import Settings
from app.upkeep import examine
from ingestion.jobs.types import Command, JobState, NewItem, Source, SourceKind
from tests.fakes import WordEncoder


@pytest.fixture
def assay(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    assay = Assay(Settings(home=tmp_path / "home"))
    assay.__dict__["_encoder"] = WordEncoder()
    yield assay
    assay.close()


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("Some words.")
    (tmp_path / "files" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)))
    return tmp_path / "files"


def source_of(folder: Path) -> Source:
    return Source(SourceKind.PATHS, paths=(str(folder),))


def upload(assay: Assay, text: str = "Uploaded words.") -> int:
    with assay.staging.arriving() as arriving:
        with arriving.next_file() as (path, out):
            out.write(text.encode())
        source = Source(SourceKind.UPLOAD, staging=arriving.name)
        item = NewItem("upload:/a.txt", "a.txt", len(text), str(path))
        collection = assay.store.ensure_collection("docs")
        job = assay.jobs.create(collection, source, [item]).job
        arriving.keep()
    return job.id


def test_an_ingestion_at_the_command_line_is_a_job(assay, folder):
    told = []
    job = make_and_work(
        assay, assay.store.ensure_collection("docs"), source_of(folder), on_written=told.append
    )
    assert job.state is JobState.DONE
    assert told
    report = report_of(assay, job)
    assert (report.added, report.rejected, report.passages_embedded) == (1, 1, 1)
    assert [Path(path).name for path in report.reasons] == ["bad.jpg"]
    assert assay.vectors.problem() is None  # saved
    assert not list((assay.settings.home / "jobs").glob("job-*"))


def test_ctrl_c_cancels_the_job_and_keeps_what_was_finished(assay, folder):
    class Interrupted(WordEncoder):
        def encode(self, texts, *, on_progress=None):
            raise KeyboardInterrupt

    assay.__dict__["_encoder"] = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        make_and_work(
            assay,
            assay.store.ensure_collection("docs"),
            source_of(folder),
            on_written=lambda _: None,
        )
    [job] = assay.jobs.jobs()
    assert job.state is JobState.CANCELLED
    assert not has_work(assay.jobs, assay.settings.home)


def test_a_job_is_worked_on_by_one_and_passed_over_by_the_others(assay):
    first, second = upload(assay), upload(assay, "Other words.")
    home = assay.settings.home
    with taken(assay.jobs, home, frozenset()) as ours:
        assert ours == first
        with taken(assay.jobs, home, frozenset()) as theirs:
            assert theirs == second
            assert not has_work(assay.jobs, home)
            with taken(assay.jobs, home, frozenset()) as nobodys:
                assert nobodys is None
        assert has_work(assay.jobs, home)
    with taken(assay.jobs, home, frozenset([first])) as passed_on:
        assert passed_on == second


def test_a_worker_does_all_that_waits_and_forgets_uploaded_bytes(assay):
    numbers = [upload(assay), upload(assay, "Other words.")]
    worked = work_through(assay)
    assert [job.id for job in worked.ended] == numbers
    assert (worked.failed, worked.stuck) == ([], [])
    assert list(assay.staging._folder.iterdir()) == []
    [hit] = assay.searcher.search("words", readable=assay.access.everything(), k=5)
    assert hit.passage.text == "Other words."


def test_one_job_that_fails_does_not_keep_the_others(assay):
    class FailsOnce(WordEncoder):
        def encode(self, texts, *, on_progress=None):
            if not self.calls:
                self.calls += 1
                raise OSError(28, "No space left on device")
            return super().encode(texts, on_progress=on_progress)

    assay.__dict__["_encoder"] = FailsOnce()
    first, second = upload(assay), upload(assay, "Other words.")
    worked = work_through(assay)
    assert [job.id for job in worked.failed] == [first]
    assert worked.failed[0].reason == "No space left on device"
    assert [job.id for job in worked.ended] == [second]


def test_a_job_whose_failure_cannot_be_written_down_is_not_tried_in_a_circle(assay, monkeypatch):
    number = upload(assay)

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(assay.jobs), "fail", full)
    monkeypatch.setattr(type(assay.jobs), "items", full)
    assert work_through(assay).stuck == [number]
    assert work_and_wait(assay, wait_seconds=0).stuck == [number]
    monkeypatch.undo()
    assert [job.id for job in work_through(assay).ended] == [number]


def test_bytes_of_rejected_uploads_stay_for_another_try_and_orphans_go(assay):
    number = upload(assay, " ")
    work_through(assay)
    assert sweep_staging(assay) == 0
    [item] = assay.jobs.items(number).items
    assert Path(item.location).read_text() == " "
    assay.jobs.command(number, Command.RETRY, rejected=True)
    work_through(assay)
    assert assay.jobs.items(number).items[0].attempts == 2
    assay.database.dispose()
    with assay.staging.arriving() as arriving, arriving.next_file():
        arriving.keep()
    left = next(one for one in examine(assay, repair=False) if one.check == "left-overs")
    assert "1 uploads that no job refers to" in left.detail
    assert sweep_staging(assay) == 1


def test_the_server_starts_a_child_when_there_is_work(assay):
    worker = job_worker(assay.jobs, assay.settings.home)
    started = []

    def start():
        started.append(1)
        for number in assay.jobs.workable():
            assay.jobs.command(number, Command.CANCEL)
        return subprocess.Popen([sys.executable, "-c", ""])

    worker._start = start
    assert worker._look() == 0
    assert started == []
    upload(assay)
    assert worker._look() == 0
    assert started == [1]


def test_the_locks_of_jobs_and_of_others_are_apart(tmp_path):
    locks = JobLocks(tmp_path)
    with ExitStack() as held:
        with locks.choosing():
            assert held.enter_context(locks.held(1))
        assert locks.is_held(1)
        assert not locks.is_held(2)
    assert not locks.is_held(1)


# The command line


def run(*arguments: str):
    terminal = Terminal()
    return CliRunner().invoke(jobs_command, arguments, obj=terminal, catch_exceptions=False)


def test_jobs_are_listed_and_shown(assay, folder):
    assert run("list").output == "no jobs\n"
    job = make_and_work(
        assay,
        assay.store.ensure_collection("docs"),
        source_of(folder),
        on_written=lambda _: None,
    )
    listed = run("list").output
    assert f"{job.id}  done  docs  {folder}" in listed
    assert "2 of 2 files" in listed
    assert "1 indexed, 1 rejected" in listed
    shown = run("show", str(job.id)).output
    assert "added  a.txt" in shown
    assert "rejected  bad.jpg" in shown
    only = json.loads(run("show", str(job.id), "--state", "rejected", "--json").output)
    assert (only["total"], only["items"][0]["name"]) == (1, "bad.jpg")
    assert only["items"][0]["path"] == str(folder / "bad.jpg")
    assert only["paths"] == [str(folder)]
    assert json.loads(run("list", "--state", "failed", "--json").output) == {"jobs": []}


def test_a_job_whose_process_is_gone_is_told_apart_from_one_that_is_worked_on(assay, folder):
    job = assay.jobs.create(assay.store.ensure_collection("docs"), source_of(folder)).job
    assay.jobs.begin(job.id)

    def listed() -> str:
        return CliRunner().invoke(jobs_command, ["list"], obj=Terminal()).output

    locks = JobLocks(assay.settings.home)
    with ExitStack() as held:
        with locks.choosing():
            held.enter_context(locks.held(job.id))
        assert "nobody works on it" not in listed()
    assert "nobody works on it: the process that did has ended" in listed()
    work_through(assay)
    assert "nobody works on it" not in listed()


def test_jobs_are_commanded(assay):
    number = str(upload(assay))
    assert "paused" in run("pause", number).output
    assert "queued" in run("resume", number).output
    assert "cancelled" in run("cancel", number).output
    assert "queued" in run("retry", number, "--rejected").output


def test_a_dry_run_says_what_would_be_done_by_which_rule_and_does_nothing(assay, folder):
    make_and_work(
        assay, assay.store.ensure_collection("docs"), source_of(folder), on_written=lambda _: None
    )
    (folder / "a.txt").unlink()
    (folder / "new.txt").write_text("New.")
    (folder / "x.tmp").write_text("Temporary.")
    (folder / ".assayignore").write_text("# ours\nx.*\n")
    options = [str(folder), "--sync", "--exclude", "*.jpg", "--dry-run"]

    def dry(*more: str) -> str:
        return (
            CliRunner()
            .invoke(ingest_command, [*options, *more], obj=Terminal(), catch_exceptions=False)
            .output
        )

    told = json.loads(dry("--collection", "docs", "--json"))
    assert told == {
        "add": [str(folder / "new.txt")],
        "change": [],
        "remove": [str(folder / "a.txt")],
        "ignore": {
            str(folder / "bad.jpg"): "left out by --exclude '*.jpg'",
            str(folder / "x.tmp"): "ignored by .assayignore, line 2: x.*",
        },
        "reject": {},
        "fail": {},
        "unchanged": 0,
    }
    shown = dry("--collection", "not there yet")
    assert f"  ignore  {folder / 'x.tmp'}: ignored by .assayignore, line 2: x.*" in shown
    assert "1 to add, 2 to ignore, 0 unchanged; nothing was done" in shown
    assert [one.name for one in assay.store.collections()] == ["docs"]
    assert len(assay.jobs.jobs()) == 1
