"""What commands say and how: results to standard output, everything else to standard error."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import click

# verdict -> how people see it
MARKS = MappingProxyType({"supported": "✓", "partly": "~", "unsupported": "?", "contradicted": "✗"})
_EXCERPT_CHARACTERS = 300
# What JSON may hold as it is and some readers take for the end of a line.
_LINE_BREAKS = str.maketrans({char: f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"})


@dataclass(slots=True)
class Terminal:
    """How this run of the command line talks. With `is_json`, standard output is only JSON."""

    is_json: bool = False

    def result(self, value: Any) -> None:  # noqa: ANN401 - anything JSON can hold
        """Print one JSON object on one line."""
        click.echo(json_line(value))

    def line(self, text: str = "", *, colour: str | None = None) -> None:
        """Print a line for people, coloured on a terminal; nothing with `--json`."""
        if not self.is_json:
            click.echo(click.style(printable(text), fg=colour) if colour else printable(text))

    def write(self, text: str) -> None:
        """Print a piece of a line at once."""
        click.echo(printable(text), nl=False)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Tell people what is going on, on standard error."""
        # Not `click.echo`: it would go past a progress bar, which keeps its line free.
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--json`."""

    def remember(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001
        context.ensure_object(Terminal).is_json = value

    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=remember,
        help="Print only JSON on standard output.",
    )(command)


@contextmanager
def progress(
    title: str,
    total: float | None,
    *,
    unit: str = "",
    after_seconds: float = 0.0,
    remarks_time_left: bool = False,
) -> Iterator[Callable[[float, str], None]]:
    """Show how far a long task is, with the time left, while standard error is a terminal.

    Args:
        total: None when nobody knows.
        after_seconds: a task that is done by then shows nothing.
        remarks_time_left: the remark says how long it will take: the bar need not guess.

    Yields:
        A function to be told how much is done, in the unit of `total`, and a remark.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _remark: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        *([] if remarks_time_left else [TimeRemainingColumn()]),
        TextColumn("{task.fields[remark]}" + unit, markup=False),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(title, total=None if total is None else total or 1, remark="")
    begun = time.monotonic()

    def show(done: float, remark: str) -> None:
        bar.update(task, completed=done, remark=remark)
        if time.monotonic() - begun >= after_seconds:
            bar.start()

    if after_seconds <= 0:
        bar.start()
    try:
        yield show
    finally:
        bar.stop()


def json_line(value: Any) -> str:  # noqa: ANN401 - anything JSON can hold
    """The value as JSON on one line, whatever its reader takes for the end of one."""
    return json.dumps(value, ensure_ascii=False).translate(_LINE_BREAKS)


def excerpt(text: str) -> str:
    """The beginning of a text, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _EXCERPT_CHARACTERS else flat[:_EXCERPT_CHARACTERS] + "…"


def printable(text: str) -> str:
    """Make control characters visible: text from files must not drive the terminal."""
    return "".join(
        char if char in "\n\t" or char.isprintable() else f"\\u{ord(char):04x}" for char in text
    )
