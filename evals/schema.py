"""The tables of evaluation: suites, their versions, runs and results, schedules, live counts.

They share `metadata` with the corpus: what an answer quoted goes when its document is deleted.
"""

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from retrieval.schema import Key, documents, metadata

eval_suites = Table(
    "eval_suites",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("created_at", DateTime, nullable=False),
)

eval_versions = Table(
    "eval_versions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("suite_id", ForeignKey("eval_suites.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", DateTime, nullable=False),
    UniqueConstraint("suite_id", "number"),
)

# A case is never changed: an edited one is another row, and both versions keep their own.
eval_cases = Table(
    "eval_cases",
    metadata,
    Column("id", Key, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("body", Text, nullable=False),
    # The document whose words it was written from, if any: the case goes with it.
    Column("document_id", Key, index=True),
)

eval_members = Table(
    "eval_members",
    metadata,
    Column("version_id", ForeignKey("eval_versions.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("case_id", ForeignKey("eval_cases.id", ondelete="CASCADE"), nullable=False, index=True),
)

# Cases that were written from documents and wait for somebody to accept, edit or drop them.
eval_proposals = Table(
    "eval_proposals",
    metadata,
    Column("id", Key, primary_key=True),
    Column("suite", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Column("document_id", Key, index=True),
    Column("created_at", DateTime, nullable=False),
)

eval_runs = Table(
    "eval_runs",
    metadata,
    Column("id", Key, primary_key=True),
    Column(
        "version_id", ForeignKey("eval_versions.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("state", String(10), nullable=False),
    Column("origin", String(10), nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("finished_at", DateTime),
    Column("cases", Integer, nullable=False),
    Column("pins", Text, nullable=False),
    Column("summary", Text),
    Column("note", Text, nullable=False, default=""),
    CheckConstraint("state IN ('running', 'finished', 'failed')", name="state"),
    sqlite_autoincrement=True,
)

eval_results = Table(
    "eval_results",
    metadata,
    Column("run_id", ForeignKey("eval_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("key", String(200), nullable=False),
    Column("cluster", Text, nullable=False),
    Column("weight", Float, nullable=False),
    Column("expectation", String(10)),
    # Numbers: they stay when the words of a deleted document go.
    Column("scores", Text, nullable=False),
    Column("observation", Text),
    Column("error", Text),
)

# Which documents' words an observation may hold. No foreign key: it is what a deletion looks up.
eval_evidence = Table(
    "eval_evidence",
    metadata,
    Column("run_id", Key, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("document_id", Key, primary_key=True),
    Index("ix_eval_evidence_document_id", "document_id"),
)

eval_schedules = Table(
    "eval_schedules",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("suite_id", ForeignKey("eval_suites.id", ondelete="CASCADE"), nullable=False),
    Column("cron", String(200), nullable=False),
    Column("timezone", String(100), nullable=False),
    Column("options", Text, nullable=False),
    Column("is_enabled", Integer, nullable=False, default=1),
    Column("created_at", DateTime, nullable=False),
)

# One row for each tick that some process took: the primary key lets only one of them.
eval_ticks = Table(
    "eval_ticks",
    metadata,
    Column("schedule_id", ForeignKey("eval_schedules.id", ondelete="CASCADE"), primary_key=True),
    Column("tick", DateTime, primary_key=True),
    Column("taken_at", DateTime, nullable=False),
    Column("finished_at", DateTime),
    Column("run_id", Key),
    Column("outcome", Text),
)

# What readers were told, counted; no words of anybody.
live_verdicts = Table(
    "live_verdicts",
    metadata,
    Column("day", Date, primary_key=True),
    Column("engine", String(200), primary_key=True),
    Column("verifier", String(200), primary_key=True),
    Column("answers", Integer, nullable=False),
    Column("abstentions", Integer, nullable=False),
    Column("supported", Integer, nullable=False),
    Column("partly", Integer, nullable=False),
    Column("unsupported", Integer, nullable=False),
    Column("contradicted", Integer, nullable=False),
)

# What readers thought of answers, counted; no words of anybody, and not whose thumb it was.
live_thumbs = Table(
    "live_thumbs",
    metadata,
    Column("day", Date, primary_key=True),
    Column("thumb", String(10), primary_key=True),
    Column("counted", Integer, nullable=False),
)

# In the transaction that deletes a document: nothing it said is left in results or cases.
FORGETTING_DDL = (
    """
    CREATE TRIGGER evals_forget_document AFTER DELETE ON documents BEGIN
        UPDATE eval_results SET observation = NULL, error = NULL, cluster = CASE
            WHEN cluster IN (old.name, old.path) THEN 'deleted document ' || old.id ELSE cluster END
            WHERE (run_id, position) IN
            (SELECT run_id, position FROM eval_evidence WHERE document_id = old.id);
        DELETE FROM eval_evidence WHERE document_id = old.id;
        DELETE FROM eval_proposals WHERE document_id = old.id;
        DELETE FROM eval_members WHERE case_id IN
            (SELECT id FROM eval_cases WHERE document_id = old.id);
        DELETE FROM eval_cases WHERE document_id = old.id;
    END
    """,
)
for _statement in FORGETTING_DDL:
    _ddl = DDL(_statement).execute_if(dialect="sqlite")  # type: ignore[no-untyped-call]
    event.listen(documents, "after_create", _ddl)
