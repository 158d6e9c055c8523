"""The tables of conversations, and what forgets a deleted document in them.

An answer is kept in parts so that a deletion can take out a document's words and leave the rest:
its sentences, the quotes they rest on, and what is known of how it was made (`facts`), which has
no words of documents. `drafts` has: it goes whole.
"""

from sqlalchemy import (
    DDL,
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
    event,
)

from retrieval.schema import Key, documents, metadata

conversations = Table(
    "conversations",
    metadata,
    Column("id", Key, primary_key=True),
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("updated_at", DateTime, nullable=False),
    Index("ix_conversations_principal_id_updated_at", "principal_id", "updated_at"),
    sqlite_autoincrement=True,
)

# A question and what became of it. `follows` is the answer before it; several that follow the same
# one are versions of each other.
answers = Table(
    "answers",
    metadata,
    Column("id", Key, primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("follows", ForeignKey("answers.id", ondelete="CASCADE"), index=True),
    Column("question", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("asked_at", DateTime, nullable=False),
    Column("ended_at", DateTime),
    # JSON: numbers of the collections that were searched, how it was to be decoded.
    Column("collections", Text, nullable=False),
    Column("decoding", Text, nullable=False),
    # JSON of `Facts`; NULL unless it was finished.
    Column("facts", Text),
    # JSON of `Drafts`: what the engine wrote, word for word.
    Column("drafts", Text),
    # What a reader is told of a failure.
    Column("failure", Text),
    Column("thumb", String(10)),
    Column("reason", String(20)),
    Column("comment", Text),
    Index("ix_answers_conversation_id", "conversation_id"),
    CheckConstraint(
        "state IN ('making', 'finished', 'stopped', 'interrupted', 'failed')", name="state"
    ),
    sqlite_autoincrement=True,
)

# NULL as text or quote: it was a deleted document's.
answer_sentences = Table(
    "answer_sentences",
    metadata,
    Column("answer_id", ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("text", Text),
    Column("origin", String(20), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("score", Float, nullable=False),
)

# No foreign keys to the corpus: a quote outlives the passage it was taken from. Passages that only
# came near, of an abstention, are quotes of no sentence: their `sentence` is -1.
answer_quotes = Table(
    "answer_quotes",
    metadata,
    Column("answer_id", ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True),
    Column("sentence", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("passage_id", Key, nullable=False),
    Column("document_id", Key, nullable=False),
    Column("revision_id", Key, nullable=False),
    Column("collection_id", Key, nullable=False),
    Column("document", Text),
    Column("page", Integer),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("quote", Text),
    Column("score", Float),
    Index("ix_answer_quotes_document_id", "document_id"),
)

# Every document whose words an answer may have been made of: those found for it, and for the
# questions before it.
answer_sources = Table(
    "answer_sources",
    metadata,
    Column("answer_id", ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True),
    Column("document_id", Key, primary_key=True),
    Column("collection_id", Key, nullable=False),
    Index("ix_answer_sources_document_id", "document_id"),
)

# In the transaction that deletes a document. A sentence without a quote may repeat its words, too.
FORGETTING_DDL = (
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
for _statement in FORGETTING_DDL:
    _ddl = DDL(_statement).execute_if(dialect="sqlite")  # type: ignore[no-untyped-call]
    event.listen(documents, "after_create", _ddl)
