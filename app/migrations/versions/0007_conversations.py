"""Conversations and their answers, and what forgets a deleted document in them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FORGETTING_DDL = (
    """
    CREATE TRIGGER answers_forget_document AFTER DELETE ON documents BEGIN
        UPDATE answers SET drafts = NULL WHERE id IN
            (SELECT answer_id FROM answer_sources WHERE document_id = old.id);
        UPDATE answer_sentences SET text = NULL WHERE answer_id IN
            (SELECT answer_id FROM answer_sources WHERE document_id = old.id)
            AND (EXISTS (SELECT 1 FROM answer_quotes WHERE
                    answer_quotes.answer_id = answer_sentences.answer_id
                    AND answer_quotes.sentence = answer_sentences.position
                    AND answer_quotes.document_id = old.id)
                OR NOT EXISTS (SELECT 1 FROM answer_quotes WHERE
                    answer_quotes.answer_id = answer_sentences.answer_id
                    AND answer_quotes.sentence = answer_sentences.position));
        UPDATE answer_quotes SET document = NULL, quote = NULL WHERE document_id = old.id;
    END
    """,
)


def upgrade() -> None:
    """Make the tables, and the trigger."""
    op.create_table(
        "conversations",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("principal_id", _KEY, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name=op.f("fk_conversations_principal_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_conversations_principal_id_updated_at",
        "conversations",
        ["principal_id", "updated_at"],
        unique=False,
    )
    op.create_table(
        "answers",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("conversation_id", _KEY, nullable=False),
        sa.Column("follows", _KEY, nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("collections", sa.Text(), nullable=False),
        sa.Column("decoding", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.Column("drafts", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("thumb", sa.String(length=10), nullable=True),
        sa.Column("reason", sa.String(length=20), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('making', 'finished', 'stopped', 'interrupted', 'failed')",
            name=op.f("ck_answers_state"),
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_answers_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["follows"], ["answers.id"], name=op.f("fk_answers_follows"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answers")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_answers_conversation_id", "answers", ["conversation_id"], unique=False)
    op.create_index(op.f("ix_answers_follows"), "answers", ["follows"], unique=False)
    _create_parts()
    for statement in _FORGETTING_DDL:
        op.execute(statement)


def _create_parts() -> None:
    op.create_table(
        "answer_sentences",
        sa.Column("answer_id", _KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"],
            ["answers.id"],
            name=op.f("fk_answer_sentences_answer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("answer_id", "position", name=op.f("pk_answer_sentences")),
    )
    op.create_table(
        "answer_quotes",
        sa.Column("answer_id", _KEY, nullable=False),
        sa.Column("sentence", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("passage_id", _KEY, nullable=False),
        sa.Column("document_id", _KEY, nullable=False),
        sa.Column("revision_id", _KEY, nullable=False),
        sa.Column("collection_id", _KEY, nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("quote", sa.Text(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["answer_id"],
            ["answers.id"],
            name=op.f("fk_answer_quotes_answer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("answer_id", "sentence", "number", name=op.f("pk_answer_quotes")),
    )
    op.create_index("ix_answer_quotes_document_id", "answer_quotes", ["document_id"], unique=False)
    op.create_table(
        "answer_sources",
        sa.Column("answer_id", _KEY, nullable=False),
        sa.Column("document_id", _KEY, nullable=False),
        sa.Column("collection_id", _KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"],
            ["answers.id"],
            name=op.f("fk_answer_sources_answer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("answer_id", "document_id", name=op.f("pk_answer_sources")),
    )
    op.create_index(
        "ix_answer_sources_document_id", "answer_sources", ["document_id"], unique=False
    )
