"""Accounts: people who are disabled, keys with scopes and an end, the audit log.

Keys that were made before could do whatever their user could: they keep that.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AUDIT_DDL = (
    """
    CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
        SELECT RAISE(ABORT, 'the audit log is only added to');
    END
    """,
    """
    CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    WHEN NOT EXISTS (SELECT 1 FROM audit_retention WHERE old.at < older_than) BEGIN
        SELECT RAISE(ABORT, 'the audit log is only added to');
    END
    """,
)


def upgrade() -> None:
    """Add the columns, make the tables and the triggers."""
    op.add_column("principals", sa.Column("disabled_at", sa.DateTime(), nullable=True))
    op.add_column("sessions", sa.Column("agent", sa.String(length=200), nullable=True))
    op.add_column("sessions", sa.Column("viewed_as_id", _KEY, nullable=True))
    op.add_column(
        "api_keys",
        sa.Column("scopes", sa.String(length=100), nullable=False, server_default="ask"),
    )
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(), nullable=True))
    op.execute("UPDATE api_keys SET scopes = 'ask read write admin'")
    op.create_table(
        "audit",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor_id", _KEY, nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("viewed_as", sa.String(length=200), nullable=True),
        sa.Column("key_id", _KEY, nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("object_kind", sa.String(length=20), nullable=True),
        sa.Column("object_id", _KEY, nullable=True),
        sa.Column("collection_id", _KEY, nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_actor_id", "audit", ["actor_id"])
    op.create_index("ix_audit_object_kind_object_id", "audit", ["object_kind", "object_id"])
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_table(
        "audit_retention",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("older_than", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_retention")),
    )
    for statement in _AUDIT_DDL:
        op.execute(statement)
