"""What commands say and how: results to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click


@dataclass(slots=True)
class Terminal:
    """How this run of the command line talks. With `is_json`, standard output is only JSON."""

    is_json: bool = False

    def result(self, value: Any) -> None:  # noqa: ANN401 - anything JSON can hold
        """Print one JSON object on one line."""
        click.echo(json.dumps(value, ensure_ascii=False))

    def line(self, text: str = "") -> None:
        """Print a line for people; nothing with `--json`."""
        if not self.is_json:
            click.echo(printable(text))

    def write(self, text: str) -> None:
        """Print a piece of a line at once."""
        click.echo(printable(text), nl=False)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Tell people what is going on, on standard error."""
        click.echo(printable(text), err=True)


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
def progress(title: str, total: float, *, unit: str = "") -> Iterator[Callable[[float, str], None]]:
    """Show how far a long task is, with the time left, while standard error is a terminal.

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
        TimeRemainingColumn(),
        TextColumn("{task.fields[remark]}" + unit, markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total or 1, remark="")
        yield lambda done, remark: bar.update(task, completed=done, remark=remark)


def printable(text: str) -> str:
    """Make control characters visible: text from files must not drive the terminal."""
    return "".join(
        char if char in "\n\t" or char.isprintable() else f"\\u{ord(char):04x}" for char in text
    )
