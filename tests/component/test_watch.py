"""A folder is followed: what has come to rest comes in, and nothing goes because a disk went."""

import shutil
import time
from pathlib import Path

import pytest

from app.bootstrap import Assay
from app.errors import CommandFailed
from app.mounts import disks_below, is_remote
from app.settings import Settings
from app.watch import FolderWatch, Watching, changes_in
from app.watch_locks import following
from ingestion.jobs.types import Command, Job, JobState, Source, SourceKind
from ingestion.pipeline import Ingester
from ingestion.watching import SETTLE_SECONDS, FilesOverTime, FolderMark
from tests.fakes import PlainReader, WordEncoder

PATIENCE_SECONDS = 60


class Clock:
    """Stands still unless told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Story:
    """A watch, its folder, and what it told."""

    def __init__(self, assay: Assay, folder: Path) -> None:
        self.assay, self.folder = assay, folder
        self.clock = Clock()
        self.told: list[Watching] = []
        self.disks: frozenset[str] = frozenset()
        self.collection = assay.store.ensure_collection("docs")

    def begin(self, **options) -> FolderWatch:
        source = Source(SourceKind.PATHS, paths=(str(self.folder),), **options)
        # As if all that is there had been written long ago.
        files = FilesOverTime(clock=self.clock, now=lambda: time.time() + 1000)
        self.watch = FolderWatch(
            self.assay,
            self.collection,
            source,
            tell=self.told.append,
            files=files,
            clock=self.clock,
            disks=lambda _: self.disks,
        )
        self.watch.step(has_changed=False)
        return self.watch

    def step(self, *, seconds: float = SETTLE_SECONDS, has_changed: bool = False) -> None:
        self.clock.seconds += seconds
        self.watch.step(has_changed=has_changed)

    def changed(self) -> None:
        """Tell of a change and let the files come to rest."""
        self.step(seconds=0, has_changed=True)
        self.step()

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / f"{name}.txt").write_text(text)

    @property
    def names(self) -> list[str]:
        return sorted(Path(path).name for path in self.assay.store.known_files(self.collection))

    @property
    def jobs(self) -> list[Job]:
        return [one.job for one in self.told if one.job]

    @property
    def troubles(self) -> list[str]:
        return [one.text for one in self.told if one.is_trouble]


@pytest.fixture
def story(tmp_path):
    (tmp_path / "files").mkdir()
    assay = Assay(Settings(home=tmp_path / "home"))
    assay.__dict__["_encoder"] = WordEncoder()
    # A reader's process takes a second to start: each job of these would.
    assay.__dict__["ingester"] = lambda take: Ingester(
        assay.store, lambda: assay.encoder, PlainReader(), take=take
    )
    yield Story(assay, tmp_path / "files")
    assay.close()


def test_the_first_step_catches_up_and_changes_come_in_as_jobs(story):
    story.write(a="A.", blank=" ")
    story.begin()
    assert story.names == ["a.txt"]
    story.step(seconds=1000)
    assert len(story.jobs) == 1  # nothing new: no job, and what was rejected is not tried again
    story.write(b="B.", a="A, changed.")
    story.changed()
    story.step(seconds=1000)
    _first, second = story.jobs
    assert second.state is JobState.DONE
    items = story.assay.jobs.items(second.id).items
    assert [(item.name, item.change) for item in items] == [
        ("a.txt", "changed"),
        ("b.txt", "added"),
    ]
    story.write(blank="Something now.")
    story.changed()
    assert story.names == ["a.txt", "b.txt", "blank.txt"]
    assert story.troubles == []


def test_a_file_waits_until_it_is_no_longer_written(story):
    story.begin()
    story.write(slow="One")
    story.step(seconds=0, has_changed=True)
    story.step(seconds=SETTLE_SECONDS / 2)
    assert story.names == []
    story.write(slow="One two")
    story.step(seconds=SETTLE_SECONDS / 2)
    assert story.names == []  # it has changed again
    story.step()
    assert story.names == ["slow.txt"]
    assert len(story.jobs) == 2


def test_a_step_without_a_reason_does_not_look(story):
    story.begin()
    story.step()
    story.write(a="A.")
    story.step(seconds=0)
    assert not story.watch._is_restless
    story.step(seconds=60)  # the file system may have told nothing
    story.step()
    assert story.names == ["a.txt"]


def test_a_renamed_file_moves_and_a_deleted_one_goes_with_sync(story):
    story.write(**{f"f{i}": f"Text {i}." for i in range(6)})
    story.begin(sync=True)
    for i in range(3):  # half of all documents, which is no mass removal
        (story.folder / f"f{i}.txt").rename(story.folder / f"moved{i}.txt")
    story.step(seconds=0, has_changed=True)
    assert story.names == [f"f{i}.txt" for i in range(6)]  # not gone before it is back
    story.step()
    assert story.names == ["f3.txt", "f4.txt", "f5.txt", "moved0.txt", "moved1.txt", "moved2.txt"]
    assert len(story.jobs) == 2
    (story.folder / "f3.txt").unlink()
    story.changed()
    assert "f3.txt" not in story.names
    assert story.jobs[-1].removed == 1


def test_a_file_that_is_always_written_does_not_keep_the_others_from_going(story):
    story.write(**{f"f{i}": f"Text {i}." for i in range(6)})
    story.begin(sync=True)
    (story.folder / "f0.txt").unlink()
    for second in range(40):
        story.write(log=f"Line {second}." * second)
        story.step(seconds=1, has_changed=True)
    assert story.names == [f"f{i}.txt" for i in range(1, 6)]


@pytest.mark.parametrize("way", ["removed", "unmounted"])
def test_nothing_goes_because_the_folder_went(story, way):
    story.write(**{f"f{i}": f"Text {i}." for i in range(6)})
    story.begin(sync=True, allow_mass_removal=True)
    away = story.folder.with_name("away")
    story.folder.rename(away)
    if way == "unmounted":  # an empty folder, with another number
        story.folder.mkdir()
    for _ in range(3):
        story.step(has_changed=True)
    assert len(story.names) == 6
    [trouble] = story.troubles
    assert ("not there" if way == "removed" else "another folder") in trouble
    if way == "unmounted":
        story.write(new="New things come in all the same.")
        story.changed()
        assert "new.txt" in story.names
        shutil.rmtree(story.folder)
    away.rename(story.folder)
    (story.folder / "f0.txt").unlink()
    story.changed()
    assert story.told[-1].text == "goes on"
    assert story.names == [f"f{i}.txt" for i in range(1, 6)]


def test_nothing_goes_because_a_disk_below_the_folder_went(story):
    story.write(**{f"f{i}": f"Text {i}." for i in range(9)})
    disk = story.folder / "disk"
    disk.mkdir()
    (disk / "on.txt").write_text("On the disk.")
    story.disks = frozenset({str(disk)})
    story.begin(sync=True)
    (disk / "on.txt").unlink()  # an empty folder is left where it was mounted
    story.disks = frozenset()
    (story.folder / "f0.txt").unlink()
    for _ in range(3):
        story.changed()
    assert story.names == [*(f"f{i}.txt" for i in range(1, 9)), "on.txt"]
    [trouble] = story.troubles
    assert trouble.startswith(f"no longer mounted: {disk};")
    story.disks = frozenset({str(disk)})
    story.changed()
    assert "goes on" in [one.text for one in story.told[-2:]]
    assert story.names == [f"f{i}.txt" for i in range(1, 9)]  # there it is, without the file


def test_too_many_removals_are_told_once_and_what_is_new_comes_in(story):
    story.write(a="A.", b="B.", c="C.")
    story.begin(sync=True)
    (story.folder / "a.txt").unlink()
    story.write(new="New.")
    for _ in range(3):
        story.changed()
    assert story.names == ["a.txt", "b.txt", "c.txt", "new.txt"]
    [trouble] = story.troubles
    assert "remove 1 of " in trouble
    assert "--yes" in trouble


def test_a_job_that_somebody_pauses_holds_the_watch(story):
    class Pauses(WordEncoder):
        def encode(self, texts, *, on_progress=None):
            for job in story.assay.jobs.jobs(states=[JobState.RUNNING]):
                story.assay.jobs.command(job.id, Command.PAUSE)
            return super().encode(texts, on_progress=on_progress)

    story.begin()
    story.assay.__dict__["_encoder"] = Pauses()
    story.write(**{f"f{i}": "Words. " * 5000 for i in range(20)})
    story.changed()
    [paused] = story.assay.jobs.jobs(states=[JobState.PAUSED])
    story.write(other="Other.")
    story.changed()
    assert "other.txt" not in story.names
    story.assay.__dict__["_encoder"] = WordEncoder()
    story.assay.jobs.command(paused.id, Command.CANCEL)
    story.changed()
    assert len(story.names) == 21


def test_only_folders_that_are_there_are_followed(story):
    story.write(a="A.")
    for path in (story.folder / "a.txt", story.folder / "nowhere"):
        source = Source(SourceKind.PATHS, paths=(str(path),))
        with pytest.raises(CommandFailed, match="is no folder"):
            FolderWatch(story.assay, story.collection, source, tell=story.told.append)
        assert FolderMark.of(path) is None


def test_a_folder_is_followed_by_one_process_at_a_time(story, tmp_path):
    home, other = story.assay.settings.home, tmp_path / "other"
    with following(home, story.collection, [story.folder, other]):
        with (
            pytest.raises(CommandFailed, match="files is followed already for collection 'docs'"),
            following(home, story.collection, [story.folder]),
        ):
            pass
        with following(home, story.assay.store.ensure_collection("more"), [story.folder]):
            pass
    with following(home, story.collection, [story.folder]):
        pass


def test_the_file_system_tells_of_changes(tmp_path):
    changes = changes_in([tmp_path])
    assert next(changes) is False
    (tmp_path / "deep").mkdir()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not next(changes):
        assert time.monotonic() < deadline
    changes.close()


@pytest.mark.parametrize(
    ("folder", "is_told_nothing"),
    [
        ("/data/team share/a", True),
        ("/data/local", False),
        ("/home", False),
        ("/mnt/ssh", True),
        ("/mnt", True),
    ],
)
def test_folders_that_other_machines_write_to_are_known(tmp_path, folder, is_told_nothing):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\nnas:/x /data/team\\040share nfs4 rw 0 0\n"
        "me@there: /mnt/ssh fuse.sshfs rw 0 0\n"
    )
    assert is_remote(Path(folder), mounts) is is_told_nothing
    assert not is_remote(Path(folder), tmp_path / "nothing of the kind")
    assert disks_below(Path("/data"), mounts) == {"/data/team share"}
    assert disks_below(Path("/mnt/ssh"), mounts) == frozenset()
