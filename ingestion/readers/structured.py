"""JSON and JSON lines: every value with the names that lead to it.

The members of the outermost object, and the entries of the outermost list, become sections, so
that a passage says which record it is from.
"""

import json
from collections.abc import Iterator

from ingestion.errors import UnreadableFile
from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.types import BlockKind, ParsedDocument

TOO_DEEP = "its values are nested too deeply to read; flatten it"
_MOST_LEVELS = 200  # of nesting; what lies deeper is given as JSON
_TITLE_KEYS = ("title", "name", "subject", "headline")
_LONGEST_HEADING = 120
Value = object


def read_json(name: str, data: bytes) -> ParsedDocument:
    """Read a JSON file, or one with a JSON value on each line."""
    builder = DocumentBuilder()
    value = _parsed(decoded(data))
    if isinstance(value, dict):
        _append_object(builder, value)
    elif isinstance(value, list):
        for number, entry in enumerate(value, start=1):
            _append_record(builder, number, entry)
    else:
        builder.add(BlockKind.PARAGRAPH, _shown(value))
    return builder.build(title_of(name), Format.JSON.value)


def _parsed(text: str) -> Value:
    """The value; a list of them when each line is one."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise UnreadableFile(TOO_DEEP) from error
    except ValueError as whole_error:
        lines = [line for line in text.split("\n") if line.strip()]
        try:
            return [json.loads(line) for line in lines]
        except RecursionError as error:
            raise UnreadableFile(TOO_DEEP) from error
        except ValueError:
            raise UnreadableFile(f"it is damaged JSON ({whole_error})") from whole_error


def _append_object(builder: DocumentBuilder, value: dict[str, Value]) -> None:
    """Scalars first-hand as lines, larger members under a heading with their name."""
    lines: list[str] = []
    for key, member in value.items():
        if isinstance(member, dict | list) and member:
            _add_lines(builder, lines)
            lines = []
            builder.add(BlockKind.HEADING, one_line(key)[:_LONGEST_HEADING], level=1)
            if isinstance(member, list) and any(isinstance(entry, dict) for entry in member):
                for number, entry in enumerate(member, start=1):
                    _append_record(builder, number, entry, level=2)
            else:
                _add_lines(builder, list(_lines(member)))
        else:
            lines.extend(_lines(member, key))
    _add_lines(builder, lines)


def _append_record(builder: DocumentBuilder, number: int, value: Value, *, level: int = 1) -> None:
    if isinstance(value, dict) and value:
        names = (value[key] for key in _TITLE_KEYS if isinstance(value.get(key), str))
        name = one_line(str(next(names, "")))[:_LONGEST_HEADING]
        heading = f"Item {number}: {name}" if name else f"Item {number}"
        builder.add(BlockKind.HEADING, heading, level=level)
    _add_lines(builder, list(_lines(value)))


def _add_lines(builder: DocumentBuilder, lines: list[str]) -> None:
    builder.add(BlockKind.TABLE, "\n".join(lines))


def _lines(value: Value, path: str = "") -> Iterator[str]:
    """`a.b.c: value` for each value below; an explicit stack, for nesting is the file's choice."""
    waiting: list[tuple[str, Value, int]] = [(path, value, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        if isinstance(value, dict | list) and depth >= _MOST_LEVELS:
            raise UnreadableFile(TOO_DEEP)
        if isinstance(value, dict):
            inner = [(f"{path}.{key}" if path else key, v, depth + 1) for key, v in value.items()]
            waiting.extend(reversed(inner))
        elif isinstance(value, list):
            waiting.extend((path, entry, depth + 1) for entry in reversed(value))
        elif value is not None and value != "":
            yield f"{path}: {_shown(value)}" if path else _shown(value)


def _shown(value: Value) -> str:
    if isinstance(value, str):
        return one_line(value)
    return json.dumps(value, ensure_ascii=False)
