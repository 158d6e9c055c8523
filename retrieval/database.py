"""Open the SQL database so that several processes can read and write it at once."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from retrieval.errors import StoreBusy

_logger = logging.getLogger(__name__)

BUSY_TIMEOUT_SECONDS = 120.0
WRITE_BACK_SECONDS = 10.0

_PATIENCE = "busy_timeout_seconds"  # where an engine keeps how long it waits for its turn
_RETRY_SECONDS = 0.01
_WRITE_BACK_SLICE_MILLISECONDS = 200
_SEAL_SECONDS = 2.0
_STEPS_BETWEEN_LOOKS = 100_000
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
        execution_options={_PATIENCE: busy_timeout_seconds},
        hide_parameters=True,  # errors are logged and kept; questions and answers are not
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
            waited = engine.get_execution_options().get(_PATIENCE, BUSY_TIMEOUT_SECONDS)
            raise StoreBusy(Path(engine.url.database or ""), waited) from error
        raise


def write_back(engine: Engine, *, patience_seconds: float = WRITE_BACK_SECONDS) -> bool:
    """Bring what is in the write-ahead log into the database itself, and empty the log.

    Waits for who reads an earlier state, and for who does the same at this moment, which SQLite
    refuses at once; in slices, between which others may write.

    Returns:
        False when somebody still read after `patience_seconds`.
    """
    deadline = time.monotonic() + patience_seconds
    connection = engine.raw_connection()
    sqlite: Any = connection.driver_connection
    try:
        [usual] = sqlite.execute("PRAGMA busy_timeout").fetchone()
        sqlite.execute(f"PRAGMA busy_timeout = {_WRITE_BACK_SLICE_MILLISECONDS}")
        try:
            while True:
                is_busy, *_ = sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not is_busy:
                    return True
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_RETRY_SECONDS)
        finally:
            sqlite.execute(f"PRAGMA busy_timeout = {usual}")
    finally:
        connection.close()


def write_anew(engine: Engine) -> bool:
    """Write the whole database anew, without what is left of deleted rows in pages that are used.

    SQLite overwrites what it deletes, but not what it leaves behind where it moves rows between
    pages. Takes as long as copying the file, and about twice its size of free space meanwhile;
    others read, and wait to write.

    Returns:
        False when it could not be done: others wrote all the time, or the disk is full.
    """
    connection = engine.raw_connection()
    sqlite: Any = connection.driver_connection
    try:
        sqlite.execute("VACUUM")
    except sqlite3.OperationalError as error:
        _logger.warning("the database was not written anew: %s", error)
        return False
    finally:
        connection.close()
    return write_back(engine)


def copy_database(
    engine: Engine, target: Path, *, on_progress: Callable[[int], object] = lambda _: None
) -> None:
    """Write what is committed now to a new file, while others read and write.

    Row by row, in one read transaction: pages that were freed, and what is left of deleted rows in
    the others, are not copied. On disk before this returns.

    Args:
        on_progress: told now and then how many bytes the file has. What it raises ends the copy.
    """
    stopped: list[BaseException] = []

    def look() -> bool:
        try:
            on_progress(target.stat().st_size if target.exists() else 0)
        except BaseException as error:  # noqa: BLE001 - raised again below, out of SQLite's sight
            stopped.append(error)
        return bool(stopped)

    connection = engine.raw_connection()
    sqlite: Any = connection.driver_connection
    try:
        sqlite.set_progress_handler(look, _STEPS_BETWEEN_LOOKS)
        sqlite.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise (stopped or [KeyboardInterrupt()])[0] from None
        raise
    finally:
        sqlite.set_progress_handler(None, 0)
        connection.close()
    _sync(target)


def seal_database(path: Path) -> bool:
    """Make a database one file: what is in its write-ahead log goes into it, the log goes.

    Returns:
        False when SQLite cannot read it.

    Raises:
        StoreBusy: another connection has it open.
    """
    try:
        with closing(sqlite3.connect(path, timeout=_SEAL_SECONDS, isolation_level=None)) as sql:
            sql.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StoreBusy(path, _SEAL_SECONDS) from error
        raise
    except sqlite3.DatabaseError:
        return False
    _sync(path)
    return True


@contextmanager
def opened_alone(path: Path) -> Iterator[Engine]:
    """A database that nobody else knows of, opened, and one file again afterwards."""
    engine = open_database(path)
    try:
        yield engine
    finally:
        engine.dispose()
        seal_database(path)


def side_files(path: Path) -> list[Path]:
    """What SQLite may keep beside a database. It would apply them to another of that name."""
    return [path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm", "-journal")]


def damage_of(path: Path) -> str | None:
    """The first thing wrong with a database file, which may be anything; None when it is whole."""
    try:
        with closing(sqlite3.connect(path)) as sql:
            # It may come from anywhere: nothing in its schema is trusted, every cell is measured.
            sql.execute("PRAGMA trusted_schema = OFF")
            sql.execute("PRAGMA cell_size_check = ON")
            [found] = sql.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                return str(found)
            if sql.execute("PRAGMA foreign_key_check").fetchone() is not None:
                return "a row refers to one that is not there"
    except sqlite3.DatabaseError as error:
        return str(error)
    return None


def schema_objects(engine: Engine) -> dict[tuple[str, str], str]:
    """SQL by kind and name: of triggers, views and virtual tables; of others it is left empty.

    The same migrations may write a table's SQL in more than one way; what runs by itself may not
    differ at all.
    """
    with engine.begin() as sql:
        rows = sql.exec_driver_sql(
            "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
        ).all()
    return {
        (kind, name): " ".join(text.split())
        if text and (kind in {"trigger", "view"} or text.upper().startswith("CREATE VIRTUAL"))
        else ""
        for kind, name, text in rows
    }


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
