"""Evaluation: suites, runs, schedules, and what forgets a deleted document."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FORGETTING_DDL = (
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


def upgrade() -> None:
    """Make the tables, and the trigger."""
    op.create_table(
        "eval_cases",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("document_id", _KEY, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_cases")),
        sa.UniqueConstraint("digest", name=op.f("uq_eval_cases_digest")),
    )
    op.create_index(op.f("ix_eval_cases_document_id"), "eval_cases", ["document_id"], unique=False)
    op.create_table(
        "eval_evidence",
        sa.Column("run_id", _KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document_id", _KEY, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "position", "document_id", name=op.f("pk_eval_evidence")),
    )
    op.create_index("ix_eval_evidence_document_id", "eval_evidence", ["document_id"], unique=False)
    op.create_table(
        "eval_proposals",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("suite", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("document_id", _KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_proposals")),
    )
    op.create_index(
        op.f("ix_eval_proposals_document_id"), "eval_proposals", ["document_id"], unique=False
    )
    op.create_table(
        "eval_suites",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_suites")),
        sa.UniqueConstraint("name", name=op.f("uq_eval_suites_name")),
    )
    op.create_table(
        "live_verdicts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("engine", sa.String(length=200), nullable=False),
        sa.Column("verifier", sa.String(length=200), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("abstentions", sa.Integer(), nullable=False),
        sa.Column("supported", sa.Integer(), nullable=False),
        sa.Column("partly", sa.Integer(), nullable=False),
        sa.Column("unsupported", sa.Integer(), nullable=False),
        sa.Column("contradicted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "engine", "verifier", name=op.f("pk_live_verdicts")),
    )
    op.create_table(
        "eval_schedules",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("suite_id", _KEY, nullable=False),
        sa.Column("cron", sa.String(length=200), nullable=False),
        sa.Column("timezone", sa.String(length=100), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["suite_id"],
            ["eval_suites.id"],
            name=op.f("fk_eval_schedules_suite_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_schedules")),
        sa.UniqueConstraint("name", name=op.f("uq_eval_schedules_name")),
    )
    op.create_table(
        "eval_versions",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("suite_id", _KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["suite_id"],
            ["eval_suites.id"],
            name=op.f("fk_eval_versions_suite_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_versions")),
        sa.UniqueConstraint("suite_id", "number", name=op.f("uq_eval_versions_suite_id_number")),
    )
    op.create_table(
        "eval_members",
        sa.Column("version_id", _KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("case_id", _KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["eval_cases.id"], name=op.f("fk_eval_members_case_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["eval_versions.id"],
            name=op.f("fk_eval_members_version_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("version_id", "position", name=op.f("pk_eval_members")),
    )
    op.create_index(op.f("ix_eval_members_case_id"), "eval_members", ["case_id"], unique=False)
    op.create_table(
        "eval_runs",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("version_id", _KEY, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("pins", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'finished', 'failed')", name=op.f("ck_eval_runs_state")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["eval_versions.id"],
            name=op.f("fk_eval_runs_version_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_runs")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_eval_runs_version_id"), "eval_runs", ["version_id"], unique=False)
    op.create_table(
        "eval_ticks",
        sa.Column("schedule_id", _KEY, nullable=False),
        sa.Column("tick", sa.DateTime(), nullable=False),
        sa.Column("taken_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("run_id", _KEY, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["eval_schedules.id"],
            name=op.f("fk_eval_ticks_schedule_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("schedule_id", "tick", name=op.f("pk_eval_ticks")),
    )
    op.create_table(
        "eval_results",
        sa.Column("run_id", _KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("expectation", sa.String(length=10), nullable=True),
        sa.Column("scores", sa.Text(), nullable=False),
        sa.Column("observation", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["eval_runs.id"], name=op.f("fk_eval_results_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_eval_results")),
    )
    for statement in _FORGETTING_DDL:
        op.execute(statement)
