"""Jobs: durable whatever happens, commanded by anybody, worked on by one."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from ingestion.errors import JobRefused, TooManyRemoved, UnknownJob
from ingestion.jobs.store import KEPT_JOBS, MOST_ATTEMPTS, JobStore
from ingestion.jobs.types import (
    Command,
    ItemState,
    Job,
    JobState,
    NewItem,
    Source,
    SourceKind,
)
from ingestion.jobs.work import JobWork
from ingestion.pipeline import Ingester
from ingestion.sandbox import ReaderProcess
from tests.component.library import Library, opened
from tests.fakes import PlainReader, WordEncoder

PATIENCE_SECONDS = 60
LONG = "\n\n".join(f"Paragraph {i} " + "filler " * 50 for i in range(140))  # 140 passages
_spawn = multiprocessing.get_context("spawn")


class Desk:
    """Jobs over one home folder, with what works on them."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.jobs = JobStore(library.engine)
        self.docs = library.store.ensure_collection("docs")

    def make(self, *paths: Path, **options) -> Job:
        source = Source(SourceKind.PATHS, paths=tuple(map(str, paths)), **options)
        return self.jobs.create(self.docs, source).job

    def upload(self, folder: Path, **files: str) -> Job:
        items = []
        for number, (name, text) in enumerate(files.items()):
            path = folder / f"{number:06}"
            path.write_text(text)
            items.append(NewItem(f"upload:/{name}.txt", f"{name}.txt", len(text), str(path)))
        return self.jobs.create(self.docs, Source(SourceKind.UPLOAD), items).job

    def work(self, job: Job, *, reader=None, encoder=None, on_written=lambda _: None) -> Job:
        chosen = encoder or self.library.encoder
        ingester = Ingester(self.library.store, lambda: chosen, reader or PlainReader())
        work = JobWork(self.jobs, self.library.store, ingester)
        return work.run(job.id, on_written=on_written)

    def states(self, job: Job) -> dict[str, str]:
        return {
            Path(item.name).stem: item.change or item.state.value
            for item in self.jobs.items(job.id).items
        }


@pytest.fixture
def desk(tmp_path):
    with opened(tmp_path / "home") as library:
        yield Desk(library)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)


def test_every_file_of_a_folder_has_its_fate(desk, folder):
    write(folder, a="A.", same="Same.", crash="CRASH", blank=" ")
    desk.work(desk.make(folder / "same.txt"))
    job = desk.make(folder, folder / "nowhere.txt")
    assert (job.state, job.is_listed) == (JobState.QUEUED, False)
    job = desk.work(job)
    assert (job.state, job.unchanged, job.removed) == (JobState.DONE, 1, 0)
    assert job.finished_at is not None
    assert desk.states(job) == {
        "a": "added", "crash": "failed", "blank": "rejected", "nowhere": "failed"
    }  # fmt: skip
    items = {Path(item.name).stem: item for item in desk.jobs.items(job.id).items}
    assert items["a"].passages == 1
    assert items["a"].attempts == items["crash"].attempts == 1
    assert items["a"].seconds is not None
    assert items["nowhere"].reason == "No such file or directory"
    assert "brought the reader down" in items["crash"].reason
    far = desk.jobs.progress(job.id)
    assert (far.files_done, far.files_total, far.passages) == (4, 4, 1)


def test_nothing_to_do_is_done(desk, folder):
    job = desk.work(desk.make(folder))
    assert job.state is JobState.DONE
    assert desk.jobs.progress(job.id).files_total == 0
    assert desk.work(job) == job  # who comes too late changes nothing


def test_a_sync_removes_and_a_mass_removal_fails_the_job(desk, folder):
    write(folder, **{f"f{i}": f"Text {i}." for i in range(5)})
    desk.work(desk.make(folder))
    (folder / "f0.txt").unlink()
    assert desk.work(desk.make(folder, sync=True)).removed == 1
    for i in range(1, 4):
        (folder / f"f{i}.txt").unlink()
    job = desk.make(folder, sync=True)
    with pytest.raises(TooManyRemoved):
        desk.work(job)
    failed = desk.jobs.job(job.id)
    assert failed.state is JobState.FAILED
    assert "remove 3 of 4 documents" in failed.reason
    assert desk.jobs.workable() == []


def test_failed_files_are_tried_again_and_rejected_ones_on_demand(desk, folder):
    write(folder, a="A.", crash="CRASH", blank=" ")
    job = desk.work(desk.make(folder))
    write(folder, crash="It works now.", blank="There is something.")
    job = desk.jobs.command(job.id, Command.RETRY)
    assert (job.state, job.finished_at) == (JobState.QUEUED, None)
    job = desk.work(job)
    assert desk.states(job) == {"a": "added", "crash": "added", "blank": "rejected"}
    assert [item.attempts for item in desk.jobs.items(job.id).items] == [1, 1, 2]
    job = desk.work(desk.jobs.command(job.id, Command.RETRY, rejected=True))
    assert desk.states(job) == {"a": "added", "crash": "added", "blank": "added"}
    assert desk.jobs.command(job.id, Command.RETRY).state is JobState.DONE  # nothing failed


@pytest.mark.parametrize("command", [Command.PAUSE, Command.CANCEL])
def test_a_job_stops_between_files_and_goes_on(desk, folder, command):
    write(folder, **{f"f{i}": LONG + str(i) for i in range(12)})
    job = desk.make(folder)

    class Commands(WordEncoder):
        def encode(self, texts, *, on_progress=None):
            desk.jobs.command(job.id, command)
            time.sleep(0.6)  # longer than the time between two looks
            return super().encode(texts, on_progress=on_progress)

    stopped = desk.work(job, encoder=Commands())
    assert stopped.state.value == {"pause": "paused", "cancel": "cancelled"}[command.value]
    states = desk.states(job)
    assert set(states.values()) == {"added", "queued"}  # nothing is left half-way
    assert desk.work(job).state is stopped.state  # not worked on until it is let go on
    back = Command.RESUME if command is Command.PAUSE else Command.RETRY
    assert desk.jobs.command(job.id, back).state is JobState.QUEUED
    assert desk.work(job).state is JobState.DONE
    assert set(desk.states(job).values()) == {"added"}
    assert len(desk.library.store.known_files(desk.docs)) == 12


def test_a_job_that_has_ended_is_not_paused(desk, folder):
    job = desk.work(desk.make(folder))
    with pytest.raises(JobRefused):
        desk.jobs.command(job.id, Command.PAUSE)
    with pytest.raises(UnknownJob, match="there is no job 99"):
        desk.jobs.command(99, Command.PAUSE)


def test_what_breaks_the_work_fails_the_job_and_a_retry_goes_on(desk, folder):
    write(folder, **{f"f{i}": LONG + str(i) for i in range(6)})
    job = desk.make(folder)

    class Full(WordEncoder):
        def encode(self, texts, *, on_progress=None):
            if self.calls:
                raise OSError(28, "No space left on device")
            return super().encode(texts, on_progress=on_progress)

    with pytest.raises(OSError, match="No space left"):
        desk.work(job, encoder=Full())
    failed = desk.jobs.job(job.id)
    assert (failed.state, failed.reason) == (JobState.FAILED, "No space left on device")
    assert set(desk.states(job).values()) == {"added", "queued"}
    desk.jobs.command(job.id, Command.RETRY)
    assert desk.work(job).state is JobState.DONE
    assert set(desk.states(job).values()) == {"added"}


def test_uploads_are_known_by_their_name_and_a_new_one_is_a_new_revision(desk, folder):
    job = desk.work(desk.upload(folder, notes="First words."))
    assert desk.states(job) == {"notes": "added"}
    assert desk.states(desk.work(desk.upload(folder, notes="Second words."))) == {
        "notes": "changed"
    }
    [hit] = desk.library.searcher.search("words", readable=desk.library.everything())
    assert (hit.document.path, hit.passage.text) == ("upload:/notes.txt", "Second words.")


def test_an_upload_that_is_larger_than_any_file_may_be_is_rejected_unread(desk, tmp_path):
    staged = tmp_path / "000000"
    with staged.open("wb") as out:
        out.truncate(300_000_000)
    item = NewItem("upload:/huge.txt", "huge.txt", 300_000_000, str(staged))
    job = desk.jobs.create(desk.docs, Source(SourceKind.UPLOAD), [item]).job
    desk.work(job)
    [item] = desk.jobs.items(job.id).items
    assert item.state is ItemState.REJECTED
    assert "300,000,000 bytes and the limit is" in item.reason


def test_the_same_request_makes_one_job(desk, folder):
    source = Source(SourceKind.PATHS, paths=(str(folder),))
    ada, bob = (desk.library.access.add_user(name).id for name in ("ada", "bob"))
    first = desk.jobs.create(desk.docs, source, principal_id=ada, request_key="k")
    again = desk.jobs.create(desk.docs, source, principal_id=ada, request_key="k")
    other = desk.jobs.create(desk.docs, source, principal_id=bob, request_key="k")
    assert (first.is_new, again.is_new, other.is_new) == (True, False, True)
    assert again.job.id == first.job.id != other.job.id
    assert first.job.started_by == "ada"
    assert desk.jobs.requested(ada, "k") == first.job
    assert desk.jobs.requested(ada, "another") is None


def test_old_jobs_are_forgotten_but_never_one_that_is_not_over(desk, folder):
    waiting = desk.make(folder)
    for _ in range(KEPT_JOBS + 3):
        job = desk.make(folder)
        desk.jobs.command(job.id, Command.CANCEL)
    kept = desk.jobs.jobs()
    assert len(kept) in {KEPT_JOBS + 1, KEPT_JOBS + 2}
    assert kept[-1].id == waiting.id


def test_jobs_are_listed_newest_first_and_by_state(desk, folder):
    ids = [desk.make(folder).id for _ in range(3)]
    desk.jobs.command(ids[1], Command.PAUSE)
    assert [job.id for job in desk.jobs.jobs()] == ids[::-1]
    assert [job.id for job in desk.jobs.jobs(before=ids[2], limit=1)] == [ids[1]]
    assert [job.id for job in desk.jobs.jobs(states=[JobState.PAUSED])] == [ids[1]]
    assert desk.jobs.jobs(collection_ids=[desk.docs.id + 1]) == []
    assert desk.jobs.workable() == [ids[0], ids[2]]


def test_removing_the_collection_removes_its_jobs(desk, folder):
    job = desk.make(folder)
    desk.library.execute(f"DELETE FROM collections WHERE id = {desk.docs.id}")
    with pytest.raises(UnknownJob):
        desk.jobs.job(job.id)


def test_a_job_that_was_left_half_way_ends_when_another_does_the_same(desk, folder, tmp_path):
    left, elsewhere = desk.make(folder), desk.make(tmp_path)
    for job in (left, elsewhere):
        desk.jobs.begin(job.id)
    new = desk.make(folder)
    desk.jobs.supersede(new, [left.id, elsewhere.id])
    assert desk.jobs.job(left.id).state is JobState.CANCELLED
    assert desk.jobs.job(left.id).reason == f"left half-way; job {new.id} goes on with it"
    assert desk.jobs.job(elsewhere.id).state is JobState.RUNNING


# A process that is killed


class Slow(WordEncoder):
    """Says in a file that it has begun to encode its second batch, and then never ends."""

    def encode(self, texts, *, on_progress=None):
        if self.calls:
            Path(os.environ["SIGN"]).touch()
            time.sleep(PATIENCE_SECONDS)
        return super().encode(texts, on_progress=on_progress)


def work_in_process(home: Path, job_id: int) -> None:
    with opened(home) as library:
        desk = Desk(library)
        desk.work(desk.jobs.job(job_id), encoder=Slow())


def killed(desk: Desk, job: Job, tmp_path: Path, monkeypatch) -> None:
    sign = tmp_path / "sign"
    sign.unlink(missing_ok=True)
    monkeypatch.setenv("SIGN", str(sign))
    process = _spawn.Process(target=work_in_process, args=(desk.library.home, job.id))
    process.start()
    until = time.monotonic() + PATIENCE_SECONDS
    while not sign.exists():
        assert time.monotonic() < until
        assert process.is_alive()
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_a_killed_job_is_gone_on_with_and_nothing_is_missing_or_double(
    desk, folder, tmp_path, monkeypatch
):
    write(folder, **{f"f{i}": LONG + str(i) for i in range(8)})
    job = desk.make(folder)
    killed(desk, job, tmp_path, monkeypatch)
    left = desk.jobs.job(job.id)
    assert left.state is JobState.RUNNING
    assert left.id in desk.jobs.workable()
    committed = len(desk.library.store.known_files(desk.docs))
    assert committed == 2  # the first batch
    encoder = WordEncoder()
    assert desk.work(left, encoder=encoder).state is JobState.DONE
    assert set(desk.states(job).values()) == {"added"}
    assert encoder.encoded == 6 * 140  # what was published is not embedded again
    assert desk.jobs.progress(job.id).passages == 8 * 140
    [(passages,)] = desk.library.rows("SELECT count(*) FROM passages")
    assert passages == 8 * 140
    assert desk.library.maintenance.problem() is None


def test_a_file_that_brings_its_process_down_each_time_is_given_up(desk, folder):
    """What a crash leaves is written by hand here: the item is being read, and its attempts."""
    write(folder, a="A.", b="B.")
    job = desk.upload(folder, a="A.", b="B.")
    desk.jobs.begin(job.id)
    for state, attempts, name in (("reading", MOST_ATTEMPTS, "a"), ("embedding", 1, "b")):
        desk.library.execute(
            f"UPDATE ingest_items SET state = '{state}', attempts = {attempts} "
            f"WHERE name = '{name}.txt'"
        )
    assert desk.work(desk.jobs.job(job.id)).state is JobState.DONE
    assert desk.states(job) == {"a": "failed", "b": "added"}
    assert "given up: it was begun 5 times" in desk.jobs.items(job.id).items[0].reason


def test_a_clock_that_goes_back_changes_no_duration(desk, folder, monkeypatch):
    """Durations are by a clock that nobody sets; the wall clock only dates the job."""
    write(folder, **{f"f{i}": f"Text {i}." for i in range(3)})
    job = desk.make(folder)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    job = desk.work(job)
    assert job.state is JobState.DONE
    assert job.active_seconds >= 0
    assert all(item.seconds >= 0 for item in desk.jobs.items(job.id).items)


def test_a_file_that_takes_too_long_is_rejected_and_the_others_come_in(desk, folder):
    write(folder, a="A.", slow="[a](" * 300_000 + "*a **b " * 300_000)
    (folder / "slow.txt").rename(folder / "slow.md")
    ingester = Ingester(
        desk.library.store,
        lambda: desk.library.encoder,
        lambda: ReaderProcess(timeout_seconds=1.5),
    )
    job = desk.make(folder)
    JobWork(desk.jobs, desk.library.store, ingester).run(job.id)
    assert desk.states(job) == {"a": "added", "slow": "rejected"}
    [slow] = desk.jobs.items(job.id, states=[ItemState.REJECTED]).items
    assert "longer than the limit of 1.5 seconds" in slow.reason


def again(desk: Desk, *names: str) -> Job:
    store, items = desk.library.store, []
    for path, known in store.known_files(desk.docs).items():
        if not names or Path(path).stem in names:
            kept = desk.library.originals.path(known.sha256)
            items.append(NewItem(path, Path(path).name, kept.stat().st_size, str(kept)))
    return desk.jobs.create(desk.docs, Source(SourceKind.ORIGINALS), items).job


def test_originals_are_read_again_and_the_new_revision_takes_the_place_of_the_old(desk, folder):
    write(folder, a="The lease ends in May. It is long.", b="Tea.", crash="Cake.")
    desk.work(desk.make(folder))
    before = desk.library.rows("SELECT id, revision_id FROM documents ORDER BY name")
    (folder / "a.txt").unlink()  # the original is what counts
    job = desk.work(again(desk, "a", "b"))
    assert (job.state, desk.states(job)) == (JobState.DONE, {"a": "changed", "b": "changed"})
    after = desk.library.rows("SELECT id, revision_id FROM documents ORDER BY name")
    assert [one[0] for one in after] == [one[0] for one in before]
    assert [new[1] != old[1] for new, old in zip(after, before, strict=True)] == [True, True, False]
    [(passages,)] = desk.library.rows("SELECT count(*) FROM passages")
    assert passages == 3
    found = desk.library.searcher.search("lease", readable=desk.library.everything())
    assert [hit.document.revision_id for hit in found if hit.document.name == "a.txt"] == [
        after[0][1]
    ]


def test_what_cannot_be_read_again_stays_as_it_was(desk, folder):
    write(folder, a="A.", b="B.", c="C.", d="D.")
    desk.work(desk.make(folder))
    before = desk.library.rows("SELECT id, revision_id FROM documents ORDER BY name")
    job = again(desk)
    assert desk.jobs.reading_again(desk.docs, str(folder / "a.txt")) == job
    # Meanwhile one is damaged, one is deleted, and one is brought in with other bytes.
    known = desk.library.store.known_files(desk.docs)
    desk.library.originals.path(known[str(folder / "a.txt")].sha256).write_bytes(b"other bytes")
    desk.library.remove("docs", str(folder / "b.txt"))
    write(folder, c="C, newer.")
    desk.work(desk.make(folder / "c.txt"))
    job = desk.work(job)
    assert desk.states(job) == {"a": "failed", "b": "failed", "c": "failed", "d": "changed"}
    reasons = {item.name: item.reason for item in desk.jobs.items(job.id).items}
    assert "deleted or changed meanwhile, or its original is damaged" in reasons["a.txt"]
    assert reasons["b.txt"] == "No such file or directory"
    texts = [row[0] for row in desk.library.rows("SELECT text FROM passages ORDER BY text")]
    assert texts == ["A.", "C, newer.", "D."]
    assert desk.library.rows("SELECT id, revision_id FROM documents ORDER BY name")[0] == before[0]
    assert desk.jobs.reading_again(desk.docs, str(folder / "a.txt")) is None


def test_reading_again_that_was_killed_is_done_once_more(desk, folder, tmp_path, monkeypatch):
    write(folder, **{f"f{i}": LONG + str(i) for i in range(4)})
    desk.work(desk.make(folder))
    job = again(desk)
    killed(desk, job, tmp_path, monkeypatch)
    assert desk.work(desk.jobs.job(job.id)).state is JobState.DONE
    assert set(desk.states(job).values()) == {"changed"}
    [(passages,)] = desk.library.rows("SELECT count(*) FROM passages")
    assert passages == 4 * 140
    assert desk.library.maintenance.problem() is None
