"""`assay bench beir`."""

import resource
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.terminal import Terminal, json_option, progress
from retrieval.types import Mode
from retrieval.vectors.kinds import Kind

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from evals.beir import Measured, Query
    from evals.metrics.estimate import Estimate
    from evals.metrics.resampling import Interval
    from retrieval.search import Searcher

_folder = click.Path(exists=True, file_okay=False, path_type=Path)
_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_MODES = tuple(mode.value for mode in Mode)
_KINDS = tuple(kind.value for kind in Kind)


@dataclass(frozen=True, slots=True)
class _System:
    """What is measured: queries, and which indexes they are asked of.

    `kind` None: the vector index of the home. `is_reranked`: with the reranker, if there is one.
    """

    label: str
    mode: Mode
    queries: "Sequence[Query]"
    kind: Kind | None = None
    is_reranked: bool = False


@click.command(
    epilog="\b\nExamples:\n  assay bench beir data/scifact\n"
    "  assay bench beir data/scifact --compare dense --compare lexical\n"
    "  assay bench beir data/mtrag/cloud --compare rewrite --json\n"
    "  assay bench beir data/scifact --index lists --compare flat"
)
@click.argument("folder", type=_folder)
@click.option("--mode", type=click.Choice(_MODES), default=Mode.HYBRID.value, show_default=True)
@click.option(
    "--queries",
    metavar="FILE|NAME",
    help="A file, or NAME for FOLDER/queries_NAME.jsonl  "
    "[default: FOLDER/queries.jsonl, else queries_questions.jsonl]",
)
@click.option("--qrels", type=_file, help="[default: FOLDER/qrels/test.tsv, else dev.tsv]")
@click.option(
    "--compare",
    "others",
    multiple=True,
    metavar="MODE|KIND|NAME",
    help="Measure this on the same queries too: a mode, a kind of index, or queries_NAME.jsonl.",
)
@click.option(
    "--index",
    type=click.Choice(("auto", *_KINDS)),
    help="Kind of vector index; auto is what suits the number of passages  [default: ASSAY_INDEX]",
)
@click.option(
    "--rerank",
    metavar="MODEL",
    help="Have a CrossEncoder read the first passages again: a folder, or a hub id; "
    "--compare hybrid is without  [default: ASSAY_RERANKER]",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the indexed corpus here, for the next run  [default: a temporary folder]",
)
@json_option
@click.pass_obj
def beir(
    terminal: Terminal,
    folder: Path,
    mode: str,
    queries: str | None,
    qrels: Path | None,
    others: tuple[str, ...],
    index: str | None,
    rerank: str | None,
    work: Path | None,
) -> None:
    """Measure retrieval on a collection in BEIR form.

    Indexes the corpus apart from your documents, through the product's own passages, encoder,
    indexes and fusion. The score of a document is that of its best passage. Queries that are
    conversations, as MTRAG's are, are searched as a chat searches them.
    """
    from app.bootstrap import Assay
    from app.settings import read_settings
    from evals.beir import default_qrels

    judged = qrels or default_qrels(folder)
    settings = read_settings()
    reranker = rerank or settings.reranker
    if rerank and Mode(mode) is not Mode.HYBRID:
        raise click.UsageError(f"--rerank reads again what --mode hybrid finds, not {mode}")
    is_reranked = reranker is not None and Mode(mode) is Mode.HYBRID
    systems = _systems(folder, Mode(mode), queries, judged, others, is_reranked=is_reranked)
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as temporary:
        changed = {
            "home": work or Path(temporary),
            "index": index or settings.index,
            "reranker": reranker,
        }
        assay = Assay(settings.model_copy(update=changed))
        try:
            readable = _indexed(assay, folder)
            vectors = assay.vectors.current()
            measured = {}
            for system in systems:
                searcher = assay.searcher
                if system.kind is not None:
                    searcher = assay.searcher_over(system.kind, Path(temporary, system.label))
                if not system.is_reranked:
                    searcher = searcher.without_reranker()
                measured[system.label] = _measured(searcher, system, readable)
        finally:
            assay.close()
    report = {**_report(measured), "passages": len(vectors), "index": vectors.kind.value}
    if terminal.is_json:
        terminal.result(report)
        return
    _show(terminal, measured, report)


def _systems(
    folder: Path,
    mode: Mode,
    queries: str | None,
    qrels: Path,
    others: Sequence[str],
    *,
    is_reranked: bool,
) -> list[_System]:
    from evals.beir import queries_file, read_queries

    file = queries_file(folder)
    if queries is not None:
        given = Path(queries)
        file = given if given.is_file() else queries_file(folder, queries)
    asked = read_queries(file, qrels)
    label = "reranked" if is_reranked else mode.value
    systems = [_System(label, mode, asked, is_reranked=is_reranked)]
    for other in others:
        if other in _MODES:
            systems.append(_System(other, Mode(other), asked))
            continue
        if other in _KINDS:
            systems.append(_System(other, mode, asked, Kind(other), is_reranked))
            continue
        variant = {query.id: query for query in read_queries(queries_file(folder, other), qrels)}
        if missing := [query.id for query in asked if query.id not in variant]:
            raise click.UsageError(
                f"--compare {other}: queries_{other}.jsonl lacks {len(missing)} of the queries, "
                f"the first is {missing[0]!r}"
            )
        rewritten = [variant[query.id] for query in asked]
        systems.append(_System(other, mode, rewritten, is_reranked=is_reranked))
    labels = [system.label for system in systems]
    if len(set(labels)) < len(labels):
        raise click.UsageError("--compare names what is measured already; leave it out")
    return systems


def _indexed(assay: "Assay", folder: Path) -> frozenset[int]:
    """Index what of the corpus is not yet there; the collection it is in."""
    from evals.beir import read_corpus
    from ingestion.publishing import publish_all

    collection = assay.store.ensure_collection(folder.name)
    known = assay.store.known_files(collection)
    corpus = [file for file in read_corpus(folder) if file.path not in known]
    with progress("Indexing", len(corpus)) as show:
        files = publish_all(corpus, store=assay.store, collection=collection, encoder=assay.encoder)
        for done, _ in enumerate(files, start=1):
            show(done, f"{done} of {len(corpus)} documents")
    # Of the kind that suits, now that all is there.
    assay.vectors.save()
    return frozenset({collection.id})


def _measured(searcher: "Searcher", system: _System, readable: frozenset[int]) -> "Measured":
    from evals.beir import PASSAGES_PER_QUERY, measure

    total = len(system.queries)
    # The first search loads what the others find loaded.
    searcher.search("warm up", readable=readable, k=1, mode=system.mode)
    with progress(f"Searching, {system.label}", total) as show:
        return measure(
            system.queries,
            lambda query: searcher.search(
                query.text,
                readable=readable,
                k=PASSAGES_PER_QUERY,
                mode=system.mode,
                earlier=query.history,
            ),
            on_progress=lambda done: show(done, f"{done} of {total} queries"),
        )


def _report(measured: "Mapping[str, Measured]") -> dict[str, Any]:
    (_, first), *others = measured.items()
    report: dict[str, Any] = {name: asdict(one) for name, one in first.estimates().items()}
    report["latency_ms"] = first.latency_ms()
    report["peak_mb"] = _peak_mb()
    if others:
        report["compared"] = {
            label: {
                "scores": {name: asdict(one) for name, one in other.estimates().items()},
                "latency_ms": other.latency_ms(),
                "difference": {name: asdict(one) for name, one in first.over(other).items()},
            }
            for label, other in others
        }
    return report


def _peak_mb() -> int:
    """The most memory this process has had, megabytes of 10^6 bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) // 1_000_000


def _show(
    terminal: Terminal, measured: "Mapping[str, Measured]", report: Mapping[str, Any]
) -> None:
    (label, first), *others = measured.items()
    for name, score in first.estimates().items():
        terminal.line(_score(name, score))
    terminal.line(_latency(label, first))
    terminal.line(
        f"{report['passages']} passages, vector index of kind {report['index']}, "
        f"peak memory {report['peak_mb']} MB"
    )
    for other_label, other in others:
        terminal.line()
        for name, score in other.estimates().items():
            terminal.line(f"{other_label}: {_score(name, score)}")
        terminal.line(_latency(other_label, other))
        for name, difference in first.over(other).items():
            terminal.line(f"{label} - {other_label}: {name} {_difference(difference)}")


def _score(name: str, score: "Estimate") -> str:
    value = "undefined" if score.value is None else f"{score.value:.4f}"
    interval = "" if score.low is None else f"  95% {score.low:.4f} to {score.high:.4f}"
    return f"{name} {value}  n={score.scored}{interval}"


def _latency(label: str, measured: "Measured") -> str:
    found = measured.latency_ms()
    times = ", ".join(
        f"{name} {'undefined' if value is None else f'{value:.1f} ms'}"
        for name, value in found.items()
    )
    return f"{label}: {times} a search"


def _difference(interval: "Interval") -> str:
    if interval.value is None:
        return "undefined"
    if interval.low is None or interval.high is None:
        return f"{interval.value:+.4f}"
    return f"{interval.value:+.4f}  95% {interval.low:+.4f} to {interval.high:+.4f}"
