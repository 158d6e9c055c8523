"""Read a folder of real files of every format, in the product's own sandbox, and count their fates.

    python -m benchmarks.formats ../shared/data/formats [--out report.json]

The folder holds `files/`, `manifest.csv` and `gold_article_text.json` (HTML page -> its article as
its publisher gives it to search engines). Prints how many files were read, refused and failed, per
ending and by reason, the word F1 of the pages' text, and that of one text in several formats (files
whose tag begins with `parity:`, with the same name but for the ending) to the one of them that is
most like the others. A file that brings the reader down, runs out of time or makes it fail counts
as failed: there must be none.
"""

import argparse
import csv
import json
import re
import statistics
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from ingestion.errors import FileRejected, ReaderCrashed
from ingestion.sandbox import ReaderProcess
from retrieval.hidden import HiddenText

_WORD = re.compile(r"\w+")


class Fate(NamedTuple):
    """What became of a file. `text` is None unless it was read."""

    name: str
    ending: str
    outcome: str
    reason: str
    text: str | None
    seconds: float
    hidden: tuple[HiddenText, ...] = ()


class Overlap(NamedTuple):
    """How far two texts have the same words, each as often."""

    f1: float
    precision: float
    recall: float


def word_overlap(found: str, gold: str) -> Overlap:
    """Word F1, the harmonic mean of precision and recall over the multisets of words."""
    a, b = Counter(_WORD.findall(found.lower())), Counter(_WORD.findall(gold.lower()))
    common = (a & b).total()
    if not common:
        return Overlap(0.0, 0.0, 0.0)
    precision, recall = common / a.total(), common / b.total()
    return Overlap(2 * precision * recall / (precision + recall), precision, recall)


def fate_of(path: Path, reader: ReaderProcess) -> Fate:
    """Read a file and say how it went."""
    started = time.monotonic()
    outcome, reason, text = "read", "", None
    hidden: tuple[HiddenText, ...] = ()
    try:
        document = reader.read(path.name, path.read_bytes())
        text, hidden = document.text, document.hidden
    except FileRejected as rejection:
        outcome, reason = "refused", str(rejection)
    except ReaderCrashed as crash:
        outcome, reason = "failed", str(crash)
    seconds = time.monotonic() - started
    return Fate(path.name, path.suffix.lower(), outcome, reason, text, seconds, hidden)


def print_report(fates: list[Fate], gold: dict[str, str]) -> None:
    """Print the counts and the F1."""
    totals = Counter(fate.outcome for fate in fates)
    print(f"{len(fates)} files: " + ", ".join(f"{n} {what}" for what, n in totals.most_common()))
    print(f"{sum(f.seconds for f in fates):.0f} s, slowest:")
    for fate in sorted(fates, key=lambda fate: -fate.seconds)[:3]:
        print(f"  {fate.seconds:6.2f} s  {fate.name}")
    print("\nending   read refused failed")
    for ending in sorted({fate.ending for fate in fates}):
        counts = Counter(fate.outcome for fate in fates if fate.ending == ending)
        print(f"{ending:8} {counts['read']:4} {counts['refused']:7} {counts['failed']:6}")
    print("\nwhy not:")
    reasons = Counter(re.sub(r"\d+", "N", f.reason) for f in fates if f.outcome != "read")
    for reason, count in reasons.most_common():
        print(f"{count:4}  {reason}")
    print("\nhidden text, files (characters) by kind:")
    by_ending = Counter(
        (fate.ending, by) for fate in fates for by in {piece.by for piece in fate.hidden}
    )
    characters = Counter[tuple[str, str]]()
    for fate in fates:
        for piece in fate.hidden:
            characters[fate.ending, piece.by] += piece.characters
    for (ending, by), count in sorted(by_ending.items()):
        print(f"  {ending:8} {by:10} {count:4} ({characters[ending, by]:,})")
    scores = [word_overlap(f.text or "", gold[f.name]) for f in fates if f.name in gold]
    if scores:
        f1s = [score.f1 for score in scores]
        error = statistics.stdev(f1s) / len(f1s) ** 0.5 if len(f1s) > 1 else float("nan")
        print(
            f"\nmain text of {len(scores)} pages: "
            f"word F1 {statistics.mean(f1s):.3f} ± {error:.3f}, "
            f"precision {statistics.mean(s.precision for s in scores):.3f}, "
            f"recall {statistics.mean(s.recall for s in scores):.3f}, "
            f"worst F1 {min(f1s):.2f}"
        )


def twins_of(fates: list[Fate], tags: dict[str, str]) -> list[list[Fate]]:
    """Files that hold one text: of a `parity:` tag, and of one name but for number and ending."""
    groups = defaultdict(list)
    for fate in fates:
        if tags.get(fate.name, "").startswith("parity:"):
            groups[re.sub(r"\A\d+_|\.\w+\Z", "", fate.name)].append(fate)
    return [group for group in groups.values() if len(group) > 1]


def print_parity(group: list[Fate]) -> None:
    """Print how much of the text that is most like the others each format gives."""
    read = [(fate, fate.text) for fate in group if fate.text is not None]

    def likeness(text: str) -> float:
        return statistics.median(word_overlap(text, other).f1 for _, other in read)

    middle = max((text for _, text in read), key=likeness)
    print(f"\none text in {len(group)} formats, {len(middle):,} characters:")
    for fate, text in sorted(read, key=lambda one: one[0].ending):
        score = word_overlap(text, middle)
        print(f"  {fate.ending:6} F1 {score.f1:.3f}, recall {score.recall:.3f}")
    for fate in group:
        if fate.text is None:
            print(f"  {fate.ending:6} {fate.outcome}: {fate.reason}")


def main() -> None:
    """Read the arguments, then the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="write each file's fate there, as JSON")
    arguments = parser.parse_args()
    paths = sorted(path for path in (arguments.folder / "files").iterdir() if path.is_file())
    gold = json.loads((arguments.folder / "gold_article_text.json").read_text(encoding="utf-8"))
    with ReaderProcess() as reader:
        fates = [fate_of(path, reader) for path in paths]
    print_report(fates, gold)
    with (arguments.folder / "manifest.csv").open(encoding="utf-8", newline="") as rows_of_files:
        tags = {row["file"]: row["tags"] for row in csv.DictReader(rows_of_files)}
    for group in twins_of(fates, tags):
        print_parity(group)
    if arguments.out:
        rows = [
            fate._asdict()
            | {
                "text": len(fate.text or ""),
                "hidden": [[one.by, one.page, one.text[:200]] for one in fate.hidden],
            }
            for fate in fates
        ]
        arguments.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
