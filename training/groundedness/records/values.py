"""Shapes of values: there or not, one of several, several at once."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trait:
    """A yes-or-no value: alternative keys, the noun lists use, and what is said of either."""

    keys: str
    noun: str
    yes: tuple[str, ...]
    no: tuple[str, ...]
    tails: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values, each with what is said of it; `none` are those that deny."""

    keys: str
    options: Mapping[str, tuple[str, ...]]
    none: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class Several:
    """An object of yes-or-no values: how each is called, and what is said of those that hold."""

    keys: str
    kinds: Mapping[str, str]
    has: tuple[str, ...]
    lacks: tuple[str, ...]
    none: tuple[str, ...]
    about: str = ""
