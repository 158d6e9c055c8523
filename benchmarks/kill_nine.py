"""kill -9 during ingestion, at random moments; nothing may be lost, doubled or torn.

    python -m benchmarks.kill_nine ARTICLES [--files 40] [--kills 20] [--seed 1]

Ingests copies of the smallest files once undisturbed; then, for every kill, starts afresh, waits
until so many files are committed (spread over none to all), and a random moment longer, and kills
the process. Then it checks what `assay doctor` does but for the chat model, lets either the same
command or `assay jobs work` go on, by turns, and compares every passage with the undisturbed run,
and every file of the job. Bytes that were written for a document that was not committed are left
over until the next `assay ingest`, `assay serve` or `assay doctor --repair`: they are counted, and
must be gone at the end.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.bootstrap import Assay
from app.settings import Settings
from app.upkeep import examine
from ingestion.jobs.types import JobState

ASSAY = [sys.executable, "-m", "app.cli"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chooser = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="assay-kill-") as temporary:
        work = Path(temporary)
        files = work / "files"
        files.mkdir()
        by_size = sorted(arguments.folder.iterdir(), key=lambda path: path.stat().st_size)
        for path in by_size[: arguments.files]:
            shutil.copy(path, files)
        started = time.monotonic()
        expected_report = ingest(new_home(work, "undisturbed"), files)
        seconds = time.monotonic() - started
        expected = passages(work / "undisturbed")
        print(
            f"undisturbed: {expected_report['added']} files, {len(expected)} passages, "
            f"{seconds:.1f} s"
        )
        failures = left_over = 0
        for number in range(1, arguments.kills + 1):
            home = new_home(work, f"kill-{number}")
            # One in each stretch: kills before the first commit say little about the others.
            wanted = round(arguments.files * (number - 1 + chooser.random()) / arguments.kills)
            committed = killed(home, files, wanted, chooser.uniform(0, 1.5))
            found = doctor(home)
            left_over += "left-overs" in found
            healthy = found <= {"left-overs"}
            way = "ingest" if number % 2 else "jobs work"
            report = ingest(home, files) if number % 2 else gone_on_with(home)
            same = passages(home) == expected and not doctor(home, repair=True)
            complete = whole(home, report, arguments.files, by_jobs=number % 2 == 0)
            failures += not (healthy and complete and same)
            state = "NOT CLEAN" if not healthy else "left-overs" if found else "clean"
            print(
                f"kill {number} at {wanted:2d} files: {committed:3d} committed; doctor "
                f"{state}; `{way}`: {report}; "
                f"{'complete' if complete else 'NOT COMPLETE'}; passages "
                f"{'equal' if same else 'DIFFER'}",
                flush=True,
            )
            shutil.rmtree(home)
    print(f"{failures} failures in {arguments.kills} kills; {left_over} left bytes to sweep away")
    sys.exit(1 if failures else 0)


def new_home(folder: Path, name: str) -> Path:
    home = folder / name
    home.mkdir()
    return home


def killed(home: Path, files: Path, committed: int, seconds: float) -> int:
    """Start an ingestion, kill it some seconds after so many files were committed.

    Returns how many were committed by then.
    """
    process = subprocess.Popen(
        [*ASSAY, "ingest", str(files), "--json"],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and documents(home) < committed:
        time.sleep(0.02)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return documents(home)


def gone_on_with(home: Path) -> dict[str, int]:
    """Have a worker finish what was left; how many files its job has in each state."""
    run(home, "jobs", "work")
    with opened(home) as assay:
        [job] = assay.jobs.jobs() or [None]
        if job is not None:
            return {state.value: count for state, count in assay.jobs.tally(job.id).files.items()}
    return ingest(home, home.parent / "files")  # killed before there was a job


def whole(home: Path, report: dict[str, int], files: int, *, by_jobs: bool) -> bool:
    """Whether every file is accounted for, once, and no job is left half-way."""
    if by_jobs and "indexed" in report:
        counted = report == {"indexed": files}
    else:
        counted = report["added"] + report["unchanged"] == files
    with opened(home) as assay:
        states = {job.state for job in assay.jobs.jobs()}
    return counted and states <= {JobState.DONE, JobState.CANCELLED}


def documents(home: Path) -> int:
    """How many files are committed."""
    return rows(home, "SELECT count(*) FROM documents")[0][0]


def doctor(home: Path, *, repair: bool = False) -> set[str]:
    """What `assay doctor` finds not well and does not mend, but for the chat model."""
    bad = set()
    with opened(home) as assay:
        for finding in examine(assay, repair=repair):
            if not (finding.is_ok or finding.is_repaired):
                print(f"  doctor: {finding.check}: {finding.detail}")
                bad.add(finding.check)
            if finding.check == "vector index":  # what follows is about chat models
                break
    return bad


@contextmanager
def opened(home: Path) -> Iterator[Assay]:
    assay = Assay(Settings(home=home))
    try:
        yield assay
    finally:
        assay.close()


def ingest(home: Path, files: Path) -> dict[str, int]:
    return json.loads(run(home, "ingest", str(files), "--json").stdout)


def passages(home: Path) -> list[tuple[str, int, int, str]]:
    """Every passage there is: (document, start, end, text), in order."""
    return rows(
        home,
        'SELECT documents.name, passages.start, passages."end", passages.text FROM passages '
        "JOIN documents ON documents.id = passages.document_id "
        "JOIN vectors ON vectors.passage_id = passages.id ORDER BY 1, 2",
        nothing=[],
    )


def rows(
    home: Path, query: str, nothing: Sequence[tuple[Any, ...]] = ((0,),)
) -> Sequence[tuple[Any, ...]]:
    """What a query gives; `nothing` before there is a database, or a schema in it."""
    database = home / "assay.db"
    if not database.exists():
        return nothing
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError:  # the schema is not made yet
        return nothing
    finally:
        connection.close()


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ASSAY, *arguments], env=environment(home), capture_output=True, text=True, check=False
    )


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "ASSAY_HOME": str(home)}


if __name__ == "__main__":
    main()
