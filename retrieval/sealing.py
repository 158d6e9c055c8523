"""Tells whether the full-text index is, byte for byte, what it was when it was last sound.

SQLite says nothing of a page of that index that was swapped for another, and its own check nothing
of lost entries in the table by which pages are found. So what the index consists of is digested
when it is known to be sound, and compared before it is trusted again.
"""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, column, select, table

# All that an index in FTS5 consists of, by the tables it keeps.
INDEX_TABLES = {
    "passages_lexical_data": ("id", "block"),
    "passages_lexical_idx": ("segid", "term", "pgno"),
    "passages_lexical_docsize": ("id", "sz"),
    "passages_lexical_config": ("k", "v"),
}
_CHANGE = "SELECT number, kind, revision_id, at FROM changes ORDER BY number DESC LIMIT 1"
_PAGES_WITH_TERMS = """
    SELECT id >> 37, id & 0x7FFFFFFF FROM passages_lexical_data
    WHERE id >= 1 << 37 AND (id >> 31) & 0x3F = 0
    AND hex(substr(block, 3, 2)) <> printf('%04X', length(block))
"""
_PAGES_THAT_ARE_FOUND = "SELECT segid, pgno >> 1 FROM passages_lexical_idx"


class Seal(NamedTuple):
    """What the index was: after which change of the corpus, and the digest of all of it."""

    change: str
    digest: str


def change_of(sql: Connection) -> str:
    """The last change of the corpus, told from one of the same number in another store."""
    row = sql.exec_driver_sql(_CHANGE).one_or_none()
    return " ".join(map(str, row)) if row else ""


def seal_of(sql: Connection) -> Seal:
    """What the index is now. Reads all of it: about 2 µs a passage."""
    digest = hashlib.blake2b(digest_size=16)
    for name, columns in INDEX_TABLES.items():
        digest.update(name.encode())
        shadow = table(name, *map(column, columns))
        for key, *values in sql.execute(select(shadow).order_by(*list(shadow.c)[:2])):
            digest.update(repr((key, *map(_sized, values))).encode())
            for value in values:
                digest.update(value if isinstance(value, bytes) else str(value).encode())
    return Seal(change_of(sql), digest.hexdigest())


def lost_pages(sql: Connection) -> int:
    """How many pages of the index have words and are found by no search.

    FTS5's own check does not look for them. A page's third and fourth byte say where its list of
    words begins: at its very end, where it has none. (Entries of pages that are gone are no loss:
    FTS5 leaves those of a page it has merged.)
    """
    there = {tuple(row) for row in sql.exec_driver_sql(_PAGES_WITH_TERMS)}
    found = {tuple(row) for row in sql.exec_driver_sql(_PAGES_THAT_ARE_FOUND)}
    return len(there - found)


def read_seal(file: Path) -> Seal | None:
    """The seal that was written; None when there is none, or only part of one."""
    try:
        kept = json.loads(file.read_bytes())
        return Seal(str(kept["change"]), str(kept["digest"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_seal(file: Path, seal: Seal) -> None:
    """Write it in one step; of several processes one is the last."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    with partial.open("w", encoding="utf-8") as out:
        json.dump(seal._asdict(), out)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(file)


def _sized(value: object) -> object:
    """So that bytes cannot move from one value to the next unseen."""
    return len(value) if isinstance(value, bytes) else type(value).__name__
