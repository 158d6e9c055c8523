"""The tables of the corpus: documents, passages, their vectors, and who may read them.

SQL is the truth. Every other index is a projection of these tables, made from the rows of
`changes` it has not yet applied.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers only an INTEGER primary key by itself; other databases want 64 bits.
Key = BigInteger().with_variant(Integer, "sqlite")

principals = Table(
    "principals",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("name", String(200), nullable=False, unique=True),
    Column("is_administrator", Integer, nullable=False, default=0),
    Column("created_at", DateTime, nullable=False),
    # Nobody logs in as one that is disabled, and it reads nothing.
    Column("disabled_at", DateTime),
    CheckConstraint("kind IN ('user', 'group')", name="kind"),
)

memberships = Table(
    "memberships",
    metadata,
    Column("group_id", ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True),
    Column("member_id", ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True),
)

collections = Table(
    "collections",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("created_at", DateTime, nullable=False),
    # What becomes of sentences that its documents do not support: a `Policy`.
    Column("policy", String(10), nullable=False, default="show", server_default="show"),
)

grants = Table(
    "grants",
    metadata,
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True),
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("access", String(10), nullable=False),
    CheckConstraint("access IN ('read', 'write', 'manage')", name="access"),
)

documents = Table(
    "documents",
    metadata,
    Column("id", Key, primary_key=True),
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("path", Text, nullable=False),
    Column("name", Text, nullable=False),
    # Set in the transaction that makes the document; a circle of foreign keys would say no more.
    Column("revision_id", Key, nullable=False),
    Column("created_at", DateTime, nullable=False),
    # For lists, which go through an index however long they are: the name as people order names
    # (`name_key()`), and of the present revision the bytes of its original (-1: not known) and how
    # many passages it has.
    Column("name_key", Text, nullable=False, server_default=text("''")),
    Column("size", Key, nullable=False, server_default="-1"),
    Column("passages", Integer, nullable=False, server_default="0"),
    UniqueConstraint("collection_id", "path"),
    Index("ix_documents_collection_id", "collection_id"),
    Index("ix_documents_collection_id_name_key", "collection_id", "name_key"),
    Index("ix_documents_collection_id_size", "collection_id", "size"),
    Index("ix_documents_collection_id_passages", "collection_id", "passages"),
    sqlite_autoincrement=True,
)

# What people call a document: from `retrieval.tags.tags_of`.
document_tags = Table(
    "document_tags",
    metadata,
    Column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(50), primary_key=True, index=True),
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", Key, primary_key=True),
    Column(
        "document_id", ForeignKey("documents.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("sha256", String(64), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", DateTime, nullable=False),
    sqlite_autoincrement=True,
)

# Only the current revision of a document has passages.
passages = Table(
    "passages",
    metadata,
    Column("id", Key, primary_key=True),
    Column(
        "revision_id", ForeignKey("revisions.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("page", Integer),
    Column("context", Text, nullable=False),
    Column("text", Text, nullable=False),
    # What is indexed beside them: `words_beside`.
    Column("words", Text, nullable=False, server_default=text("''")),
    # The collection as a word, so that the lexical index filters by itself.
    Column("scope", String(20), Computed("'c' || collection_id", persisted=False)),
    Index("ix_passages_document_id_start", "document_id", "start"),
    # Numbers are never used again, so an index that is behind cannot mistake a passage for another.
    sqlite_autoincrement=True,
)

# What the current revision's file keeps from human eyes. Neither searched nor quoted: for people.
hidden_texts = Table(
    "hidden_texts",
    metadata,
    Column("id", Key, primary_key=True),
    Column(
        "revision_id", ForeignKey("revisions.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    # A `HiddenBy`
    Column("hidden_by", String(20), nullable=False),
    Column("page", Integer),
    # Its beginning; `characters` counts all of it
    Column("text", Text, nullable=False),
    Column("characters", Integer, nullable=False),
    Index("ix_hidden_texts_document_id", "document_id"),
)

# What is known of a document from the text of its current revision alone.
document_traits = Table(
    "document_traits",
    metadata,
    Column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    # ISO 639-1, "" where none is likely
    Column("language", String(8), nullable=False, index=True),
    # see `retrieval.traits`
    Column("signature", LargeBinary, nullable=False),
)

document_bands = Table(
    "document_bands",
    metadata,
    Column("band", BigInteger, primary_key=True, autoincrement=False),
    Column(
        "document_id",
        ForeignKey("documents.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    sqlite_with_rowid=False,
)

encoders = Table(
    "encoders",
    metadata,
    Column("id", Key, primary_key=True),
    Column("fingerprint", String(200), nullable=False, unique=True),
    Column("dimension", Integer, nullable=False),
)

vectors = Table(
    "vectors",
    metadata,
    Column("passage_id", ForeignKey("passages.id", ondelete="CASCADE"), primary_key=True),
    Column("encoder_id", ForeignKey("encoders.id"), primary_key=True),
    # dimension x float32, little-endian, length 1
    Column("vector", LargeBinary, nullable=False),
)

# No foreign keys: a change outlives what it speaks of, or an index could not hear of a deletion.
changes = Table(
    "changes",
    metadata,
    Column("number", Key, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("document_id", Key, nullable=False),
    Column("revision_id", Key, nullable=False),
    Column("at", DateTime, nullable=False),
    CheckConstraint("kind IN ('published', 'retired')", name="kind"),
    sqlite_autoincrement=True,
)

# The lexical index lives inside the transaction that writes a passage: it cannot fall behind.
# It stores no second copy of the text (external content), so the triggers must hand back exactly
# what was indexed when a passage goes.
LEXICAL_DDL = (
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
    """
    CREATE TRIGGER passages_no_update BEFORE UPDATE ON passages BEGIN
        SELECT RAISE(ABORT, 'passages are immutable');
    END
    """,
)
for _statement in LEXICAL_DDL:
    _ddl = DDL(_statement).execute_if(dialect="sqlite")  # type: ignore[no-untyped-call]
    event.listen(passages, "after_create", _ddl)
