"""Whatever happens to an ingestion, the rerun completes it: nothing is missing, nothing double."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from app.bootstrap import Assay
from app.cli.main import _is_disk_full
from app.job_worker import make_and_work
from app.settings import Settings
from ingestion.jobs.store import JobStore
from ingestion.jobs.types import Command, JobState, Source, SourceKind
from ingestion.jobs.work import JobWork
from ingestion.pipeline import Ingester
from retrieval.database import damage_of, open_database
from retrieval.errors import StoreBusy
from tests.component.library import Library, opened
from tests.fakes import PlainReader, WordEncoder

PATIENCE_SECONDS = 120
FILES = 30
_spawn = multiprocessing.get_context("spawn")


def source_of(folder: Path, **options) -> Source:
    return Source(SourceKind.PATHS, paths=(str(folder),), **options)


def write(folder: Path, count: int = FILES, words: int = 400) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        (folder / f"f{number:03}.txt").write_text(f"Text {number}. " * words)


def work(library: Library, folder: Path, **options) -> JobState:
    jobs = JobStore(library.engine)
    collection = library.store.ensure_collection("docs")
    job = jobs.create(collection, source_of(folder, **options)).job
    return worked_on(library, job.id)


def worked_on(library: Library, job_id: int) -> JobState:
    jobs = JobStore(library.engine)
    ingester = Ingester(library.store, lambda: library.encoder, PlainReader())
    return JobWork(jobs, library.store, ingester).run(job_id).state


def assert_whole(home: Path, folder: Path) -> None:
    """Each file is one document; each passage is there once, with its vector and its words."""
    assert damage_of(home / "assay.db") is None
    with closing(sqlite3.connect(home / "assay.db")) as sql:
        paths = [path for (path,) in sql.execute("SELECT path FROM documents ORDER BY path")]
        assert paths == sorted(str(path) for path in folder.iterdir())
        [(passages, distinct)] = sql.execute(
            "SELECT count(*), count(DISTINCT document_id || ' ' || start) FROM passages"
        )
        [(vectors,)] = sql.execute("SELECT count(*) FROM vectors")
        [(words,)] = sql.execute(
            "SELECT count(*) FROM passages_lexical WHERE passages_lexical MATCH 'text'"
        )
        assert passages == distinct == vectors == words
        rows = sql.execute(
            "SELECT documents.path, sum(length(passages.text)) FROM passages JOIN documents"
            " ON documents.id = passages.document_id GROUP BY 1"
        )
        lengths = dict(rows.fetchall())
    assert lengths == {str(path): len(path.read_text()) for path in folder.iterdir()}


def ingest_when_told(home: Path, folder: Path, together, outcome) -> None:
    """A process of its own: as `assay ingest` does."""
    assay = Assay(Settings(home=home))
    assay.__dict__["_encoder"] = WordEncoder()
    assay.__dict__["ingester"] = lambda: Ingester(assay.store, lambda: assay.encoder, PlainReader())
    together.wait(PATIENCE_SECONDS)
    collection = assay.store.ensure_collection("docs")
    job = make_and_work(assay, collection, source_of(folder), on_written=lambda _: None)
    outcome.put((job.state.value, assay.jobs.progress(job.id).files_done, job.unchanged))
    assay.close()


def test_two_ingestions_of_one_folder_at_once(tmp_path):
    home, folder = tmp_path / "home", tmp_path / "files"
    write(folder)
    together, outcome = _spawn.Barrier(2), _spawn.Queue()
    processes = [
        _spawn.Process(target=ingest_when_told, args=(home, folder, together, outcome))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    ended = [outcome.get(timeout=PATIENCE_SECONDS) for _ in processes]
    for process in processes:
        process.join(PATIENCE_SECONDS)
        assert process.exitcode == 0
    assert all((state, done + same) == ("done", FILES) for state, done, same in ended)
    assert_whole(home, folder)


@contextmanager
def locked(database: Path):
    """Another process holds the write lock for as long as the context lasts."""
    code = (
        "import sqlite3, sys; sql = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "sql.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.communicate(timeout=PATIENCE_SECONDS)


class LocksOnce(WordEncoder):
    """Has the database locked by somebody else in the middle of a run."""

    def __init__(self, database: Path) -> None:
        super().__init__()
        self.database = database
        self.held = None

    def encode(self, texts, *, on_progress=None):
        if self.held is None and texts and "Text 20" in "".join(texts):
            self.held = locked(self.database)
            self.held.__enter__()
        return super().encode(texts, on_progress=on_progress)


def test_a_database_that_is_locked_too_long_stops_the_run_and_the_next_completes_it(
    tmp_path, monkeypatch
):
    home, folder = tmp_path / "home", tmp_path / "files"
    write(folder)
    patient = partial(open_database, busy_timeout_seconds=0.2)
    monkeypatch.setattr("tests.component.library.open_database", patient)
    encoder = LocksOnce(home / "assay.db")
    with opened(home, encoder) as library:
        with pytest.raises(StoreBusy, match="wait for it to end and run the command again"):
            work(library, folder)
        assert encoder.held is not None
        jobs = JobStore(library.engine)
        [left] = jobs.jobs()
        assert left.state is JobState.RUNNING  # not even that it failed could be written down
        encoder.held.__exit__(None, None, None)
        before = len(library.store.known_files(library.store.collection("docs")))
        assert 0 < before < FILES
        assert worked_on(library, left.id) is JobState.DONE
        assert work(library, folder) is JobState.DONE
    assert_whole(home, folder)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a few MB, which can be made larger; only root may have one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_stops_the_run_and_the_next_completes_it(tmp_path, small_disk):
    home, folder = small_disk / "home", tmp_path / "files"
    write(folder, words=3_000)
    with opened(home) as library:
        collection = library.store.ensure_collection("docs")
        job = JobStore(library.engine).create(collection, source_of(folder)).job
        with pytest.raises(Exception, match=r"full|No space") as stopped:
            worked_on(library, job.id)
        assert _is_disk_full(stopped.value)
        assert len(library.store.known_files(collection)) < FILES
    assert damage_of(home / "assay.db") is None
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    with opened(home) as library:
        jobs = JobStore(library.engine)
        if jobs.job(job.id).state is JobState.FAILED:
            jobs.command(job.id, Command.RETRY)
        assert worked_on(library, job.id) is JobState.DONE
        assert jobs.progress(job.id).files_done == FILES
    assert_whole(home, folder)


def test_a_clock_that_goes_backwards_changes_nothing(tmp_path, monkeypatch):
    home, folder = tmp_path / "home", tmp_path / "files"
    write(folder, count=6)
    moments = (datetime(2030, 1, 1) - timedelta(days=number) for number in range(10_000))  # noqa: DTZ001 - as SQL keeps it
    for module in ("retrieval.store", "ingestion.jobs.store"):
        monkeypatch.setattr(f"{module}._now", lambda: next(moments))
    with opened(home) as library:
        assert work(library, folder) is JobState.DONE
        (folder / "f000.txt").unlink()
        (folder / "new.txt").write_text("Text that is new.")
        assert work(library, folder, sync=True) is JobState.DONE
        hits = library.searcher.search("new", readable=library.everything())
        assert hits[0].document.name == "new.txt"
        first, second = reversed(JobStore(library.engine).jobs())
        assert (first.id, second.id) == (1, 2)
        assert (second.unchanged, second.removed) == (5, 1)
        assert second.created_at < first.created_at
    assert_whole(home, folder)
