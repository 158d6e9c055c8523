"""`assay verify`."""

import json
import signal
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import click

from app.cli.terminal import MARKS, Terminal, excerpt, json_line, json_option, progress
from app.errors import CommandFailed

if TYPE_CHECKING:
    from app.api.claims import VerifyItem
    from generation.groundedness.types import ResponseVerifier

RESPONSES_AT_ONCE = 16
LONGEST_LINE_BYTES = 8_000_000
_COLOURS = {"supported": "green", "partly": "yellow", "unsupported": "red", "contradicted": "red"}
_STOPPED = 130

# What is printed for a line: a verification, or {"error": …}.
Outcome: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of the input that cannot be verified, and why."""

    reason: str


@dataclass(slots=True)
class Tally:
    """What a run came to."""

    responses: int = 0
    flagged: int = 0
    blocked: int = 0
    bad_lines: int = 0

    def count(self, outcome: Outcome) -> None:
        """Take one more line in."""
        if "error" in outcome:
            self.bad_lines += 1
            return
        self.responses += 1
        self.flagged += outcome["flagged"]
        self.blocked += outcome["blocked"]

    def __str__(self) -> str:
        bad = f"; bad lines: {self.bad_lines}" if self.bad_lines else ""
        return f"{self.responses} responses: {self.flagged} flagged, {self.blocked} blocked{bad}"


@click.command(
    epilog="\b\nExamples:\n  assay verify answers.jsonl\n"
    "  assay verify answers.jsonl --json > verdicts.jsonl\n"
    "  tail -n 100 answers.jsonl | assay verify - --output verdicts.jsonl"
)
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the JSON lines to this file.",
)
@json_option
@click.pass_context
def verify(context: click.Context, file: Path, output: Path | None) -> None:
    """Judge responses against their contexts, sentence by sentence.

    FILE has a JSON object on each line, with the context (text, a list of texts, or an object) and
    the response that must rest on it; the question and an id are optional. `-` is standard input.
    A bad line is named with the reason and stops nothing.
    """
    from app.bootstrap import load_response_verifier

    terminal: Terminal = context.obj
    tally = Tally()
    with ExitStack() as stack:
        source = stack.enter_context(click.open_file(str(file), "rb"))
        try:
            verifier = load_response_verifier()
            target = stack.enter_context(_opened(output, file)) if output else None
            if target is None and terminal.is_json:
                target = sys.stdout.buffer
            found = outcomes(lines_of(source), verifier)
            if output or not sys.stdout.isatty():
                found = _with_progress(found, source, file)
            with closing(found):
                for number, outcome in enumerate(found, start=1):
                    tally.count(outcome)
                    _tell(terminal, number, outcome, target)
        except KeyboardInterrupt:
            terminal.note(f"stopped after {tally}")
            context.exit(_STOPPED)
    terminal.line(str(tally), colour="red" if tally.flagged else None)
    context.exit(1 if tally.bad_lines else 0)


def outcomes(
    lines: Iterable[bytes | BadLine], verifier: "ResponseVerifier"
) -> Generator[Outcome, None, None]:
    """What is found about each line, in order, a few at a time whatever their number."""
    from app.api.claims import verified

    numbered = enumerate(lines, start=1)
    while batch := list(islice(numbered, RESPONSES_AT_ONCE)):
        read = [(number, _item_of(line)) for number, line in batch]
        items = [item for _, item in read if not isinstance(item, BadLine)]
        found = iter(verified(items, verifier) if items else [])
        for number, item in read:
            if isinstance(item, BadLine):
                yield {"error": f"line {number}: {item.reason}"}
            else:
                yield next(found)


def _item_of(line: bytes | BadLine) -> "VerifyItem | BadLine":
    from pydantic import ValidationError

    from app.api.claims import VerifyItem

    if isinstance(line, BadLine):
        return line
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return BadLine("it is not UTF-8 text")
    except (ValueError, RecursionError):
        return BadLine("it is not JSON" if line.strip() else "it is empty")
    if not isinstance(value, dict):
        return BadLine("expected an object with a context and a response")
    try:
        return VerifyItem.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        return BadLine(f"{'.'.join(map(str, first['loc']))}: {message}")


def lines_of(file: IO[bytes]) -> Iterator[bytes | BadLine]:
    """The lines, ended by a line feed alone; never more than the longest one in memory."""
    while line := file.readline(LONGEST_LINE_BYTES + 1):
        if len(line) <= LONGEST_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE_BYTES)
        yield BadLine(f"it is longer than {LONGEST_LINE_BYTES:,} bytes; send the part that matters")


def _with_progress(
    found: Iterator[Outcome], source: IO[bytes], file: Path
) -> Generator[Outcome, None, None]:
    """The outcomes, while it is shown how much of the file has been read and how fast."""
    total = file.stat().st_size if file.is_file() else None
    begun = time.monotonic()
    with progress("Verifying", total, after_seconds=2) as show:
        for done, outcome in enumerate(found, start=1):
            yield outcome
            rate = done / max(time.monotonic() - begun, 1e-3)
            show(source.tell() if total else done, f"{done:,} responses, {rate:.1f} a second")


def _opened(output: Path, file: Path) -> IO[bytes]:
    if output.exists() and file.exists() and output.samefile(file):
        raise CommandFailed(f"{output} is the input; choose another file for --output")
    if not output.parent.is_dir():
        raise CommandFailed(f"there is no folder {output.parent}; make it first")
    return output.open("wb")


def _tell(terminal: Terminal, number: int, outcome: Outcome, target: IO[bytes] | None) -> None:
    if "error" in outcome:
        terminal.note(outcome["error"])
    if target is not None:
        _write(target, outcome)
    elif "error" not in outcome:
        _show(terminal, number, outcome)


def _write(target: IO[bytes], outcome: Outcome) -> None:
    """Write a JSON line, all of it, even if Ctrl-C is pressed and the stream is unbuffered."""
    left = memoryview(f"{json_line(outcome)}\n".encode())
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda signum, _: pressed.append(signum))
    try:
        while left:
            left = left[target.write(left) :]
        target.flush()
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed and callable(before):
        before(signal.SIGINT, None)


def _show(terminal: Terminal, number: int, outcome: Outcome) -> None:
    """A response for people: how it stands as a whole, then its sentences with their evidence."""
    state = "blocked" if outcome["blocked"] else "flagged" if outcome["flagged"] else "passed"
    name = f" ({outcome['id']})" if outcome.get("id") is not None else ""
    colour = "green" if state == "passed" else "red"
    score = f"score {outcome['score']:.2f}"
    terminal.line(f"{number}{name}: {state}, {score}", colour=colour)
    for sentence in outcome["sentences"]:
        verdict = sentence["verdict"]
        shown = f"  {MARKS[verdict]} {sentence['score']:.2f}  {excerpt(sentence['text'])}"
        terminal.line(shown, colour=_COLOURS[verdict])
        for span in sentence["spans"]:
            terminal.line(f"          text {span['context']}: “{excerpt(span['quote'])}”")
    terminal.line()
