"""`assay bench`."""

import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from app.cli.terminal import Terminal, json_option, progress
from retrieval.types import Mode

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_folder = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def bench() -> None:
    """Measure Assay on a collection."""


@bench.command(
    epilog="\b\nExamples:\n  assay bench beir data/scifact\n"
    "  assay bench beir data/scifact --mode dense --json"
)
@click.argument("folder", type=_folder)
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.HYBRID.value,
    show_default=True,
)
@click.option("--queries", type=_file, help="[default: FOLDER/queries.jsonl]")
@click.option("--qrels", type=_file, help="[default: FOLDER/qrels/test.tsv, else dev.tsv]")
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
    queries: Path | None,
    qrels: Path | None,
    work: Path | None,
) -> None:
    """Measure retrieval on a collection in BEIR form.

    Indexes the corpus apart from your documents, through the product's own passages, encoder,
    indexes and fusion. The score of a document is that of its best passage.
    """
    from app.bootstrap import Assay
    from app.settings import read_settings
    from evals.beir import PASSAGES_PER_QUERY, default_qrels, measure, read_corpus, read_queries
    from ingestion.publishing import publish_all

    asked = read_queries(queries or folder / "queries.jsonl", qrels or default_qrels(folder))
    settings = read_settings()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as temporary:
        assay = Assay(settings.model_copy(update={"home": work or Path(temporary)}))
        collection = assay.store.ensure_collection(folder.name)
        known = assay.store.known_files(collection)
        corpus = [file for file in read_corpus(folder) if file.path not in known]
        with progress("Indexing", len(corpus)) as show:
            files = publish_all(
                corpus, store=assay.store, collection=collection, encoder=assay.encoder
            )
            for done, _ in enumerate(files, start=1):
                show(done, f"{done} of {len(corpus)} documents")
        readable = frozenset({collection.id})
        with progress("Searching", len(asked)) as show:
            scores = measure(
                asked,
                lambda text: assay.searcher.search(
                    text, readable=readable, k=PASSAGES_PER_QUERY, mode=Mode(mode)
                ),
                on_progress=lambda done: show(done, f"{done} of {len(asked)} queries"),
            )
    if terminal.is_json:
        terminal.result({name: asdict(score) for name, score in scores.items()})
        return
    for name, score in scores.items():
        value = "undefined" if score.value is None else f"{score.value:.4f}"
        interval = "" if score.low is None else f"  95% {score.low:.4f} to {score.high:.4f}"
        terminal.line(f"{name} {value}  n={score.scored}{interval}")
