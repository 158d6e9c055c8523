"""What two runs do not share of what they ran on. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evals.types import Json

_NOTHING = "(not there)"
_SHOWN_CHARACTERS = 24


@dataclass(frozen=True, slots=True)
class PinDifference:
    """A pin that two runs do not share. `name` is dotted; a side that lacks it says so."""

    name: str
    first: Json
    second: Json

    def __str__(self) -> str:
        return f"{self.name}: {_short(self.first)} -> {_short(self.second)}"


def pin_differences(
    first: Mapping[str, Json], second: Mapping[str, Json]
) -> tuple[PinDifference, ...]:
    """What two runs do not share of what they ran on, by dotted name.

    A side that lacks a name has the text "(not there)". Lists differ as a whole.
    """
    one, other = dict(_flat(first)), dict(_flat(second))
    return tuple(
        PinDifference(name, one.get(name, _NOTHING), other.get(name, _NOTHING))
        for name in sorted(one.keys() | other.keys())
        if one.get(name, _NOTHING) != other.get(name, _NOTHING)
    )


def pinned_number(pins: Mapping[str, Json], name: str) -> float | None:
    """The number under the last part of a dotted name; None when there is none, or no number."""
    for dotted, value in _flat(pins):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and dotted.rsplit(".", 1)[-1] == name:
            return float(str(value))
    return None


def _flat(pins: Mapping[str, Json], prefix: str = "") -> Iterable[tuple[str, Json]]:
    for name, value in pins.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def is_about(pin: PinDifference, words: Sequence[str]) -> bool:
    """Whether some part of the dotted name holds one of these words."""
    parts = pin.name.lower().split(".")
    return any(word in part for part in parts for word in words)


def named(differing: Sequence[PinDifference], words: Sequence[str]) -> str:
    """Those of the pins that are about these words, to end a sentence with; empty without any."""
    pins = [pin for pin in differing if is_about(pin, words)]
    return f"; {joined(pins)}" if pins else ""


def joined(pins: Sequence[PinDifference]) -> str:
    """Pins on one line."""
    return ", ".join(map(str, pins))


def _short(value: Json) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
