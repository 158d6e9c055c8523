"""Which documents a search is to keep to, among those the reader may read. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Documents that are wanted; what is left empty narrows nothing.

    `documents` are parts of their names, any of them, whatever the case; `types` endings of their
    names such as "pdf", any of them. `since` and `until` are the first and the last day, in UTC, on
    which the current words of a document were taken in. `languages` are codes such as "de", any of
    them; `tags` what people gave the document, as they are kept, any of them.
    """

    documents: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether every document is wanted."""
        return self == EVERY_DOCUMENT

    def wants(self, name: str) -> bool:
        """Whether a document of this name is wanted, as far as names say."""
        folded = name.casefold()
        endings = tuple(f".{ending.casefold().lstrip('.')}" for ending in self.types)
        parts = [part.casefold() for part in self.documents]
        return (not endings or folded.endswith(endings)) and (
            not parts or any(part in folded for part in parts)
        )

    @property
    def begin(self) -> datetime | None:
        """The first moment that is wanted, UTC without a time zone, as the store has it."""
        return None if self.since is None else datetime.combine(self.since, time.min)

    @property
    def end(self) -> datetime | None:
        """The first moment that is no longer wanted."""
        if self.until is None:
            return None
        return datetime.combine(self.until, time.min) + timedelta(days=1)


EVERY_DOCUMENT = Narrowing()
