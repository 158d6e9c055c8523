"""Files of JSON lines, read strictly: a bad line is named and never scored."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from evals.errors import BadDataset


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of each line that is not blank; unpacks `.gz`.

    Raises:
        BadDataset: the file is missing, not UTF-8 text, or torn.
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except FileNotFoundError as error:
        raise BadDataset(path, 0, "the file is missing") from error
    except UnicodeDecodeError as error:
        raise BadDataset(path, 0, "it is not UTF-8 text") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadDataset(path, 0, f"it cannot be unpacked: {error}") from error


def objects_of(path: Path, *fields: str) -> Iterator[tuple[int, dict[str, object]]]:
    """(number, object) of each line that is not blank; each has these fields.

    Raises:
        BadDataset: as above, or a line is not such an object.
    """
    for number, line in lines_of(path):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadDataset(path, number, "it is not JSON") from error
        if not isinstance(row, dict) or not row.keys() >= set(fields):
            raise BadDataset(path, number, f"expected an object with {' and '.join(fields)}")
        yield number, row
