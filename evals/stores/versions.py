"""What suites and runs both need of the rows. Rows never leave this package."""

from collections.abc import Set
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from evals.schema import (
    eval_members,
    eval_suites,
    eval_versions,
)
from evals.types import SuiteVersion
from retrieval.schema import documents


def utc_now() -> datetime:
    """Now, UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def version_of(sql: Connection, version_id: int) -> SuiteVersion:
    """A version by the number of its row."""
    members = select(func.count()).where(eval_members.c.version_id == version_id)
    row = sql.execute(
        select(eval_versions, eval_suites.c.name, members.scalar_subquery().label("cases"))
        .join(eval_suites, eval_suites.c.id == eval_versions.c.suite_id)
        .where(eval_versions.c.id == version_id)
    ).one()
    return SuiteVersion(
        row.id, row.name, row.number, row.digest, row.cases, row.note, row.created_at
    )


def gone_of(sql: Connection, document_ids: Set[int]) -> set[int]:
    """Those of some documents that are not there any more."""
    there = select(documents.c.id).where(documents.c.id.in_(document_ids))
    return set(document_ids) - set(sql.execute(there).scalars())
