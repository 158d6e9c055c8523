"""What is made: records, and overviews of them whose wrong words are known."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Written:
    """One sentence of an overview.

    `unsupported` holds the spans of `text` (code points) that are wrong, in order; it is empty
    exactly when the sentence is supported. `contradicts` is True when the record says otherwise,
    False when it does not say.
    """

    text: str
    is_supported: bool
    contradicts: bool
    unsupported: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """A record (JSON-able) and an overview of it, four to ten sentences in order."""

    record: dict[str, Any]
    sentences: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """An overview with how it was made: the kind of record, and one fault ("" for none) for each
    sentence."""

    kind: str
    overview: Overview
    faults: tuple[str, ...]
