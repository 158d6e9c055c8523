"""Brings a database to the schema of this version, step by step, never back."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from retrieval.database import writing
from retrieval.errors import SchemaMismatch

HEAD = "0016"


def upgrade(engine: Engine) -> None:
    """Bring the database to `HEAD` in one transaction; nothing to do when it is there.

    Raises:
        SchemaMismatch: a newer version of Assay made it, or another program.
    """
    with engine.begin() as sql:
        if _version(sql) == HEAD:
            return
    with writing(engine) as sql:
        found = _version(sql)  # another process may have been faster
        if found == HEAD:
            return
        if found is None and inspect(sql).get_table_names():
            raise SchemaMismatch(Path(engine.url.database or ""), "of another program", HEAD)
        if found is not None and found > HEAD:
            raise SchemaMismatch(Path(engine.url.database or ""), found, HEAD)
        _run_alembic(sql)


def schema_version(engine: Engine) -> str | None:
    """The schema a database has; None when Assay did not make it."""
    with engine.begin() as sql:
        return _version(sql)


def _version(sql: Connection) -> str | None:
    if not inspect(sql).has_table("alembic_version"):
        return None
    return sql.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run_alembic(sql: Connection) -> None:
    # Imported here: a database that is up to date, which is nearly always, does not need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = sql
    command.upgrade(config, HEAD)
