"""`assay bench`."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.beir import beir
from app.cli.bench_ingestion import ingest
from app.cli.terminal import Terminal, json_option, progress

if TYPE_CHECKING:
    from app.models.benchmark import Measured
    from evals.groundedness import Group
    from evals.metrics.resampling import Interval
    from evals.speed.measuring import Spread

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def bench() -> None:
    """Measure Assay on a collection, or on labelled responses."""


bench.add_command(beir)
bench.add_command(ingest)


@bench.command(
    epilog="\b\nExamples:\n  assay bench groundedness dev.jsonl.gz\n"
    "  assay bench groundedness test.jsonl --by model --fit-on train.jsonl.gz --json"
)
@click.argument("file", type=_file)
@click.option("--by", metavar="FIELD", help="Report by this field  [default: task, else ds]")
@click.option(
    "--fit-on", type=_file, help="Fit the baselines to this file  [default: cross-validation]"
)
@json_option
@click.pass_obj
def groundedness(terminal: Terminal, file: Path, by: str | None, fit_on: Path | None) -> None:
    """Measure how well the verifier finds unsupported responses.

    FILE has a labelled response on each line: context, response (or claim), and label (1 supported,
    0 not) or hallucinated (true, false); question, task, and src (what responses have in common)
    are optional. Unsupported is the positive class. Intervals are 95 % bootstraps over sources.
    """
    from app.bootstrap import load_response_verifier
    from evals.groundedness import RESAMPLES, baselines, groups, read_cases, verify

    cases = read_cases(file, by=by)
    known = read_cases(fit_on) if fit_on else None
    verifier = load_response_verifier()
    with progress("Verifying", len(cases)) as show:
        verified = verify(
            cases, verifier, on_progress=lambda done: show(done, f"{done} of {len(cases)}")
        )
    found = groups(cases, verified, baselines(cases, known))
    note = f"fitted on {fit_on} and frozen" if fit_on else _CROSS_FITTED
    if terminal.is_json:
        everything = found.pop("")
        terminal.result(
            {
                "verifier": verified.version,
                "positive": "unsupported",
                "baselines": note,
                "resamples": RESAMPLES,
                "tasks": {name: asdict(group) for name, group in found.items()},
                "overall": asdict(everything),
            }
        )
        return
    terminal.line(f"verifier {verified.version}; the unsupported responses are the positive class")
    terminal.line(f"length only and lexical: {note}")
    terminal.line(f"intervals: 95 %, {RESAMPLES} bootstrap resamples of whole sources")
    for name, group in found.items():
        _show_group(terminal, name or "overall", group)


_CROSS_FITTED = (
    "fitted on this file by cross-validation: an advantage over the verifier, which saw none of it"
)


def _show_group(terminal: Terminal, name: str, group: "Group") -> None:
    from evals.groundedness import ALWAYS, DIFFERENCE, LENGTH, LEXICAL, VERIFIER

    terminal.line()
    terminal.line(
        f"{name}: {group.responses} responses to {group.sources} sources, "
        f"{group.unsupported_share:.1%} unsupported"
    )
    others = (LEXICAL, LENGTH, ALWAYS)
    terminal.line(_row("", VERIFIER, others))
    for metric, interval in group.systems[VERIFIER].items():
        values = [group.systems[other].get(metric) for other in others]
        terminal.line(_row(metric, _shown(interval), (_value(value) for value in values)))
    for metric, interval in group.systems[DIFFERENCE].items():
        terminal.line(_row(f"{metric}, minus lexical", _shown(interval, sign="+")))


def _row(label: str, verifier: str, others: Iterable[str] = ()) -> str:
    return f"  {label:22}{verifier:26}{''.join(f'{other:16}' for other in others)}".rstrip()


def _shown(interval: "Interval", sign: str = "-") -> str:
    if interval.value is None:
        return "undefined"
    value = f"{interval.value:{sign}.3f}"
    if interval.low is None or interval.high is None:
        return value
    return f"{value} ({interval.low:{sign}.3f} to {interval.high:{sign}.3f})"


def _value(interval: "Interval | None") -> str:
    if interval is None:
        return ""
    return "undefined" if interval.value is None else f"{interval.value:.3f}"


@bench.command(
    epilog="\b\nExamples:\n  assay bench generate\n"
    "  assay bench generate --prompt-tokens 2000 --new-tokens 128 --json\n"
    "  assay bench generate --compare llama.cpp"
)
@click.option("--prompt-tokens", type=click.IntRange(1), default=350, show_default=True)
@click.option("--new-tokens", type=click.IntRange(2), default=64, show_default=True)
@click.option("--runs", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="[default: one for each core]")
@click.option(
    "--compare",
    type=click.Choice(["llama.cpp"]),
    help="Measure this in turn with ours, on the same GGUF file.",
)
@json_option
@click.pass_obj
def generate(
    terminal: Terminal,
    prompt_tokens: int,
    new_tokens: int,
    runs: int,
    threads: int | None,
    compare: str | None,
) -> None:
    """Measure how fast the chat model on this machine reads and writes.

    Greedy, one request at a time, past the end of the text: exactly so many tokens after a prompt
    of exactly so many, cut from the sample documents. Each prompt is asked twice, new and cached;
    then the same with speculation. Medians, with the smallest and largest value.
    """
    from app.bootstrap import SAMPLES
    from app.cli.opening import preparation_bar
    from app.models.benchmark import measure_generation
    from app.settings import read_settings

    documents = SAMPLES.joinpath("documents")
    text = "\n".join(documents.joinpath(name).read_text(encoding="utf-8") for name in _SAMPLE_TEXTS)
    choice = read_settings().engine_choice
    systems = 3 if compare else 2
    total = (runs + 1) * systems
    with (
        preparation_bar() as prepare,
        progress("Measuring", total, after_seconds=0.1) as show,
    ):
        measured = measure_generation(
            choice,
            text,
            prompt_tokens=prompt_tokens,
            new_tokens=new_tokens,
            runs=runs,
            threads=threads,
            beside_llama_cpp=compare is not None,
            on_prepare=prepare,
            on_progress=lambda done, name: show(done, f"{done} of {total}, {name}"),
        )
    if terminal.is_json:
        terminal.result(measured.as_json())
        return
    _show_speed(terminal, measured)


# Ordinary text to cut prompts from.
_SAMPLE_TEXTS = ("notes.txt", "minutes-2026-03.md")


def _show_speed(terminal: Terminal, measured: "Measured") -> None:
    info = measured.engine
    threads = "" if measured.threads is None else f", {measured.threads} threads"
    parts = ", ".join(filter(None, (info.runtime, info.precision, info.device)))
    terminal.line(f"{info.name}: {parts}{threads}")
    terminal.line(f"weights_sha256 {info.weights}")
    for name, speed in measured.speeds.items():
        terminal.line(
            f"{name}: {speed.prompt_tokens} prompt tokens, {speed.new_tokens} new tokens, "
            f"{measured.runs} runs"
        )
        terminal.line(f"  first_token_ms            {_ranged(speed.first_token_ms)}")
        terminal.line(
            f"  with the prompt cached    {_ranged(speed.first_token_cached_ms)}  "
            f"({speed.cached_tokens} tokens not read)"
        )
        terminal.line(f"  decode_tokens_per_second  {_ranged(speed.decode_tokens_per_second)}")
    for name, times in measured.ratios.items():
        for what, spread in times.items():
            terminal.line(f"{name}, times as fast as llama.cpp, {what}: {_ranged(spread)}")


def _ranged(spread: "Spread") -> str:
    if spread.median is None or spread.least is None or spread.most is None:
        return "undefined"
    return f"{spread.median:.2f} ({spread.least:.2f} to {spread.most:.2f})"
