"""The tables of people and programs that log in, and of what they did. Secrets are kept as hashes.

They share `metadata` with the corpus because they refer to its principals.
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
    UniqueConstraint,
    event,
)

from retrieval.schema import Key, metadata

credentials = Table(
    "credentials",
    metadata,
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True),
    Column("password_hash", String(200), nullable=False),
    Column("changed_at", DateTime, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("last_seen_at", DateTime, nullable=False),
    Column("expires_at", DateTime, nullable=False),
    # What the browser says it is, for people to tell their sessions apart.
    Column("agent", String(200)),
    # Whom an administrator sees Assay as; who is gone is nobody.
    Column("viewed_as_id", Key),
    Index("ix_sessions_principal_id", "principal_id"),
)

# Who of ours somebody at an OpenID provider is.
identities = Table(
    "identities",
    metadata,
    Column("id", Key, primary_key=True),
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("issuer", String(255), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("last_login_at", DateTime),
    UniqueConstraint("issuer", "subject"),
    Index("ix_identities_principal_id", "principal_id"),
)

# Attempts to log in, under keyed hashes of who is guessed and from where; see `app.throttle`.
login_attempts = Table(
    "login_attempts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", String(32), nullable=False),
    Column("at", DateTime, nullable=False),
    Index("ix_login_attempts_key_id", "key", "id"),
    Index("ix_login_attempts_at", "at"),
    sqlite_autoincrement=True,
)

# Links that log somebody in once.
login_links = Table(
    "login_links",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", DateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("key_hash", String(64), nullable=False, unique=True),
    # The first characters, for people to tell their keys apart; too few to guess the rest.
    Column("prefix", String(20), nullable=False),
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    # Words of `app.scopes`, with a space between.
    Column("scopes", String(100), nullable=False, server_default="ask"),
    Column("created_at", DateTime, nullable=False),
    Column("expires_at", DateTime),
    Column("last_used_at", DateTime),
    Column("revoked_at", DateTime),
    Index("ix_api_keys_principal_id", "principal_id"),
)

# What was deleted, and that nothing of it was found afterwards; see `app.deletion`. No words of it.
deletion_receipts = Table(
    "deletion_receipts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("object_kind", String(20), nullable=False),
    Column("object_id", Key, nullable=False),
    Column("collection_id", Key, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_autoincrement=True,
)

# Who did what. No foreign keys: what was done stays when who did it, or what it was done to, goes.
audit = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", DateTime, nullable=False),
    # Numbers and names of people as they were; no number for the command line and for strangers.
    Column("actor_id", Key),
    Column("actor", String(200), nullable=False),
    Column("viewed_as", String(200)),
    Column("key_id", Key),
    Column("action", String(40), nullable=False),
    Column("object_kind", String(20)),
    Column("object_id", Key),
    Column("collection_id", Key),
    # A JSON object of names and numbers; never words of documents, questions or answers.
    Column("details", Text, nullable=False),
    Column("request", String(32)),
    Index("ix_audit_actor_id", "actor_id"),
    Index("ix_audit_object_kind_object_id", "object_kind", "object_id"),
    Index("ix_audit_at", "at"),
    sqlite_autoincrement=True,
)

# One row: entries older than this may be deleted, as the setting of retention has it.
audit_retention = Table(
    "audit_retention",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("older_than", DateTime, nullable=False),
)

# One row, or none: what an administrator chose on the curve of a run, which may be deleted since.
operating_point = Table(
    "operating_point",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("abstain_below", Float, nullable=False),
    Column("most_unsupported", Float),
    Column("most_wrongly", Float),
    Column("least_answered", Float),
    Column("run_id", Key, nullable=False),
    Column("chosen_by", String(200), nullable=False),
    Column("chosen_at", DateTime, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

AUDIT_DDL = (
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
for _statement in AUDIT_DDL:
    _ddl = DDL(_statement).execute_if(dialect="sqlite")  # type: ignore[no-untyped-call]
    event.listen(audit, "after_create", _ddl)
