"""The audit log is added to, never changed, and holds what was done by whom."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.audit import COMMAND_LINE, Actor, AuditLog, Object, Wanted
from app.schema import metadata
from retrieval.database import open_database

MARIA = Actor(2, "maria", request="r1")
PAUL = Actor(3, "paul", key_id=9)


@pytest.fixture
def clock():
    return SimpleNamespace(now=datetime.fromisoformat("2026-11-21T09:30:00"))


@pytest.fixture
def engine(tmp_path):
    engine = open_database(tmp_path / "assay.db")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def log(engine, clock):
    return AuditLog(engine, now=lambda: clock.now)


def actions(log: AuditLog, **wanted: object) -> list[str]:
    return [entry.action for entry in log.entries(Wanted(**wanted))]


def test_an_entry_says_who_did_what_to_what_and_when(log, clock):
    log.record(PAUL, "grant.given", Object("collection", 4), collection_id=4, access="read")
    [entry] = log.entries(Wanted())
    assert (entry.at, entry.actor, entry.action) == (clock.now, PAUL, "grant.given")
    assert (entry.object, entry.collection_id) == (Object("collection", 4), 4)
    assert entry.details == {"access": "read"}


def test_entries_are_found_by_who_what_and_when_newest_first(log, clock):
    log.record(MARIA, "document.read", Object("document", 7))
    clock.now += timedelta(hours=1)
    log.record(PAUL, "document.deleted", Object("document", 7))
    log.record(PAUL, "documented")  # begins alike, and is something else
    log.record(COMMAND_LINE, "user.added")
    assert actions(log) == ["user.added", "documented", "document.deleted", "document.read"]
    assert actions(log, actor="paul") == ["documented", "document.deleted"]
    assert actions(log, action="document") == ["document.deleted", "document.read"]
    assert actions(log, action="document.read") == ["document.read"]
    assert actions(log, object=Object("document", 7)) == ["document.deleted", "document.read"]
    assert actions(log, until=clock.now) == ["document.read"]
    assert len(actions(log, since=clock.now)) == 3


def test_a_list_goes_on_below_the_last_number_and_ends(log):
    for number in range(5):
        log.record(MARIA, f"step.{number}")
    first = log.entries(Wanted(), limit=2)
    second = log.entries(Wanted(), before=first[-1].id, limit=2)
    assert [entry.action for entry in (*first, *second)] == ["step.4", "step.3", "step.2", "step.1"]
    assert len(list(log.every(Wanted()))) == 5
    assert log.entries(Wanted(), before=1) == []


def test_what_is_noted_is_written_soon_with_the_time_it_was_noted(log, clock):
    then = clock.now
    for number in range(50):
        log.note(MARIA, "document.read", Object("document", number))
    clock.now += timedelta(hours=1)
    assert log.flush(10)
    entries = log.entries(Wanted())
    assert sorted(entry.object.id for entry in entries) == list(range(50))
    assert {entry.at for entry in entries} == {then}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "REPLACE INTO audit SELECT * FROM audit",
    ],
)
def test_sql_itself_refuses_to_change_the_log(engine, log, statement):
    log.record(MARIA, "login.succeeded")
    with engine.begin() as sql, pytest.raises(IntegrityError, match="only added to"):
        sql.execute(text("PRAGMA recursive_triggers = ON"))
        sql.execute(text(statement))
    assert actions(log) == ["login.succeeded"]


def test_retention_deletes_the_old_says_so_and_leaves_the_log_closed(engine, log, clock):
    log.record(MARIA, "old")
    clock.now += timedelta(days=31)
    log.record(MARIA, "new")
    assert log.forget(timedelta(days=30)) == 1
    assert log.forget(timedelta(days=30)) == 0
    assert actions(log) == ["audit.forgotten", "new"]
    assert log.entries(Wanted())[0].details == {"days": 30, "entries": 1}
    with engine.begin() as sql, pytest.raises(IntegrityError, match="only added to"):
        sql.execute(text("DELETE FROM audit"))
