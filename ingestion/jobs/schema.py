"""The tables of jobs. They share `metadata` with the corpus because they refer to collections."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from retrieval.schema import Key, metadata

ingest_jobs = Table(
    "ingest_jobs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    # Who asked for it; NULL for the operator at the command line.
    Column("principal_id", ForeignKey("principals.id", ondelete="SET NULL")),
    # JSON, see `Source`
    Column("source", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    # What the client calls the request that made it: sent twice, it makes one job.
    Column("request_key", String(200)),
    Column("created_at", DateTime, nullable=False),
    Column("finished_at", DateTime),
    Column("is_listed", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False, default=0),
    Column("removed", Integer, nullable=False, default=0),
    Column("active_seconds", Float, nullable=False, default=0.0),
    CheckConstraint(
        "state IN ('queued', 'running', 'paused', 'cancelled', 'done', 'failed')", name="state"
    ),
    UniqueConstraint("principal_id", "request_key"),
    Index("ix_ingest_jobs_state", "state"),
    Index("ix_ingest_jobs_collection_id", "collection_id"),
    sqlite_autoincrement=True,
)

ingest_items = Table(
    "ingest_items",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job_id", ForeignKey("ingest_jobs.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("name", Text, nullable=False),
    # Where the bytes lie when that is not `path`
    Column("location", Text, nullable=False, default=""),
    Column("size", Key, nullable=False),
    Column("state", String(10), nullable=False),
    Column("change", String(10), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    Column("seconds", Float),
    Column("passages", Integer, nullable=False, default=0),
    # When it ended, by `active_seconds` of its job: no clock that somebody may set
    Column("at_seconds", Float),
    CheckConstraint(
        "state IN ('queued', 'reading', 'embedding', 'indexed', 'unchanged', 'rejected', 'failed')",
        name="state",
    ),
    UniqueConstraint("job_id", "position"),
    Index("ix_ingest_items_job_id_state", "job_id", "state"),
)
