"""How fast a folder is brought in, stage by stage."""

import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.bootstrap import Assay
from ingestion.stage_times import STAGES, StageTimes

if TYPE_CHECKING:
    from ingestion.pipeline import Progress


@dataclass(frozen=True, slots=True)
class MeasuredIngestion:
    """What was measured; seconds are wall time.

    `stages` has the seconds of each of `STAGES`, of "index" (saving it) and of "other"; together
    they are `seconds`. `reading_seconds` went by in the processes that read, beside all of that.
    `unchanged_seconds`: the same folder once more, with nothing to do.
    """

    files: int
    indexed: int
    rejected: int
    failed: int
    megabytes: float
    passages: int
    embedded: int
    repeated: int
    encoder_seconds: float
    seconds: float
    stages: dict[str, float]
    reading_seconds: float
    unchanged_seconds: float
    processor_seconds: float
    peak_mb: float
    readers_peak_mb: float

    @property
    def passages_per_second(self) -> float:
        """Passages over all of the time but the encoder's loading."""
        return self.passages / self.seconds if self.seconds else 0.0

    @property
    def megabytes_per_second(self) -> float:
        """Bytes of the files over the same time."""
        return self.megabytes / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """Every figure, and the rates."""
        rates = {
            "passages_per_second": self.passages_per_second,
            "megabytes_per_second": self.megabytes_per_second,
        }
        return asdict(self) | rates


def measure_ingestion(
    assay: Assay, folder: Path, on_progress: "Callable[[Progress], None]"
) -> MeasuredIngestion:
    """Bring a folder in twice, the second time unchanged.

    Args:
        assay: over an empty home folder.
    """
    collection = assay.store.ensure_collection("bench")
    began = time.perf_counter()
    _ = assay.encoder
    loaded = time.perf_counter()
    used = _processor_seconds()
    times = StageTimes()
    last: list[Progress] = []

    def tell(done: "Progress") -> None:
        last[:] = [done]
        on_progress(done)

    report = assay.ingester(times).ingest([folder], collection=collection, on_progress=tell)
    published = time.perf_counter()
    assay.vectors.save()
    saved = time.perf_counter()
    used = _processor_seconds() - used
    again = assay.ingester().ingest([folder], collection=collection)
    ended = time.perf_counter()
    stages: dict[str, float] = {stage: times.seconds[stage] for stage in STAGES}
    stages["index"] = saved - published
    stages["other"] = max(0.0, saved - loaded - sum(stages.values()))
    return MeasuredIngestion(
        files=last[0].files_total if last else 0,
        indexed=report.added + report.changed,
        rejected=report.rejected,
        failed=report.failed + again.failed - report.failed,
        megabytes=(last[0].bytes_total if last else 0) / 1e6,
        passages=report.passages_embedded,
        embedded=times.embedded,
        repeated=times.repeated,
        encoder_seconds=loaded - began,
        seconds=saved - loaded,
        stages=stages,
        reading_seconds=times.reading_seconds,
        unchanged_seconds=ended - saved,
        processor_seconds=used,
        peak_mb=_peak_mb(resource.RUSAGE_SELF),
        readers_peak_mb=_peak_mb(resource.RUSAGE_CHILDREN),
    )


def _processor_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _peak_mb(whose: int) -> float:
    most = resource.getrusage(whose).ru_maxrss
    # Kilobytes, but bytes on macOS.
    return most / (1e6 if sys.platform == "darwin" else 1e3)
