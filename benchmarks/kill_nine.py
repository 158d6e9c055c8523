"""kill -9 during ingestion, at random moments; nothing may be lost, doubled or torn.

    python -m benchmarks.kill_nine ARTICLES [--files 40] [--kills 10] [--seed 1]

Ingests copies of the first files once undisturbed; then, for every kill, starts afresh, kills the
process at a random moment of that time, runs `assay doctor`, runs the ingestion again, and
compares every passage with the undisturbed run.
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
from pathlib import Path

ASSAY = [sys.executable, "-m", "app.cli"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chooser = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="assay-kill-") as temporary:
        work = Path(temporary)
        files = work / "files"
        files.mkdir()
        for path in sorted(arguments.folder.iterdir())[: arguments.files]:
            shutil.copy(path, files)
        started = time.monotonic()
        expected_report = ingest(work / "undisturbed", files)
        seconds = time.monotonic() - started
        expected = passages(work / "undisturbed")
        print(
            f"undisturbed: {expected_report['added']} files, {len(expected)} passages, "
            f"{seconds:.1f} s"
        )
        failures = 0
        for number in range(1, arguments.kills + 1):
            home = work / f"kill-{number}"
            moment = chooser.uniform(0, seconds)
            committed = killed(home, files, moment)
            healthy = doctor(home)
            report = ingest(home, files)
            complete = report["added"] + report["unchanged"] == arguments.files
            same = passages(home) == expected and doctor(home)
            failures += not (healthy and complete and same)
            print(
                f"kill {number} after {moment:5.1f} s: {committed:3d} files committed; doctor "
                f"{'clean' if healthy else 'NOT CLEAN'}; rerun added {report['added']}, unchanged "
                f"{report['unchanged']}; passages {'equal' if same else 'DIFFER'}",
                flush=True,
            )
            shutil.rmtree(home)
    print(f"{failures} failures in {arguments.kills} kills")
    sys.exit(1 if failures else 0)


def killed(home: Path, files: Path, seconds: float) -> int:
    """Start an ingestion, kill it after some seconds; return how many files were committed."""
    process = subprocess.Popen(
        [*ASSAY, "ingest", str(files), "--json"],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return len({document for document, *_ in passages(home)})


def doctor(home: Path) -> bool:
    """Whether `assay doctor` finds nothing but left-over files, which it may sweep."""
    done = run(home, "doctor", "--json")
    bad = [f for f in json.loads(done.stdout)["findings"] if not f["is_ok"]]
    for finding in bad:
        print(f"  doctor: {finding['check']}: {finding['detail']}")
    return not bad


def ingest(home: Path, files: Path) -> dict[str, int]:
    return json.loads(run(home, "ingest", str(files), "--json").stdout)


def passages(home: Path) -> list[tuple[str, int, int, str]]:
    """Every passage there is: (document, start, end, text), in order."""
    database = home / "assay.db"
    if not database.exists():
        return []
    connection = sqlite3.connect(database)
    try:
        return connection.execute(
            'SELECT documents.name, passages.start, passages."end", passages.text FROM passages '
            "JOIN documents ON documents.id = passages.document_id "
            "JOIN vectors ON vectors.passage_id = passages.id ORDER BY 1, 2"
        ).fetchall()
    except sqlite3.OperationalError:  # killed before the schema was made
        return []
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
