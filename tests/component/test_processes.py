"""Several processes over one home folder: all see each commit, none fails for another."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from app.migrations import upgrade
from retrieval.database import open_database
from retrieval.types import Mode
from tests.component.library import Library, opened, texts

FILES = 6
_spawn = multiprocessing.get_context("spawn")
_PATIENCE_SECONDS = 120


def publish_when_told(home: Path, told, done) -> None:
    """Publish, change or remove what is asked for, one thing at a time."""
    with opened(home) as library:
        while (order := told.get()) is not None:
            verb, path, text = order
            if verb == "publish":
                library.publish("shared", path, text)
            else:
                library.remove("shared", path)
            done.put(path)


def open_and_write(home: Path, start, number: int, outcome) -> None:
    """Everything a writer does, from a home folder that is not there yet."""
    start.wait(_PATIENCE_SECONDS)
    try:
        engine = open_database(home / "assay.db")
        upgrade(engine)
        engine.dispose()
        with opened(home) as library:
            for i in range(FILES):
                library.publish("shared", f"/own/{number}/{i}.txt", f"Own text {number} of {i}.")
                library.publish("shared", f"/same/{i}.txt", f"Shared text number {i}.")
                library.publish("shared", "/contested.txt", f"Contested by {number} in round {i}.")
            library.remove("shared", f"/own/{number}/0.txt")
            library.vectors.save()
        outcome.put((number, None))
    except BaseException as error:  # noqa: BLE001 - told to the test
        outcome.put((number, f"{type(error).__name__}: {error}"))


def open_new_homes(homes: list[Path], together, outcome) -> None:
    for home in homes:
        together.wait(_PATIENCE_SECONDS)
        engine = open_database(home / "assay.db")
        try:
            engine.connect().close()
            outcome.put(None)
        except Exception as error:  # noqa: BLE001 - told to the test
            outcome.put(f"{type(error).__name__}: {error}")
        finally:
            engine.dispose()


def publish_until_killed(home: Path, ready) -> None:
    with opened(home) as library:
        for i in range(100_000):
            library.publish("shared", f"/{i % 7}.txt", f"Round {i} of rent. More of {i}.")
            library.vectors.save()
            if i == 3:
                ready.set()


def search(library: Library, question: str) -> list[str]:
    found = {}
    for mode in Mode:
        hits = library.searcher.search(question, readable=library.everything(), mode=mode)
        found[mode] = sorted(texts(hits))
    assert found[Mode.DENSE] == found[Mode.HYBRID]
    return found[Mode.DENSE]


def test_a_searcher_sees_each_commit_of_another_process_at_its_next_search(tmp_path):
    told, done = _spawn.Queue(), _spawn.Queue()
    with opened(tmp_path) as library:
        library.publish("shared", "/zero.txt", "Rent zero.")
        writer = _spawn.Process(target=publish_when_told, args=(tmp_path, told, done))
        writer.start()
        assert search(library, "rent") == ["Rent zero."]
        steps = [
            (("publish", "/one.txt", "Rent one."), ["Rent one.", "Rent zero."]),
            (("publish", "/one.txt", "Rent first."), ["Rent first.", "Rent zero."]),
            (("remove", "/zero.txt", ""), ["Rent first."]),
            (
                ("publish", "/two.txt", "Rent two. Rent three."),
                ["Rent first.", "Rent three.", "Rent two."],
            ),
            (("remove", "/one.txt", ""), ["Rent three.", "Rent two."]),
        ]
        for order, expected in steps:
            told.put(order)
            done.get(timeout=_PATIENCE_SECONDS)
            assert search(library, "rent") == expected
        told.put(None)
        writer.join(_PATIENCE_SECONDS)
    assert writer.exitcode == 0


def test_writers_that_start_together_on_a_new_home_all_succeed(tmp_path):
    home = tmp_path / "new home"
    start, outcome = _spawn.Event(), _spawn.Queue()
    writers = [
        _spawn.Process(target=open_and_write, args=(home, start, number, outcome))
        for number in range(3)
    ]
    for writer in writers:
        writer.start()
    time.sleep(1)  # interpreters start; the more of them wait at the line, the better the race
    start.set()
    outcomes = [outcome.get(timeout=_PATIENCE_SECONDS) for _ in writers]
    for writer in writers:
        writer.join(_PATIENCE_SECONDS)
    assert sorted(outcomes) == [(number, None) for number in range(3)]
    with opened(home) as library:
        known = library.store.known_files(library.store.collection("shared"))
        assert len(known) == 3 * (FILES - 1) + FILES + 1
        assert library.maintenance.problem() is None
        assert library.lexical.problem() is None
        assert library.vectors.problem() is None
        assert len(library.vectors.current()) == len(known)
        assert {
            path.name for path in library.originals.files()
        } == library.maintenance.original_hashes()


def test_processes_that_make_a_new_home_together_all_succeed(tmp_path):
    """SQLite does not wait but refuses when two switch a new file to write-ahead logging."""
    homes = [tmp_path / str(i) for i in range(12)]
    together, outcome = _spawn.Barrier(3), _spawn.Queue()
    processes = [
        _spawn.Process(target=open_new_homes, args=(homes, together, outcome)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    outcomes = {outcome.get(timeout=_PATIENCE_SECONDS) for _ in range(3 * len(homes))}
    for process in processes:
        process.join(_PATIENCE_SECONDS)
    assert outcomes == {None}


@pytest.mark.parametrize("delay_seconds", [0.0, 0.05, 0.13])
def test_a_writer_killed_at_any_moment_leaves_a_whole_store(tmp_path, delay_seconds):
    ready = _spawn.Event()
    writer = _spawn.Process(target=publish_until_killed, args=(tmp_path, ready))
    writer.start()
    assert ready.wait(_PATIENCE_SECONDS)
    time.sleep(delay_seconds)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(_PATIENCE_SECONDS)
    with opened(tmp_path) as library:
        assert library.maintenance.problem() is None
        assert library.lexical.problem() is None
        # Behind, or unfinished, but never wrong: what is served is what SQL says.
        passages = sorted(row[0] for row in library.rows("SELECT id FROM passages"))
        assert library.vectors.current().rows()[0].tolist() == passages
        library.publish("shared", "/0.txt", "Life goes on with rent.")
        library.vectors.save()
        assert library.new_projection().problem() is None
        assert "Life goes on with rent." in search(library, "life goes on")
