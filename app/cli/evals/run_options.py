"""The options that say how a suite is asked, for every command that asks one."""

from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any

import click

from retrieval.types import Policy

# Field of `RunOptions` (of `answer_policy` it is `policy`), and the name of the option's value ->
# the option.
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
        "controls": click.option(
            "--decoding",
            "controls",
            metavar="JSON",
            help='More decoding controls, such as {"num_beams": 4}.',
        ),
        "abstain_below": click.option(
            "--abstain-below",
            type=click.FloatRange(0, 1),
            help="Abstain when the answer is less probably in the passages than this.",
        ),
        # Gates and schedules have a `--policy` of their own: the rules that a run must meet.
        "answer_policy": click.option(
            "--answer-policy",
            type=click.Choice([one.value for one in Policy]),
            help="Of every collection, in place of its own: what becomes of unsupported sentences.",
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
        controls = chosen.pop("controls")
        policy = chosen.pop("answer_policy")
        chosen["policy"] = None if policy is None else Policy(policy)
        if controls is not None:
            chosen |= _parsed(controls, chosen)
        return command(*given, options=RunOptions(**chosen), **named)

    made: Callable[..., Any] = with_options
    for option in reversed(tuple(_OPTIONS.values())):
        made = option(made)
    return made


def _parsed(controls: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `RunOptions` that `--decoding` names.

    Raises:
        BadParameter: it is no JSON object of them, or names one that has an option of its own too.
    """
    from pydantic import ValidationError

    from app.api.decoding import DecodingRequest
    from app.evaluation.running import RUN_DECODING

    try:
        asked = DecodingRequest.model_validate_json(controls).model_dump(exclude_none=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        said = f"{place}: {first['msg']}" if place else first["msg"]
        raise click.BadParameter(said, param_hint="--decoding") from error
    for name in asked:
        if name not in RUN_DECODING:
            known = ", ".join(RUN_DECODING)
            raise click.BadParameter(
                f"a run has no {name} of its own; known are {known}", param_hint="--decoding"
            )
        if chosen.get(name) is not None:
            option = name.replace("_", "-")
            raise click.BadParameter(
                f"{name} is given here and with --{option}; leave one out", param_hint="--decoding"
            )
    return asked
