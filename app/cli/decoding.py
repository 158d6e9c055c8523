"""The decoding controls as options, under a heading of their own in the help."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

_BEAMS = 16


class DecodingOption(click.Option):
    """An option that is listed under "Decoding"."""


class CommandWithDecoding(click.Command):
    """A command whose help has two lists of options: its own, and the decoding controls."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both lists."""
        lists: dict[str, list[tuple[str, str]]] = {"Options": [], "Decoding": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                is_ours = isinstance(parameter, DecodingOption)
                lists["Decoding" if is_ours else "Options"].append(record)
        for title, records in lists.items():
            with formatter.section(title):
                formatter.write_dl(records)


def _option(name: str, type_: "click.ParamType[Any]", text: str, **more: Any) -> Callable[..., Any]:  # noqa: ANN401 - click's own arguments
    return click.option(name, cls=DecodingOption, type=type_, help=text, **more)


_OPTIONS = (
    _option("--max-tokens", click.IntRange(1), "The longest draft, in tokens."),
    _option(
        "--temperature",
        click.FloatRange(0, 2),
        "Above 0 tokens are drawn, the more evenly the higher; 0 takes the most probable one.",
    ),
    _option(
        "--top-p",
        click.FloatRange(0, 1, min_open=True),
        "Draw from the most probable tokens that together have this probability.",
    ),
    _option("--top-k", click.IntRange(0), "Draw from so many of the most probable; 0 is off."),
    _option(
        "--min-p",
        click.FloatRange(0, 1),
        "Draw from those at least this times as probable as the most probable one.",
    ),
    _option("--seed", click.IntRange(0, 2**32 - 1), "Makes what is drawn repeat."),
    _option(
        "--num-beams",
        click.IntRange(1, _BEAMS),
        "2 or more: beam search over so many texts, nothing is drawn.",
    ),
    _option(
        "--length-penalty",
        click.FloatRange(-5, 5),
        "Beams are ranked by log-probability / length ** this; above 0 favours long ones.",
    ),
    _option(
        "--repetition-penalty",
        click.FloatRange(0, 2, min_open=True),
        "Above 1 makes tokens that stand in the prompt or the draft less probable.",
    ),
    _option(
        "--presence-penalty",
        click.FloatRange(-2, 2),
        "Above 0 makes tokens that the draft has less probable.",
    ),
    _option(
        "--frequency-penalty",
        click.FloatRange(-2, 2),
        "The same, for each time that it has them.",
    ),
    _option("--stop", click.STRING, "The draft ends before this; up to four times.", multiple=True),
    _option(
        "--logprobs",
        click.BOOL,
        "Give each token with its log-probability (in --json).",
        is_flag=True,
        default=None,
    ),
)
NAMES = (
    *("max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "num_beams"),
    *("length_penalty", "repetition_penalty", "presence_penalty", "frequency_penalty"),
    *("stop", "logprobs"),
)


def decoding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the controls; it gets those that were given as one dict, named `asked`."""

    @wraps(command)
    def with_options(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - as click calls commands
        chosen = {name: named.pop(name) for name in NAMES}
        asked = {name: value for name, value in chosen.items() if value not in (None, ())}
        return command(*given, asked=asked, **named)

    made: Callable[..., Any] = with_options
    for option in reversed(_OPTIONS):
        made = option(made)
    return made
