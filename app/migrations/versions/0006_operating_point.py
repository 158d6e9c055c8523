"""The operating point that an administrator chose."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "operating_point",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("abstain_below", sa.Float(), nullable=False),
        sa.Column("most_unsupported", sa.Float(), nullable=True),
        sa.Column("most_wrongly", sa.Float(), nullable=True),
        sa.Column("least_answered", sa.Float(), nullable=True),
        sa.Column("run_id", _KEY, nullable=False),
        sa.Column("chosen_by", sa.String(length=200), nullable=False),
        sa.Column("chosen_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_operating_point_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operating_point")),
    )
