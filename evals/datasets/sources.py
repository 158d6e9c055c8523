"""Files of data sets as text, lines and JSON, with a limit on everything. Knows no data set.

What is read here was written by anybody: each limit is named in the error that reaches it.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NamedTuple

from evals.errors import BadDataset

LONGEST_LINE_BYTES = 8_000_000
# A file that is one JSON or YAML value is held in memory as a whole.
LARGEST_JSON_BYTES = 200_000_000
LARGEST_YAML_BYTES = 20_000_000
_GZIP = b"\x1f\x8b"
_MARK = "\ufeff"  # of byte order; no part of a text


class Row(NamedTuple):
    """One object of a file, and the line it begins on, from 1; 0 when nobody knows."""

    line: int
    value: dict[str, Any]


def opened(path: Path) -> BufferedIOBase:
    """The bytes of a file, unpacked when it is gzip.

    Raises:
        BadDataset: it is missing, or may not be read.
    """
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == _GZIP
    except FileNotFoundError as error:
        raise BadDataset(path, 0, "the file is missing") from error
    except IsADirectoryError as error:
        raise BadDataset(path, 0, "it is a folder, and a file is wanted") from error
    return gzip.open(path) if is_packed else path.open("rb")


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of each line that is not blank; a line feed alone ends one.

    Raises:
        BadDataset: the file is missing, torn or not UTF-8 text, or a line is too long.
    """
    number = 0
    with opened(path) as file:
        try:
            while line := file.readline(LONGEST_LINE_BYTES + 1):
                number += 1
                if len(line) > LONGEST_LINE_BYTES:
                    raise BadDataset(
                        path, number, f"it is longer than {LONGEST_LINE_BYTES:,} bytes, the limit"
                    )
                text = line.decode().rstrip("\r\n")
                text = text.removeprefix(_MARK) if number == 1 else text
                if text.strip():
                    yield number, text
        except UnicodeDecodeError as error:
            raise BadDataset(path, number, "it is not UTF-8 text") from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise BadDataset(path, number, f"it cannot be unpacked: {error}") from error


def text_of(path: Path, *, limit_bytes: int) -> str:
    """A whole file, its line ends as they are.

    Raises:
        BadDataset: the file is missing, torn, too large or not UTF-8 text.
    """
    with opened(path) as file:
        try:
            data = file.read(limit_bytes + 1)
            if len(data) > limit_bytes:
                raise BadDataset(path, 0, f"it is larger than {limit_bytes:,} bytes, the limit")
            return data.decode().removeprefix(_MARK)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise BadDataset(path, line, "it is not UTF-8 text") from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise BadDataset(path, 0, f"it cannot be unpacked: {error}") from error


def json_of(path: Path) -> Any:  # noqa: ANN401 - anything JSON can hold
    """The one JSON value a file is.

    Raises:
        BadDataset: as `text_of`, or it is not JSON.
    """
    return parsed(text_of(path, limit_bytes=LARGEST_JSON_BYTES), path, 0)


def parsed(text: str, path: Path, line: int) -> Any:  # noqa: ANN401 - anything JSON can hold
    """A text as JSON; `line` of the file `path`, or 0 for the whole of it.

    Raises:
        BadDataset: it is not JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = line or error.lineno
        raise BadDataset(path, where, f"it is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise BadDataset(path, line, f"it is not JSON that can be read: {error}") from error


def objects_of_lines(path: Path) -> Iterator[Row]:
    """The object on each line that is not blank.

    Raises:
        BadDataset: as `lines_of`, or a line is no JSON object.
    """
    for number, line in lines_of(path):
        value = parsed(line, path, number)
        if not isinstance(value, dict):
            raise BadDataset(path, number, "expected a JSON object")
        yield Row(number, value)


def objects_of(path: Path) -> Iterator[Row]:
    """The objects of a file of JSON lines, or of one that is a JSON list; of that, no lines.

    Raises:
        BadDataset: as above, or an item is no object.
    """
    if beginning_of(path).lstrip().startswith("["):
        value = json_of(path)
        for place, item in enumerate(value, start=1):
            if not isinstance(item, dict):
                raise BadDataset(path, 0, f"item {place} is no JSON object")
            yield Row(0, item)
    else:
        yield from objects_of_lines(path)


def beginning_of(path: Path, size: int = 65_536) -> str:
    """The first `size` bytes as text; what is no UTF-8 is replaced.

    Raises:
        BadDataset: the file is missing or torn.
    """
    with opened(path) as file:
        try:
            return file.read(size).decode(errors="replace").removeprefix(_MARK)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise BadDataset(path, 0, f"it cannot be unpacked: {error}") from error
