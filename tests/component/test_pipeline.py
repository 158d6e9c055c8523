"""Files and folders into the store: every file counted once, stopped anywhere, gone on with."""

import os
import time
from pathlib import Path
from threading import get_ident

import pytest

from ingestion.changes import FoundFile
from ingestion.errors import TooManyRemoved
from ingestion.finding import FILE_LIMIT_BYTES
from ingestion.ignoring import Selection
from ingestion.pipeline import Ingester, Progress, Report
from ingestion.types import FileEvent, FileStage
from tests.component.library import Library, opened, texts
from tests.fakes import PlainReader, WordEncoder

LONG = "\n\n".join(f"Paragraph {i} " + "filler " * 50 for i in range(140))  # 140 passages


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path / "home") as library:
        yield library


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@pytest.fixture
def reader() -> PlainReader:
    return PlainReader()


@pytest.fixture
def run(library, folder, reader):
    """Ingest paths (the folder unless given) into the collection "docs"."""
    ingester = Ingester(library.store, lambda: library.encoder, reader)

    def ingest(*paths: Path, **options) -> Report:
        collection = library.store.ensure_collection("docs")
        return ingester.ingest(paths or (folder,), collection=collection, **options)

    return ingest


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)


def known(library: Library) -> list[str]:
    found = library.store.known_files(library.store.collection("docs"))
    return sorted(Path(path).name for path in found)


def counts(report: Report) -> dict[str, int]:
    names = ("added", "changed", "unchanged", "removed", "rejected", "failed")
    return {name: count for name in names if (count := getattr(report, name))}


def test_each_file_of_a_run_counts_once(run, folder, library):
    write(
        folder,
        same="It stays.",
        changes="Old.",
        leaves="It leaves.",
        w="W.",
        x="X.",
        y="Y.",
        z="Z.",
    )
    assert counts(run()) == {"added": 7}
    write(folder, changes="New.", new="It is new.", crash="CRASH now.", blank="  \n")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)))
    (folder / "leaves.txt").unlink()
    report = run(sync=True)
    assert counts(report) == {
        "added": 1, "changed": 1, "unchanged": 5, "removed": 1, "rejected": 2, "failed": 1
    }  # fmt: skip
    assert {Path(path).name for path in report.reasons} == {"photo.jpg", "blank.txt", "crash.txt"}
    assert all(report.reasons.values())
    assert known(library) == [
        "changes.txt",
        "new.txt",
        "same.txt",
        "w.txt",
        "x.txt",
        "y.txt",
        "z.txt",
    ]
    assert report.passages_embedded == 2


@pytest.mark.parametrize("paths", [0, 1, 2])
def test_nothing_to_ingest_is_nothing_done(library, tmp_path, reader, paths):
    for i in range(paths):
        (tmp_path / f"empty{i}").mkdir()
    ingester = Ingester(library.store, lambda: library.encoder, reader)
    folders = [tmp_path / f"empty{i}" for i in range(paths)]
    report = ingester.ingest(folders, collection=library.store.ensure_collection("docs"), sync=True)
    assert counts(report) == {}
    assert reader.opened == 0


def test_a_path_given_in_several_ways_counts_once(run, folder, tmp_path, monkeypatch, library):
    write(folder, a="A.", b="B.")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(folder / "a.txt")
    (tmp_path / "folder link").symlink_to(folder)
    given = [
        folder / "a.txt", folder, folder, Path("files"), Path("files/../files/a.txt"),
        Path("link"), tmp_path / "folder link",
    ]  # fmt: skip
    assert counts(run(*given)) == {"added": 2}
    assert counts(run(*reversed(given))) == {"unchanged": 2}
    assert known(library) == ["a.txt", "b.txt"]


def test_names_are_relative_to_the_folder_given(run, folder, library):
    (folder / "deep" / "er").mkdir(parents=True)
    write(folder / "deep" / "er", a="A text.")
    run()
    hits = library.searcher.search("text", readable=library.everything())
    assert [hit.document.name for hit in hits] == ["deep/er/a.txt"]
    assert hits[0].document.path == str(folder / "deep" / "er" / "a.txt")


def test_a_missing_path_fails_alone_and_once(run, folder):
    write(folder, a="A.")
    report = run(folder / "nowhere.txt", folder, folder / "nowhere.txt")
    assert counts(report) == {"added": 1, "failed": 1}
    assert report.reasons == {str(folder / "nowhere.txt"): "No such file or directory"}


def test_hidden_files_and_links_inside_folders_are_passed_over(run, folder, tmp_path, library):
    outside = tmp_path / "outside"
    (folder / ".git").mkdir()
    outside.mkdir()
    write(outside, secret="Do not follow.")
    write(folder, plain="Plain.")
    write(folder / ".git", config="Hidden.")
    (folder / ".hidden.txt").write_text("Hidden.")
    (folder / "~$plain.docx").write_bytes(b"\x03Ann")
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "dangling.txt").symlink_to(outside / "nothing")
    (folder / "folder link").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    assert counts(run()) == {"added": 1}
    assert known(library) == ["plain.txt"]
    # Given by name they are meant.
    assert counts(run(folder / ".hidden.txt", folder / "link.txt")) == {"added": 2}
    assert known(library) == [".hidden.txt", "plain.txt", "secret.txt"]


def test_files_of_the_same_content_are_documents_of_their_own(run, folder, library):
    write(folder, a="The same text.", b="The same text.")
    assert counts(run()) == {"added": 2}
    assert len(list(library.originals.files())) == 1
    hits = library.searcher.search("same", readable=library.everything())
    assert sorted(hit.document.name for hit in hits) == ["a.txt", "b.txt"]


def test_what_is_no_regular_file_or_too_large_is_rejected_unread(run, folder, reader):
    os.mkfifo(folder / "pipe.txt")
    with (folder / "huge.txt").open("wb") as out:
        out.truncate(FILE_LIMIT_BYTES + 1)
    write(folder, a="A.")
    report = run()
    assert counts(report) == {"added": 1, "rejected": 2}
    assert "neither a file nor a folder" in report.reasons[str(folder / "pipe.txt")]
    assert "209,715,201 bytes" in report.reasons[str(folder / "huge.txt")]
    assert reader.names == ["a.txt"]


def test_a_name_that_is_not_utf8_is_named_and_stops_nothing(run, folder, library):
    write(folder, a="A.", z="Z.")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("Latin-1.")
    for expected in ({"added": 2, "rejected": 1}, {"unchanged": 2, "rejected": 1}):
        report = run(sync=True)
        assert counts(report) == expected
        [(path, reason)] = report.reasons.items()
        assert path.encode().endswith(b"caf\\xe9.txt")
        assert "not UTF-8" in reason
    assert known(library) == ["a.txt", "z.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission_fail_alone(run, folder):
    write(folder, a="A.", b="B.")
    (folder / "a.txt").chmod(0)
    report = run()
    assert counts(report) == {"added": 1, "failed": 1}
    assert report.reasons == {str(folder / "a.txt"): "Permission denied"}


def test_an_unchanged_run_opens_neither_reader_nor_encoder(run, folder, reader, library):
    write(folder, a="A.", b="B.")
    run()
    number, encoded = library.store.change_number(), library.encoder.encoded

    def refuse():
        raise AssertionError("an unchanged run needs no model and no reader")

    unchanged = Ingester(library.store, refuse, refuse)
    report = unchanged.ingest([folder], collection=library.store.collection("docs"), sync=True)
    assert counts(report) == {"unchanged": 2}
    assert report.passages_embedded == 0
    assert (library.store.change_number(), library.encoder.encoded) == (number, encoded)
    assert reader.opened == 1


def test_progress_grows_to_its_end(run, folder):
    write(folder, a="A.", b="CRASH", c="C " * 500, d="")
    told: list[Progress] = []
    run(on_progress=told.append)
    assert [progress.files_done for progress in told] == [1, 2, 3, 4]
    assert [progress.bytes_done for progress in told] == sorted(p.bytes_done for p in told)
    assert (
        told[-1].bytes_done
        == told[-1].bytes_total
        == sum(f.stat().st_size for f in folder.iterdir())
    )


# --sync


def twenty(folder: Path) -> None:
    write(folder, **{f"f{i:02}": f"Text number {i}." for i in range(20)})


def test_sync_removes_only_what_has_gone_from_the_folder(run, folder, tmp_path, library):
    other = tmp_path / "other"
    other.mkdir()
    twenty(folder)
    write(other, elsewhere="Elsewhere.")
    run(folder, other)
    (folder / "f03.txt").unlink()
    (other / "elsewhere.txt").unlink()
    assert counts(run(folder)) == {"unchanged": 19}
    assert counts(run(folder, sync=True)) == {"unchanged": 19, "removed": 1}
    assert "elsewhere.txt" in known(library)
    assert not any(
        "number 3." in text
        for text in texts(library.searcher.search("number 3", readable=library.everything()))
    )


def test_sync_removes_a_fifth_and_refuses_more(run, folder, library):
    twenty(folder)
    run()
    for i in range(4):
        (folder / f"f{i:02}.txt").unlink()
    (folder / "f19.txt").write_text("Changed.")
    assert counts(run(sync=True)) == {"unchanged": 15, "changed": 1, "removed": 4}
    for i in range(4, 8):
        (folder / f"f{i:02}.txt").unlink()
    (folder / "f19.txt").write_text("Changed again.")
    number = library.store.change_number()
    with pytest.raises(TooManyRemoved, match=r"remove 4 of 16 .* 20 %.*--yes"):
        run(sync=True)
    assert library.store.change_number() == number  # not even the changed file was published
    assert counts(run(sync=True, allow_mass_removal=True)) == {
        "unchanged": 11,
        "changed": 1,
        "removed": 4,
    }


def test_a_folder_that_looks_empty_removes_nothing(run, folder, library):
    twenty(folder)
    run()
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(TooManyRemoved, match="20 of 20"):
        run(sync=True)
    folder.rmdir()
    assert counts(run(sync=True)) == {"failed": 1}
    assert len(known(library)) == 20


def test_a_file_that_has_moved_keeps_its_document_and_its_quotes(run, folder, library):
    write(folder, a="The mill is old.", one="Twins.", two="Twins.", stays="It stays.")
    run()

    def ids() -> dict[str, int]:
        found = library.store.known_files(library.store.collection("docs"))
        return {str(Path(path).relative_to(folder)): one.document_id for path, one in found.items()}

    def quoted():
        [hit] = library.searcher.search("mill old", readable=library.everything(), k=1)
        return hit

    before, hit = ids(), quoted()
    (folder / "deep").mkdir()
    for name in ("a", "one"):
        (folder / f"{name}.txt").rename(folder / "deep" / f"{name}.txt")
    (folder / "two.txt").unlink()
    (folder / "deep" / "z.txt").write_text("The mill is old.")  # a copy is a document of its own
    report = run(sync=True, allow_mass_removal=True)
    assert counts(report) == {"changed": 2, "added": 1, "unchanged": 1, "removed": 1}
    after = ids()
    assert after["deep/a.txt"] == before["a.txt"]
    assert after["deep/one.txt"] in {before["one.txt"], before["two.txt"]}
    assert after["deep/z.txt"] not in before.values()
    assert len(after) == 4
    revision = hit.passage.revision_id
    assert library.store.kept_revision(revision).name == "deep/a.txt"
    assert library.store.size_of(after["deep/a.txt"]).revisions == 1
    # Its title is made of its name: that is another revision, and the old one stays readable.
    (folder / "deep" / "a.txt").rename(folder / "deep" / "renamed.txt")
    run(sync=True)
    assert ids()["deep/renamed.txt"] == before["a.txt"]
    assert library.store.kept_revision(revision).text == "The mill is old."


def test_without_sync_a_file_that_has_moved_is_another_document(run, folder, library):
    write(folder, a="The mill is old.")
    run()
    (folder / "a.txt").rename(folder / "b.txt")
    assert counts(run()) == {"added": 1}
    assert known(library) == ["a.txt", "b.txt"]


def test_sync_of_a_subfolder_and_of_a_file_stay_in_their_scope(run, folder, library):
    (folder / "sub").mkdir()
    twenty(folder)
    write(folder / "sub", a="A.", b="B.", c="C.", d="D.", e="E.")
    run()
    (folder / "f00.txt").unlink()
    (folder / "sub" / "a.txt").unlink()
    assert counts(run(folder / "sub", folder / "f01.txt", sync=True)) == {
        "unchanged": 5,
        "removed": 1,
    }
    assert "f00.txt" in known(library)


def test_a_file_that_cannot_be_opened_has_not_gone(run, folder, library):
    """An error of a network share must not look like a deletion."""
    twenty(folder)
    run()
    (folder / "f00.txt").unlink()
    os.mkfifo(folder / "f00.txt")
    with (folder / "f01.txt").open("wb") as out:
        out.truncate(FILE_LIMIT_BYTES + 1)
    report = run(sync=True)
    assert counts(report) == {"unchanged": 18, "rejected": 2}
    assert len(known(library)) == 20


def deep_folder(folder: Path) -> Path:
    """A chain of folders so long that its end cannot be opened by its path, not even by root."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=here)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    return folder / ("d" * 250)


def test_a_folder_that_cannot_be_listed_is_named_and_what_was_in_it_has_not_gone(
    run, folder, library
):
    twenty(folder)
    run()
    chain = deep_folder(folder)
    collection = library.store.collection("docs")
    unreachable = str(chain.joinpath(*["d" * 250] * 19, "lost.txt"))
    library.publish("docs", unreachable, "Out of reach.")
    report = run(sync=True)
    assert counts(report) == {"unchanged": 20, "failed": 1}
    [(path, reason)] = report.reasons.items()
    assert path.startswith(str(chain))
    assert "too long" in reason
    assert unreachable in library.store.known_files(collection)


# Interruptions


class BreaksOff(WordEncoder):
    """Fails when a text with "stop" in it is to be encoded: the power cut of this test."""

    def encode(self, texts, *, on_progress=None):
        if any("stop here" in text for text in texts):
            raise KeyboardInterrupt
        return super().encode(texts, on_progress=on_progress)


def test_an_interrupted_run_keeps_what_was_finished_and_goes_on(folder, library, reader):
    collection = library.store.ensure_collection("docs")
    write(folder, a=LONG, b=LONG + "b", c=LONG + "\n\nstop here", d=LONG + "d", e="E.", f="F.")
    encoder = BreaksOff()
    broken = Ingester(library.store, lambda: encoder, reader)
    with pytest.raises(KeyboardInterrupt):
        broken.ingest([folder], collection=collection)
    assert known(library) == ["a.txt", "b.txt"]
    assert library.maintenance.problem() is None
    time.sleep(0.2)
    assert reader.read_while_closed == []
    resumed = Ingester(library.store, lambda: library.encoder, reader)
    assert counts(resumed.ingest([folder], collection=collection)) == {"added": 4, "unchanged": 2}
    assert counts(resumed.ingest([folder], collection=collection)) == {"unchanged": 6}
    assert library.vectors.problem() is not None  # never saved: made from SQL
    assert len(library.vectors.current()) == library.rows("SELECT count(*) FROM passages")[0][0]


def test_nothing_is_read_once_a_run_has_failed(folder, library):
    """Files that wait to be read are given up before the reader is closed."""

    class SlowReader(PlainReader):
        def read(self, name, data):
            time.sleep(0.05)
            return super().read(name, data)

    class CannotCount(WordEncoder):
        def count_tokens(self, texts):
            raise RuntimeError("no tokenizer")

    write(folder, **{f"f{i}": f"Text {i}." for i in range(8)})
    reader = SlowReader()
    ingester = Ingester(library.store, CannotCount, reader)
    with pytest.raises(RuntimeError, match="no tokenizer"):
        ingester.ingest([folder], collection=library.store.ensure_collection("docs"))
    time.sleep(0.3)
    assert reader.read_while_closed == []
    assert len(reader.names) <= 3


def test_a_consumer_that_fails_ends_the_run_between_files(run, folder, reader, library):
    write(folder, **{f"f{i}": f"Text {i}." for i in range(8)})

    def fail(progress: Progress) -> None:
        if progress.files_done == 3:
            raise RuntimeError("nobody watches any more")

    with pytest.raises(RuntimeError, match="nobody watches"):
        run(on_progress=fail)
    time.sleep(0.2)
    assert reader.read_while_closed == []
    assert len(known(library)) == 3
    assert counts(run()) == {"added": 5, "unchanged": 3}


def test_a_file_that_changes_between_looking_and_reading_is_kept_as_read(folder, library):
    """The hash in SQL is of the bytes that were read, whatever was there before."""

    class Meddler(PlainReader):
        def read(self, name, data):
            (folder / name).write_text("Later still.")
            return super().read(name, data)

    write(folder, a="First.")
    collection = library.store.ensure_collection("docs")
    ingester = Ingester(library.store, lambda: library.encoder, Meddler())
    assert counts(ingester.ingest([folder], collection=collection)) == {"added": 1}
    assert library.originals.is_intact(*library.maintenance.original_hashes())
    plain = Ingester(library.store, lambda: library.encoder, PlainReader())
    assert counts(plain.ingest([folder], collection=collection)) == {"changed": 1}


def test_the_real_reader_process_does_the_same(folder, library):
    from ingestion.sandbox import ReaderProcess

    write(folder, a="A text.", blank=" ")
    ingester = Ingester(library.store, lambda: library.encoder, ReaderProcess)
    report = ingester.ingest([folder], collection=library.store.ensure_collection("docs"))
    assert counts(report) == {"added": 1, "rejected": 1}


# Files that are known already, one by one


def test_every_stage_of_every_file_is_told_in_order(folder, library, reader):
    write(folder, a="A.", b="CRASH", c="")
    collection = library.store.ensure_collection("docs")
    ingester = Ingester(library.store, lambda: library.encoder, reader)
    told: list[FileEvent] = []
    files = ingester.look([folder], collection=collection).plan.to_read
    ingester.bring_in(files, collection=collection, on_event=told.append)
    stages = {
        name: [event.stage.value for event in told if event.path == str(folder / f"{name}.txt")]
        for name in "abc"
    }
    assert stages == {
        "a": ["reading", "embedding", "added"],
        "b": ["reading", "failed"],
        "c": ["reading", "rejected"],
    }
    assert all(
        bool(event.reason) == (event.stage.value in {"rejected", "failed"}) for event in told
    )


def test_a_run_that_is_told_to_stop_publishes_what_it_has_read(folder, library, reader):
    write(folder, **{f"f{i}": f"Text {i}." for i in range(8)})
    collection = library.store.ensure_collection("docs")
    ingester = Ingester(library.store, lambda: library.encoder, reader)
    told: list[FileEvent] = []
    files = ingester.look([folder], collection=collection).plan.to_read
    ingester.bring_in(
        files,
        collection=collection,
        on_event=told.append,
        should_stop=lambda: sum(event.stage is FileStage.EMBEDDING for event in told) == 3,
    )
    assert known(library) == ["f0.txt", "f1.txt", "f2.txt"]
    assert [event.stage for event in told if event.stage.is_final] == [FileStage.ADDED] * 3


def test_a_file_may_lie_elsewhere_than_where_it_is_known(tmp_path, library, reader):
    staged = tmp_path / "0001"
    staged.write_text("Uploaded words.")
    collection = library.store.ensure_collection("docs")
    ingester = Ingester(library.store, lambda: library.encoder, reader)
    file = FoundFile("upload:/notes.txt", "notes.txt", 15, "", location=str(staged))
    ingester.bring_in([file], collection=collection, on_event=lambda _: None)
    [hit] = library.searcher.search("uploaded", readable=library.everything())
    assert (hit.document.path, hit.document.name) == ("upload:/notes.txt", "notes.txt")


def test_the_same_words_in_several_files_are_embedded_once(run, library, folder):
    for copy in ("original", "copy", "changed"):
        (folder / copy).mkdir()
        write(folder / copy, a=LONG + "\n\nand more" * (copy == "changed"))
    report = run()
    assert counts(report)["added"] == 3
    assert report.passages_embedded >= 420
    assert library.encoder.encoded < 150
    vectors = library.store.vector_delta(0, encoder=library.encoder.fingerprint).vectors
    assert len(vectors) == report.passages_embedded


class SlowFirst(PlainReader):
    """The first file takes longest; keeps who read what."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: dict[str, int] = {}

    def read(self, name, data):
        if name == "a.txt":
            time.sleep(0.3)
        self.threads[name] = get_ident()
        return super().read(name, data)


def test_several_readers_read_at_once_and_files_come_in_their_order(library, folder):
    write(folder, **dict.fromkeys("abcdefgh", "words"))
    reader = SlowFirst()
    ingester = Ingester(library.store, lambda: library.encoder, reader, readers=3)
    told = []
    ingester.bring_in(
        ingester.look([folder], collection=library.store.ensure_collection("docs")).plan.to_read,
        collection=library.store.collection("docs"),
        on_event=told.append,
    )
    added = [Path(event.path).name for event in told if event.stage is FileStage.ADDED]
    assert added == [f"{name}.txt" for name in "abcdefgh"]
    assert 1 < len(set(reader.threads.values())) == reader.opened <= 3


def test_ignored_files_stay_out_and_a_sync_takes_those_that_became_ignored_out(
    run, folder, library
):
    (folder / "drafts" / "deep").mkdir(parents=True)
    write(folder, **{name: f"Text {name}." for name in "abcdef"}, old="Old.")
    write(folder / "drafts" / "deep", draft="A draft.")
    (folder / ".assayignore").write_text("/drafts/\n")
    assert counts(run()) == {"added": 7}
    (folder / ".assayignore").write_text("/drafts/\nold.*\n")
    report = run()
    assert (counts(report), report.ignored) == ({"unchanged": 6}, 2)  # without sync all stay
    assert "old.txt" in known(library)
    assert counts(run(sync=True)) == {"unchanged": 6, "removed": 1}
    assert "old.txt" not in known(library)
    assert counts(run(folder / "old.txt")) == {"added": 1}  # named itself, it is taken


def test_globs_narrow_a_run_and_its_sync(run, folder, library):
    write(folder, **{name: f"Text {name}." for name in "abcdefgh"})
    (folder / "note.md").write_text("A note.")
    run()
    (folder / "a.txt").unlink()
    (folder / "note.md").unlink()
    selection = Selection(include=("*.md", "/b.txt"))
    narrowed = run(sync=True, allow_mass_removal=True, selection=selection)
    assert counts(narrowed) == {"unchanged": 1, "removed": 1}
    assert "a.txt" in known(library)
    selection = Selection(exclude=("a.*",))
    assert counts(run(sync=True, selection=selection)) == {"unchanged": 7}
    assert counts(run(sync=True)) == {"unchanged": 7, "removed": 1}


@pytest.mark.parametrize(
    "rules", [b"fine\n[z-a]\n", b"\xff\xfe", None], ids=["no pattern", "not UTF-8", "no file"]
)
def test_a_folder_whose_rules_cannot_be_read_is_left_as_it_is(run, folder, library, rules):
    (folder / "deep").mkdir()
    write(folder, a="A.")
    write(folder / "deep", b="B.")
    run()
    write(folder / "deep", b="Changed.", new="Shall perhaps not come in.")
    if rules is None:
        (folder / "deep" / ".assayignore").mkdir()
    else:
        (folder / "deep" / ".assayignore").write_bytes(rules)
    report = run(sync=True)
    assert counts(report) == {"unchanged": 1, "failed": 1}
    assert ".assayignore cannot be read" in report.reasons[str(folder / "deep")]
    assert known(library) == ["a.txt", "b.txt"]
