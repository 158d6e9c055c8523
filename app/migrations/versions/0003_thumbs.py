"""Thumbs under answers, counted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "live_thumbs",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("thumb", sa.String(length=10), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "thumb", name=op.f("pk_live_thumbs")),
    )
