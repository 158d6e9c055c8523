"""A migrated database is the one the code describes, and only our own is migrated."""

import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import app.conversations.schema
import app.migrations
import app.schema
import evals.schema
import ingestion.jobs.schema
from app.migrations import HEAD, upgrade
from retrieval.database import open_database
from retrieval.errors import SchemaMismatch
from retrieval.schema import metadata

# Importing them puts their tables into `metadata`.
SCHEMAS = (app.conversations.schema, app.schema, evals.schema, ingestion.jobs.schema)


@pytest.fixture
def opened(tmp_path):
    engines = []

    def open_at(name: str):
        engines.append(open_database(tmp_path / name))
        return engines[-1]

    yield open_at
    for engine in engines:
        engine.dispose()


def objects(engine) -> dict[tuple[str, str], str]:
    """SQL by kind and name, of everything but Alembic's own table."""
    with engine.begin() as sql:
        rows = sql.exec_driver_sql("SELECT type, name, sql FROM sqlite_master").all()
    return {(kind, name): text for kind, name, text in rows if "alembic" not in name}


def test_head_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(Path(app.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_migrated_database_is_the_one_the_code_describes(opened):
    migrated, made = opened("migrated.db"), opened("made.db")
    upgrade(migrated)
    metadata.create_all(made)
    ours, theirs = objects(migrated), objects(made)
    assert ours.keys() == theirs.keys()
    for key, text in ours.items():
        if key[0] == "trigger" or "fts5" in (text or ""):
            assert text.split() == theirs[key].split(), key
        # AUTOINCREMENT is what keeps numbers from being used again; Alembic does not compare it.
        assert ("AUTOINCREMENT" in (text or "")) == ("AUTOINCREMENT" in (theirs[key] or "")), key
    with migrated.connect() as sql:
        context = MigrationContext.configure(
            sql,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                # The full-text index keeps tables of its own, which no code of ours describes.
                "include_name": lambda name, kind, _: kind != "table" or "lexical" not in name,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_every_constraint_is_the_same(opened):
    """Foreign keys with what follows a deletion, unique and check constraints, column by column."""
    migrated, made = opened("migrated.db"), opened("made.db")
    upgrade(migrated)
    metadata.create_all(made)

    def facts(engine):
        with engine.begin() as sql:
            return {
                table.name: [
                    sorted(map(tuple, sql.exec_driver_sql(f"PRAGMA {pragma}('{table.name}')")))
                    for pragma in ("table_info", "foreign_key_list", "index_list")
                ]
                + [objects(engine)["table", table.name].count("CHECK")]
                for table in metadata.sorted_tables
            }

    def without_order(found):  # SQLite numbers keys and indexes as it meets them
        return {
            name: [columns, sorted(key[2:] for key in keys), sorted(i[1:] for i in indexes), checks]
            for name, (columns, keys, indexes, checks) in found.items()
        }

    found, expected = without_order(facts(migrated)), without_order(facts(made))
    for name, (columns, *rest) in found.items():
        assert sorted(c[1:] for c in columns) == sorted(c[1:] for c in expected[name][0]), name
        assert rest == expected[name][1:], name


def test_upgrading_twice_changes_nothing(opened):
    engine = opened("a.db")
    upgrade(engine)
    before = objects(engine)
    upgrade(engine)
    assert objects(engine) == before


def test_the_deleted_text_is_overwritten_and_keys_are_enforced(opened):
    with opened("a.db").connect() as sql:
        pragmas = {
            name: sql.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("secure_delete", "foreign_keys", "journal_mode", "synchronous")
        }
    assert pragmas == {
        "secure_delete": 1,
        "foreign_keys": 1,
        "journal_mode": "wal",
        "synchronous": 2,
    }


def test_threads_that_open_a_new_home_together(tmp_path):
    errors = []

    def open_home() -> None:
        engine = open_database(tmp_path / "assay.db")
        try:
            upgrade(engine)
        except Exception as error:  # noqa: BLE001 - reported below
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=open_home) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_database_of_a_newer_version_is_left_alone(opened):
    engine = opened("a.db")
    upgrade(engine)
    with engine.begin() as sql:
        sql.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = objects(engine)
    with pytest.raises(SchemaMismatch, match=rf"a\.db has schema '9999' .* up to '{HEAD}'"):
        upgrade(engine)
    assert objects(engine) == before


def test_a_database_of_another_program_is_left_alone(opened, tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as foreign:
        foreign.execute("CREATE TABLE vectors (mine TEXT)")
    foreign.close()
    engine = opened("a.db")
    before = objects(engine)
    with pytest.raises(SchemaMismatch, match="another program"):
        upgrade(engine)
    assert objects(engine) == before
