"""What is indexed beside a passage's words, and its collection as a word.

Passages that are there already get none beside: they do when their file is read again.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_INDEX = (
    "DROP TRIGGER passages_lexical_insert",
    "DROP TRIGGER passages_lexical_delete",
    "DROP TABLE passages_lexical",
    """
    CREATE VIRTUAL TABLE passages_lexical USING fts5(
        context, text, words, scope, content='passages', content_rowid='id',
        tokenize="porter unicode61 remove_diacritics 2"
    )
    """,
    """
    CREATE TRIGGER passages_lexical_insert AFTER INSERT ON passages BEGIN
        INSERT INTO passages_lexical(rowid, context, text, words, scope)
        VALUES (new.id, new.context, new.text, new.words, 'c' || new.collection_id);
    END
    """,
    """
    CREATE TRIGGER passages_lexical_delete AFTER DELETE ON passages BEGIN
        INSERT INTO passages_lexical(passages_lexical, rowid, context, text, words, scope)
        VALUES ('delete', old.id, old.context, old.text, old.words, 'c' || old.collection_id);
    END
    """,
    "INSERT INTO passages_lexical(passages_lexical) VALUES ('rebuild')",
)


def upgrade() -> None:
    """Add the columns and make the index anew."""
    op.execute("ALTER TABLE passages ADD COLUMN words TEXT DEFAULT '' NOT NULL")
    op.execute(
        "ALTER TABLE passages ADD COLUMN scope VARCHAR(20) "
        "GENERATED ALWAYS AS ('c' || collection_id) VIRTUAL"
    )
    for statement in _INDEX:
        op.execute(statement)
