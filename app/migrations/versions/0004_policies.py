"""Collections say what becomes of sentences that their documents do not support."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was there goes on as it did."""
    op.add_column(
        "collections",
        sa.Column("policy", sa.String(length=10), nullable=False, server_default="show"),
    )
