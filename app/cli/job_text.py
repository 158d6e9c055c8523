"""Jobs in words, for the command line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from ingestion.jobs.progress import JobProgress, TimeLeft
    from ingestion.jobs.types import Job
    from ingestion.pipeline import Report

COLOURS = {"done": "green", "failed": "red", "cancelled": "yellow", "paused": "yellow"}
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def progress_text(far: "JobProgress", *, has_ended: bool = False) -> str:
    """How far a job has come, in one line; of one that has ended, not how long the rest takes."""
    parts = [f"{far.files_done:,} of {far.files_total:,} files"]
    if far.bytes_total:  # of pages from the web nobody knows
        parts.append(f"{size_text(far.bytes_done)} of {size_text(far.bytes_total)}")
    parts.append(f"{far.passages:,} passages")
    if far.passages_per_second:
        parts.append(f"{far.passages_per_second:.0f} a second")
    if far.files_done < far.files_total and not has_ended:
        parts.append(left_text(far.left))
    return ", ".join(parts)


def left_text(left: "TimeLeft | None") -> str:
    """How long it will take, with what one knows of it."""
    if left is None:
        return "time left not known yet"
    low, high = duration_text(left.low), duration_text(left.high)
    return f"about {low} left" if low == high else f"about {low} to {high} left"


def duration_text(seconds: float) -> str:
    """Seconds, minutes or hours, as exact as anybody wants to know."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def size_text(size: int) -> str:
    """Bytes in the unit that suits them."""
    amount, unit = float(size), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def source_text(job: "Job") -> str:
    """Where the files of a job come from."""
    source = job.source
    if not source.paths:
        return {"upload": "upload", "originals": "originals read again"}[source.kind.value]
    more = f" and {len(source.paths) - 1} more" if len(source.paths) > 1 else ""
    return f"{source.paths[0]}{more}"


def report_of(assay: "Assay", job: "Job") -> "Report":
    """What became of the files of a job, as a run of `assay ingest` tells it."""
    from ingestion.pipeline import Report

    report = Report(unchanged=job.unchanged, removed=job.removed, ignored=job.source.ignored)
    for item in assay.jobs.items(job.id).items:
        kind = item.change or item.state.value
        if hasattr(report, kind):
            setattr(report, kind, getattr(report, kind) + 1)
        report.passages_embedded += item.passages
        if item.reason:
            report.reasons[item.path] = item.reason
    return report
