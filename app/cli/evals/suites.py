"""`assay eval suites`, `import`, `export` and `remove`: suites and their files.

`version_to_ask` is what the commands that ask a suite take a name or a file for.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option
from app.errors import CommandFailed

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from evals.store import EvalStore
    from evals.types import Case, SuiteVersion

# As in evals.datasets, which `--help` does without.
READ = ("jsonl", "yaml", "csv", "tsv", "beir", "squad", "mtrag", "ragas")
WRITTEN = tuple(shape for shape in READ if shape != "mtrag")
# A `.json` file may be SQuAD's or ragas's, and a folder has no extension: these are asked for.
_BY_EXTENSION = {
    ".jsonl": "jsonl", ".yaml": "yaml", ".yml": "yaml", ".csv": "csv", ".tsv": "tsv",
}  # fmt: skip
_LONGEST_NAME = 200


@click.command(epilog="\b\nExamples:\n  assay eval suites\n  assay eval suites --json")
@json_option
@click.pass_obj
def suites(terminal: Terminal) -> None:
    """List the suites: newest version, cases, and cases that wait for review."""
    evals = open_assay().evals
    waiting = evals.proposal_counts()
    versions = evals.suites()
    if terminal.is_json:
        named = [{**described(one), "waiting": waiting.get(one.suite, 0)} for one in versions]
        known = {one.suite for one in versions}
        named += [
            {"suite": name, "version": None, "cases": 0, "waiting": count}
            for name, count in sorted(waiting.items())
            if name not in known
        ]
        terminal.result({"suites": named})
        return
    for one in versions:
        made = f"version {one.number} of {one.created_at:%Y-%m-%d}"
        terminal.line(f"{one.suite}: {one.cases} cases, {made}{_review(waiting, one.suite)}")
    for name in sorted(set(waiting) - {one.suite for one in versions}):
        terminal.line(f"{name}: no cases yet{_review(waiting, name)}")
    if not versions and not waiting:
        terminal.line(
            "no suites yet; `assay eval import FILE` reads one, `assay eval write NAME` writes one "
            "from your documents"
        )


def _review(waiting: dict[str, int], name: str) -> str:
    return f"; {waiting[name]} wait for review" if waiting.get(name) else ""


@click.command(
    "import",
    epilog="\b\nExamples:\n  assay eval import leases.jsonl\n"
    "  assay eval import questions.csv --name support\n"
    "  assay eval import leases.jsonl --replace\n"
    "  assay eval import dev-v2.0.json --name squad --limit 300 --seed 7",
)
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="The suite; the file's name otherwise.")
@click.option("--format", "shape", type=click.Choice(READ), help="What the file is, if not seen.")
@click.option("--limit", type=click.IntRange(min=1), help="Draw as many cases, both kinds alike.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which --limit draws.")
@click.option("--note", help="What to remember of this version; where it is from otherwise.")
@click.option("--replace", is_flag=True, help="Drop what the suite has and the file has not.")
@json_option
@click.pass_obj
def import_suite(
    terminal: Terminal,
    path: Path,
    name: str | None,
    shape: str | None,
    limit: int | None,
    seed: int,
    note: str | None,
    replace: bool,  # noqa: FBT001
) -> None:
    """Read a test set and make it the newest version of a suite.

    PATH is a file of JSON lines, YAML, CSV, TSV, SQuAD or ragas, or a folder of BEIR or MTRAG; what
    it is is seen from its content. A row that is not a case is named with its line and the reason,
    and nothing is imported. The same cases again make no new version. A file that lacks cases of
    the newest version, such as those that were reviewed since, is refused without --replace.
    """
    from evals.datasets import read_suite

    cases = read_suite(path, format=shape, limit=limit, seed=seed)
    suite = _suite_name(name or _suite_of(path))
    evals = open_assay().evals
    before = _newest(evals, suite)
    dropped = _dropped(evals, before, cases)
    if before is not None and dropped and not replace:
        raise CommandFailed(
            f"{_lacks(path, dropped, before)}; add --replace if they should go (version "
            f"{before.number} stays as it is), or choose another suite with --name"
        )
    version = evals.put_suite(suite, cases, note=_made_from(path) if note is None else note)
    is_new = before is None or before.number != version.number
    if terminal.is_json:
        counts = {**kinds_of(cases), "dropped": dropped}
        terminal.result({**described(version), **counts, "is_new": is_new})
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in kinds_of(cases).items() if count)
    done = "imported as" if is_new else "the same as"
    without = f", without {dropped} of version {before.number}" if before and dropped else ""
    terminal.line(
        f"{len(cases)} cases ({kinds}) {done} version {version.number} of {suite!r}{without}"
    )


@click.command(
    "export",
    epilog="\b\nExamples:\n  assay eval export leases leases.jsonl\n"
    "  assay eval export leases leases.csv --force\n"
    "  assay eval export leases leases-beir --format beir",
)
@click.argument("suite")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "shape", type=click.Choice(WRITTEN), help="Otherwise by its ending.")
@click.option("--version", "number", type=int, help="An older version; the newest otherwise.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
@click.pass_obj
def export_suite(
    terminal: Terminal,
    suite: str,
    file: Path,
    shape: str | None,
    number: int | None,
    force: bool,  # noqa: FBT001
) -> None:
    """Write a suite as a file; for BEIR, as a folder.

    What the format cannot hold of a case is said. JSON lines, YAML, CSV and TSV hold everything.
    """
    from evals.datasets import write_suite

    shape = shape or _shape_by_name(file)
    if file.exists() and not force:
        raise CommandFailed(f"{file} is there already; choose another name, or add --force")
    evals = open_assay().evals
    version = evals.suite(suite, number=number)
    cases = evals.cases(version)
    lost = write_suite(cases, file, shape)
    if terminal.is_json:
        terminal.result(
            {**described(version), "cases": len(cases), "file": str(file), "lost": lost}
        )
        return
    terminal.line(f"{len(cases)} cases of {suite!r}, version {version.number}, written to {file}")
    for part in lost:
        terminal.note(f"{shape} cannot hold {part}")


@click.command(
    "remove",
    epilog="\b\nExamples:\n  assay eval remove leases\n  assay eval remove leases --yes",
)
@click.argument("suite")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def remove_suite(terminal: Terminal, suite: str, yes: bool) -> None:  # noqa: FBT001
    """Delete a suite with all its versions, runs and results, and cases that wait for review."""
    evals = open_assay().evals
    if not evals.proposal_counts().get(suite):
        evals.suite(suite)  # says which there are
    runs = len(evals.runs(suite=suite, limit=10_000))
    if not yes:
        if terminal.is_json:
            raise CommandFailed("with --json nobody is asked; add --yes")
        click.confirm(f"Delete {suite!r} and its {runs} runs?", abort=True, err=True)
    evals.remove_suite(suite)
    if terminal.is_json:
        terminal.result({"suite": suite, "removed": True, "runs": runs})
        return
    terminal.line(f"{suite!r} and its {runs} runs are deleted")


def version_to_ask(assay: "Assay", terminal: Terminal, suite: str) -> "SuiteVersion":
    """The newest version of a suite; of the one that a file is, made when the file has changed.

    A file that lost cases makes a version without them, and people are told how many, where the
    version before was made from this file as well.

    Args:
        suite: a name, or a path where no suite has this name.

    Raises:
        CommandFailed: there is no such file; or the suite of its name has cases that the file has
            not, and came by them in another way, such as a review.
        UnknownSuite: there is neither a suite nor a file.
        BadDataset: the file is no test set.
    """
    evals = assay.evals
    path = Path(suite)
    known = _newest(evals, suite)
    if known is not None:
        return known
    if not path.exists():
        if path.suffix or len(path.parts) > 1:
            raise CommandFailed(f"there is no file {suite}, and no suite of this name")
        return evals.suite(suite)  # which says what suites there are
    from evals.datasets import read_suite

    cases = read_suite(path)
    name = _suite_of(path)
    before = _newest(evals, name)
    dropped = _dropped(evals, before, cases)
    if before is not None and dropped and before.note != _made_from(path):
        raise CommandFailed(
            f"{_lacks(path, dropped, before)}, which was not made from this file alone; say "
            f"{name!r} to ask the suite as it is, give the file another name to make another "
            f"suite of it, or let them go with `assay eval import {path} --replace`"
        )
    version = evals.put_suite(name, cases, note=_made_from(path))
    if before is None or before.id != version.id:
        without = f", without {dropped} of version {before.number}" if before and dropped else ""
        terminal.note(
            f"{path.name} is version {version.number} of suite {version.suite!r}: "
            f"{version.cases} cases{without}"
        )
    return version


def _suite_of(path: Path) -> str:
    """The suite that a file or folder is: its name without the ending."""
    return path.resolve().stem


def _newest(evals: "EvalStore", suite: str) -> "SuiteVersion | None":
    return {one.suite: one for one in evals.suites()}.get(suite)


def _dropped(evals: "EvalStore", before: "SuiteVersion | None", cases: Sequence["Case"]) -> int:
    """How many cases of a version are not among these, by key."""
    if before is None:
        return 0
    keys = {case.key for case in cases}
    return sum(case.key not in keys for case in evals.cases(before))


def _lacks(path: Path, dropped: int, before: "SuiteVersion") -> str:
    return (
        f"{path.resolve().name} lacks {dropped} of the {before.cases} cases of suite "
        f"{before.suite!r}, version {before.number}"
    )


def _made_from(path: Path) -> str:
    """The note of a version that is a file: a changed file may replace what it was itself."""
    return f"from {path.resolve().name}"


def described(version: "SuiteVersion") -> dict[str, Any]:
    """A version as JSON."""
    return {
        "suite": version.suite,
        "version": version.number,
        "cases": version.cases,
        "digest": version.digest,
        "note": version.note,
        "created_at": version.created_at.isoformat(timespec="seconds") + "Z",
    }


def kinds_of(cases: Sequence["Case"]) -> dict[str, int]:
    """How many cases want an answer, an abstention, or say nothing of it."""
    counts = Counter(case.expectation.value if case.expectation else "open" for case in cases)
    return {kind: counts[kind] for kind in ("answer", "abstain", "open")}


def _suite_name(name: str) -> str:
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise CommandFailed(
            f"{name[:40]!r} cannot name a suite: 1 to {_LONGEST_NAME} printable characters; "
            "give it one with --name"
        )
    return name


def _shape_by_name(file: Path) -> str:
    shape = _BY_EXTENSION.get(file.suffix.lower())
    if shape is None:
        raise CommandFailed(
            f"the name {file.name!r} does not say how to write it; add --format {'|'.join(WRITTEN)}"
        )
    return shape
