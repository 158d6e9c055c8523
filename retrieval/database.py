"""Open the SQL database so that several processes can read and write it at once."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from retrieval.errors import StoreBusy

BUSY_TIMEOUT_SECONDS = 120.0

_RETRY_SECONDS = 0.01
_PRAGMAS = (
    # FULL, not NORMAL: after a power cut an index file must never be ahead of SQL.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # Deleted text is overwritten, not just unlinked.
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
)


def open_database(path: Path, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> Engine:
    """Open (and create when missing) the SQLite database at `path`.

    Readers see the last committed state and never wait. Writers (see `writing`) queue for up to
    `busy_timeout_seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),  # a folder's name may hold a `?`
        connect_args={"timeout": busy_timeout_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - DBAPI type
        # The driver must not open transactions of its own: `begin` below does.
        connection.isolation_level = None
        _use_write_ahead_log(connection, busy_timeout_seconds)
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection, patience_seconds: float) -> None:
    """Switch a new database over; SQLite refuses at once while another process does the same."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction, committed at the end, rolled back on any error.

    It takes the write lock at once: a transaction that first reads and then asks for the lock
    can be refused half-way, however long it is willing to wait.

    Raises:
        StoreBusy: another process held the lock for the whole time limit.
    """
    try:
        with engine.execution_options(writes=True).begin() as connection:
            yield connection
    except OperationalError as error:
        if "database is locked" in str(error):
            raise StoreBusy(Path(engine.url.database or ""), BUSY_TIMEOUT_SECONDS) from error
        raise
