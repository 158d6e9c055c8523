"""Every error `retrieval` raises on purpose.

RetrievalError
├── UnknownName            a collection, principal or document that is not there
├── NameTaken              a collection or principal of that name exists
├── NameUnusable           a name that is blank, too long, or has characters that cannot be seen
├── CollectionNotEmpty     a collection with documents in it is not removed
├── StoreBusy              another process held the write lock longer than the limit
├── SchemaMismatch         the database was made by another version of Assay
├── TextTooLong            a text has more tokens than the encoder reads
├── ModelMissing           a configured model is not on this machine
├── EncoderChanged         the store was embedded with another encoder
└── ProjectionError        an index on disk that must not be served; it is rebuilt from SQL
    ├── ProjectionTorn     missing, cut short or changed behind our back
    └── ProjectionMismatch built by another encoder, or not what SQL says
"""

from pathlib import Path


class RetrievalError(Exception):
    """Base of every error `retrieval` raises on purpose."""


class UnknownName(RetrievalError):
    """A collection, principal or document that is not there."""

    def __init__(self, kind: str, name: str, hint: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(f"there is no {kind} {name!r}; {hint}")


class NameTaken(RetrievalError):
    """A collection or principal of that name exists already."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(f"there is a {kind} {name!r} already; choose another name")


class NameUnusable(RetrievalError):
    """A name that is blank, too long, or has characters that cannot be seen."""

    def __init__(self, name: str, limit: int) -> None:
        what = "has characters that cannot be seen"
        if not 0 < len(name) <= limit:
            what = f"has {len(name)} characters"
        super().__init__(
            f"the name {name[:20]!r} {what}; choose one with 1 to {limit} letters, digits and signs"
        )


class CollectionNotEmpty(RetrievalError):
    """A collection with documents in it is not removed."""

    def __init__(self, name: str, documents: int) -> None:
        super().__init__(
            f"the collection {name!r} holds {documents} documents; delete these first, or with it"
        )


class StoreBusy(RetrievalError):
    """Another process held the write lock longer than the limit."""

    def __init__(self, database: Path, waited_seconds: float) -> None:
        super().__init__(
            f"another process has been writing to {database} for more than {waited_seconds:g} s; "
            "wait for it to end and run the command again"
        )


class SchemaMismatch(RetrievalError):
    """The database was made by a newer version of Assay than this one."""

    def __init__(self, database: Path, found: str, known: str) -> None:
        super().__init__(
            f"{database} has schema {found!r} and this version of Assay knows up to {known!r}; "
            "use the newer version, or another ASSAY_HOME"
        )


class TextTooLong(RetrievalError):
    """A text has more tokens than the encoder reads; it would be cut off silently."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(
            f"a passage has {tokens} tokens and the encoder reads {limit}; split it further"
        )


class ModelMissing(RetrievalError):
    """A configured model is not on this machine."""

    def __init__(self, setting: str, value: str, hint: str) -> None:
        super().__init__(f"{setting}={value!r} cannot be loaded: {hint}")


class EncoderChanged(RetrievalError):
    """Some passages have no vector from the configured encoder: they would be unfindable."""

    def __init__(self, missing: int, configured: str, found: list[str]) -> None:
        super().__init__(
            f"{missing} passages have no vector from the configured encoder {configured!r} (the "
            f"store has vectors from {', '.join(found) or 'none'}); set ASSAY_ENCODER back, or run "
            "`assay doctor --repair` to embed them again"
        )


class ProjectionError(RetrievalError):
    """An index on disk that must not be served; it is rebuilt from SQL."""


class ProjectionTorn(ProjectionError):
    """Missing, cut short, or changed behind our back."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"index {path} is not usable: {reason}; `assay doctor --repair` rebuilds it"
        )


class ProjectionMismatch(ProjectionError):
    """Built by another encoder, or not what SQL says."""

    def __init__(self, path: Path, what: str, found: object, expected: object) -> None:
        super().__init__(
            f"index {path} has {what} {found!r} where {expected!r} is expected; "
            "`assay doctor --repair` rebuilds it"
        )
