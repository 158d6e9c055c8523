"""Every error `evals` raises on purpose.

EvalsError
├── BadDataset        a file of a data set is missing, or a line of it is not what it should be
├── BadPolicy         a gate's policy file is missing, or a line of it cannot be
├── BadSchedule       a schedule's cron expression, time zone, name or delivery cannot be used
├── DocumentGone      the document a case was written from has been deleted
├── JudgeFailed       a judge gave no verdict that could be used on a case, which stays unscored
├── JudgesMissing     a judge needs ragas, or a server's client, and it is not installed
├── JudgeUnavailable  the server of a judge cannot be used
├── LlamaCppMissing   llama.cpp is asked for as a comparison and cannot be used
├── NothingToProbe    a leak probe has no collection to plant anything in
├── RunUnfinished     a run has not ended, so that it cannot be judged or compared
├── UnknownJudge      no judge has this name
├── UnknownRun        no run has this number
├── UnknownSchedule   no schedule has this name
└── UnknownSuite      no suite has this name, or no such version
"""

from collections.abc import Sequence
from pathlib import Path


class EvalsError(Exception):
    """Base of every error `evals` raises on purpose."""


class BadDataset(EvalsError):
    """A file of a data set is missing, or a line of it is not what it should be."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        where = f"{path}, line {line}" if line else str(path)
        super().__init__(f"{where}: {reason}")


class BadPolicy(EvalsError):
    """A gate's policy file is missing, or a line of it cannot be."""

    def __init__(self, name: str, line: int, reason: str) -> None:
        where = f"{name}, line {line}" if line else name
        super().__init__(f"{where}: {reason}")


class BadSchedule(EvalsError):
    """A schedule's cron expression, time zone, name or delivery cannot be used."""


class UnknownSchedule(EvalsError):
    """No schedule has this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        names = ", ".join(sorted(known)) or "none yet"
        super().__init__(f"there is no schedule {name!r}; the schedules are: {names}")


class DocumentGone(EvalsError):
    """The document a case was written from has been deleted."""

    def __init__(self, document_id: int) -> None:
        super().__init__(
            f"document {document_id}, which a case was written from, has been deleted; leave the "
            "case out, or write new ones with `assay eval write`"
        )


class JudgeFailed(EvalsError):
    """A judge gave no verdict that could be used on a case, which stays unscored.

    `reason` is a few words, the same for all that fail alike, so that they can be counted.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class JudgesMissing(EvalsError):
    """A judge needs ragas, or a server's client, and it is not installed."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"{', '.join(names)}: what this needs is not installed; run `make evals` once"
        )


class JudgeUnavailable(EvalsError):
    """The server of a judge cannot be used."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"the judge's server {url} {reason}; see ASSAY_JUDGE_URL")


class NothingToProbe(EvalsError):
    """A leak probe has no collection to plant anything in."""

    def __init__(self) -> None:
        super().__init__(
            "there are no collections, so there is nothing to leak; ingest something first with "
            "`assay ingest`"
        )


class RunUnfinished(EvalsError):
    """A run has not ended, so that it cannot be judged or compared."""

    def __init__(self, run_id: int, done: int, cases: int) -> None:
        super().__init__(
            f"run {run_id} has not ended: {done} of {cases} cases are done; go on with it by "
            "running its suite again, or take another from `assay eval runs`"
        )


class UnknownJudge(EvalsError):
    """No judge has this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no judge {name!r}; the judges are: {', '.join(known)}")


class UnknownRun(EvalsError):
    """No run has this number."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"there is no run {run_id}; `assay eval runs` lists them")


class UnknownSuite(EvalsError):
    """No suite has this name, or no such version."""

    def __init__(self, name: str, number: int | None, known: Sequence[str]) -> None:
        what = repr(name) if number is None else f"{name!r} version {number}"
        names = ", ".join(sorted(known)) or "none yet"
        super().__init__(f"there is no suite {what}; the suites are: {names}")


class LlamaCppMissing(EvalsError):
    """llama.cpp is asked for as a comparison and is not installed, or cannot be used."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason}, so there is nothing to compare with; install the packages for development "
            "with `make dev`, or leave out --compare"
        )
