"""What Prometheus asks for, for administrators: how busy the server is and what it holds.

The text format is written here: a dozen gauges and counters without histograms need no library.
Numbers only: no name, no question, no word of a document.
"""

from collections.abc import Iterator
from typing import NamedTuple

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.desk import Desks
from app.api.desk_state import process_state
from app.api.identity import Identity
from app.api.services import Services

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Metric(NamedTuple):
    name: str
    kind: str
    meaning: str
    values: tuple[tuple[str, float], ...]


def metrics_routes(services: Services, identity: Identity, desks: Desks) -> APIRouter:
    """`GET /metrics`."""
    router = APIRouter(tags=["health"], dependencies=[Depends(identity.administrator)])

    # Not a plain function: the desks belong to the event loop.
    @router.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Gauges and counters as Prometheus reads them; with a key of scope `admin`."""
        held = await run_in_threadpool(_held, services)
        found = [*_desks(desks), *_process(), *held]
        return Response("".join(_lines(found)), media_type=_TYPE)

    return router


def _desks(desks: Desks) -> Iterator[_Metric]:
    both = (("answers", desks.answers), ("verifications", desks.verifications))

    def of(name: str) -> tuple[tuple[str, float], ...]:
        return tuple((f'queue="{queue}"', float(getattr(desk.state, name))) for queue, desk in both)

    yield _Metric("assay_being_made", "gauge", "Requests being worked on.", of("being_made"))
    yield _Metric("assay_waiting", "gauge", "Requests that wait for their turn.", of("waiting"))
    for outcome in ("started", "finished", "failed", "cancelled", "refused"):
        meaning = f"Requests {outcome} since the server started."
        yield _Metric(f"assay_{outcome}_total", "counter", meaning, of(outcome))
    seconds = of("seconds_waited")
    yield _Metric("assay_waited_seconds_total", "counter", "Seconds waited for a turn.", seconds)


def _process() -> Iterator[_Metric]:
    state = process_state()
    known = (
        ("process_resident_memory_bytes", "Resident memory.", state["resident_bytes"]),
        ("process_open_fds", "Open files.", state["open_files"]),
        ("process_threads", "Threads.", state["threads"]),
    )
    for name, meaning, value in known:
        if value is not None:
            yield _Metric(name, "gauge", meaning, (("", float(value)),))


def _held(services: Services) -> list[_Metric]:
    sizes = services.collections.sizes(services.access.everything())
    ready = services.readiness().ready
    held = {
        "assay_collections": ("Collections.", len(sizes)),
        "assay_documents": ("Documents.", sum(size.documents for size in sizes)),
        "assay_passages": ("Passages.", sum(size.passages for size in sizes)),
        "assay_users": ("Users.", len(services.people.users())),
        "assay_ready": ("1 when questions can be answered.", int(ready)),
    }
    return [
        _Metric(name, "gauge", meaning, (("", float(value)),))
        for name, (meaning, value) in held.items()
    ]


def _lines(metrics: list[_Metric]) -> Iterator[str]:
    for metric in metrics:
        yield f"# HELP {metric.name} {metric.meaning}\n# TYPE {metric.name} {metric.kind}\n"
        for labels, value in metric.values:
            name = f"{metric.name}{{{labels}}}" if labels else metric.name
            yield f"{name} {value:g}\n" if value < 1e6 else f"{name} {value:.0f}\n"
