"""The options that say how a suite is asked, for every command that asks one."""

from collections.abc import Callable
from functools import wraps
from types import MappingProxyType
from typing import Any

import click

# Field of `RunOptions`, and the name of the option's value -> the option.
_OPTIONS = MappingProxyType(
    {
        "limit": click.option(
            "--limit", metavar="N", type=click.IntRange(1), help="Ask only the first N cases."
        ),
        "seed": click.option(
            "--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1)
        ),
        "as_user": click.option(
            "--as", "as_user", metavar="PRINCIPAL", help="Read what this user may read."
        ),
        "collection": click.option(
            "--collection", metavar="NAME", help="Look only in this collection."
        ),
        "model": click.option(
            "--engine",
            "model",
            metavar="MODEL",
            help="Another chat model, as ASSAY_MODEL names it.",
        ),
        "temperature": click.option(
            "--temperature", type=click.FloatRange(0, 2), help="0 is greedy, the default."
        ),
        "max_tokens": click.option(
            "--max-tokens", type=click.IntRange(1), help="The longest draft."
        ),
        "abstain_below": click.option(
            "--abstain-below",
            type=click.FloatRange(0, 1),
            help="Abstain when the answer is less probably in the passages than this.",
        ),
        "judges": click.option(
            "--judge",
            "judges",
            metavar="NAME",
            multiple=True,
            help="Score with this judge as well.",
        ),
    }
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a run; it gets them as one `RunOptions`, named `options`."""

    @wraps(command)
    def with_options(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - as click calls commands
        from app.evaluation.running import RunOptions

        chosen = {name: named.pop(name) for name in _OPTIONS}
        return command(*given, options=RunOptions(**chosen), **named)

    made: Callable[..., Any] = with_options
    for option in reversed(tuple(_OPTIONS.values())):
        made = option(made)
    return made
