"""Lists of documents by name, size and passages, which stay quick however long they are."""

import sqlalchemy as sa
from alembic import op

from retrieval.names import name_key

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and fill them, but for sizes: SQL does not know them (`Store.measure`)."""
    op.add_column(
        "documents", sa.Column("name_key", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    op.add_column("documents", sa.Column("size", _KEY, nullable=False, server_default="-1"))
    op.add_column(
        "documents", sa.Column("passages", sa.Integer(), nullable=False, server_default="0")
    )
    op.execute(
        "UPDATE documents SET passages = "
        "(SELECT count(*) FROM passages AS cut WHERE cut.document_id = documents.id)"
    )
    sql = op.get_bind()
    names = sql.execute(sa.text("SELECT id, name FROM documents")).all()
    if names:
        sql.execute(
            sa.text("UPDATE documents SET name_key = :key WHERE id = :id"),
            [{"id": row.id, "key": name_key(row.name)} for row in names],
        )
    op.drop_index("ix_documents_collection_id_name", "documents")
    for column in ("name_key", "size", "passages"):
        op.create_index(
            f"ix_documents_collection_id_{column}", "documents", ["collection_id", column]
        )
