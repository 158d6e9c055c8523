"""What callers hand over as evidence, made into texts to judge against. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TypeAlias

Context: TypeAlias = "str | int | float | bool | Sequence[Context] | Mapping[str, Context] | None"

_CASE_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z])|_+")
_FEWEST_FIELDS = 5
_SHORT_VALUE = 80  # characters
_FIELD = re.compile(r"(?P<name>[^:\n]{1,120}): +(?P<value>\S.*)")
# As JSON or Python prints it: an opening brace, after a heading at most, and quoted names.
_PRINTED = re.compile(r"[^{}\n]{0,60}\s*\[?\s*\{")
_PRINTED_NAME = re.compile(r"""(["'])[^"'\n]{1,60}\1\s*:\s""")


def evidence_of(context: Context) -> tuple[str, ...]:
    """Texts of a context, each to be cited by its place and offsets.

    A string is one text. A list of strings is as many texts, in order. A record (an object, also
    one within a list) becomes one text with a paragraph for each value, headed by its path in
    plain words:

        {"petName": "Rex", "hours": {"Monday": "9-5"}}  ->  "pet Name: Rex\n\nhours, Monday: 9-5"

    An absent value (null) is one that says "unknown": a record that does not know is not a
    record that denies. Lists of plain values share one. Empty texts keep their place.
    """
    if isinstance(context, str):
        return (context,)
    if isinstance(context, Mapping):
        return ("\n\n".join(_lines((), context)),)
    if isinstance(context, Sequence):
        return tuple(text for part in context for text in (evidence_of(part) or ("",)))
    return (_plain(context),)


def is_record(texts: Sequence[str]) -> bool:
    """Whether evidence is a record, names with values, and not prose.

    True when each text that says something is: as `evidence_of` writes an object, or as JSON or
    Python prints one. Five names at least; and no dialogue, where names come again.
    """
    said = [text for text in texts if text.strip()]
    return bool(said) and all(_is_listed(text) or _is_printed(text) for text in said)


def _is_listed(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    found = [field for field in map(_FIELD.fullmatch, lines) if field]
    names = {field["name"] for field in found}
    return (
        len(names) >= _FEWEST_FIELDS
        and 4 * len(names) >= 3 * len(lines)
        and median(len(field["value"]) for field in found) <= _SHORT_VALUE
    )


def _is_printed(text: str) -> bool:
    return bool(_PRINTED.match(text)) and len(_PRINTED_NAME.findall(text)) >= _FEWEST_FIELDS


def _lines(path: tuple[str, ...], value: Context) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _lines((*path, _CASE_CHANGE.sub(" ", str(key))), inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if any(isinstance(part, Mapping | list | tuple) for part in value):
            for place, part in enumerate(value, 1):
                yield from _lines((*path, str(place)), part)
        else:
            yield f"{', '.join(path)}: {', '.join(_plain(part) for part in value)}"
    else:
        yield f"{', '.join(path)}: {_plain(value)}"


def _plain(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
