"""How long a start takes with prepared models: a server until it is ready, and one question asked.

    ASSAY_HOME=… python -m benchmarks.start_up --runs 5 [--against FOLDER]

Each run is two fresh processes. With `--against` the same is run in turns with another checkout's
code, in the same environment and on a copy of the same home folder. Prints medians with the least
and the most, wall time and processor time.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

_QUESTION = "What is the annual fee?"
_LONGEST_SECONDS = 900
_HERE = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--against", type=Path, help="a checkout of other code")
    arguments = parser.parse_args()
    sources = [_HERE, *([arguments.against.resolve()] if arguments.against else [])]
    home = Path(os.environ["ASSAY_HOME"])
    with tempfile.TemporaryDirectory() as scratch:
        homes = {source: Path(scratch, str(i)) for i, source in enumerate(sources)}
        for source, copy in homes.items():
            shutil.copytree(home, copy)
            asked(source, copy)  # prepares what this code has not prepared yet, uncounted
        times: dict[tuple[Path, str], list[tuple[float, float]]] = {}
        for _ in range(arguments.runs):
            for source in sources:
                for name, measure in (("serve", served), ("ask", asked)):
                    found = measure(source, homes[source])
                    times.setdefault((source, name), []).append(found)
                    wall, cpu = found
                    print(f"# {named(source)} {name} {wall:.2f} {cpu:.2f}", flush=True)
    load = f"{os.getloadavg()[0]:.1f}"
    print(f"{arguments.runs} runs each; load of the machine at the end {load}")
    for (source, name), all_found in times.items():
        print(f"{named(source):6} {name:6} wall s {spread([t for t, _ in all_found])}", end="")
        print(f"   processor s {spread([cpu for _, cpu in all_found])}")


def named(source: Path) -> str:
    """Which code it is."""
    return "this" if source == _HERE else "other"


def asked(source: Path, home: Path) -> tuple[float, float]:
    """Wall and processor seconds of `assay ask`, from start to end."""
    began = time.monotonic()
    before = used_by_children()
    subprocess.run(
        [sys.executable, "-m", "app.cli", "ask", _QUESTION],
        cwd=source,
        env=environment(home),
        check=True,
        capture_output=True,
        timeout=_LONGEST_SECONDS,
    )
    return time.monotonic() - began, used_by_children() - before


def served(source: Path, home: Path) -> tuple[float, float]:
    """Wall seconds until `assay serve` says that it is ready; processor seconds to its end."""
    before = used_by_children()
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0"],
        cwd=source,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            address = said_address(server)
            while not is_ready(address):
                if time.monotonic() - began > _LONGEST_SECONDS:
                    raise TimeoutError(f"not ready after {_LONGEST_SECONDS} s")
                time.sleep(0.02)
            wall = time.monotonic() - began
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    return wall, used_by_children() - before


def said_address(server: "subprocess.Popen[str]") -> str:
    """The address a server prints."""
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(r"http://[\w.]+:\d+", line):
            return found.group()
    raise RuntimeError("the server ended without saying where it is")


def is_ready(address: str) -> bool:
    """Whether `/readyz` says so."""
    try:
        with urllib.request.urlopen(f"{address}/readyz") as reply:
            return bool(json.load(reply).get("ready", reply.status == 200))
    except OSError:
        return False


def environment(home: Path) -> dict[str, str]:
    """Ours without settings of Assay's, but for the home folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    return kept | {"ASSAY_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def used_by_children() -> float:
    """Processor seconds of all children that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def spread(values: list[float]) -> str:
    """Median (least to most)."""
    return f"{statistics.median(values):5.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
