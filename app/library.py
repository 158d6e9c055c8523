"""Documents for somebody: only what they may read is found, and what is done to them is logged."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.audit import Actor, AuditLog, Object
from app.deletion import Deletions, Receipt
from app.errors import AccessDenied, UnknownEntry
from app.reingestion import Reingestion
from app.sharing import Sharing
from ingestion.jobs.store import Created
from ingestion.jobs.types import Job
from retrieval.access import AccessList
from retrieval.alike import Alike, AlikeDocuments
from retrieval.catalog import (
    Catalog,
    DocumentPage,
    Listed,
    Order,
    PassageText,
    Place,
)
from retrieval.hidden import HiddenText
from retrieval.originals import Originals
from retrieval.tags import Tags, UsedTag
from retrieval.types import Access, Collection, Principal


class Library:
    """Every read and write asks who may do it."""

    def __init__(
        self,
        access: AccessList,
        catalog: Catalog,
        alike: AlikeDocuments,
        tags: Tags,
        originals: Originals,
        deletions: Deletions,
        reingestion: Reingestion,
        sharing: Sharing,
        audit: AuditLog,
    ) -> None:
        self._access = access
        self._catalog = catalog
        self._alike = alike
        self._tags = tags
        self._originals = originals
        self._deletions = deletions
        self._reingestion = reingestion
        self._sharing = sharing
        self._audit = audit

    def documents(
        self,
        requester: Principal,
        *,
        collection: Collection | None,
        order: Order,
        after: Place | None,
        named: str,
        tag: str,
        limit: int,
    ) -> list[Listed]:
        """Documents that `requester` may read, of one collection or of all; see `Catalog`."""
        among = self._access.readable(requester)
        if collection is not None:
            among &= {collection.id}
        return self._catalog.documents(
            among, order=order, after=after, named=named, tag=tag, limit=limit
        )

    def is_empty(self, requester: Principal) -> bool:
        """Whether there is no document that `requester` may read."""
        return not self._catalog.documents(self._access.readable(requester), limit=1)

    def page(
        self,
        collection: Collection,
        *,
        order: Order,
        number: int,
        size: int,
        named: str,
        tag: str,
        only_textless: bool,
    ) -> DocumentPage:
        """A page of the documents of a collection that may be read; see `Catalog.page`."""
        return self._catalog.page(
            collection,
            order=order,
            number=number,
            size=size,
            named=named,
            tag=tag,
            only_textless=only_textless,
        )

    def document(self, requester: Principal, number: int, access: Access = Access.READ) -> Listed:
        """A document, if `requester` may do this with it.

        Raises:
            UnknownEntry: there is none, or it may not even be read: which of them is not said.
            AccessDenied: it may be read, and not this.
        """
        levels = self._access.levels(requester)
        found = self._catalog.document(number, frozenset(levels))
        if found is None:
            raise UnknownEntry("document", number)
        if not levels[found.collection.id].includes(access):
            raise AccessDenied(
                f"you may read the collection {found.collection.name!r} and not change it; ask who "
                "manages it, or an administrator"
            )
        return found

    def opened(self, actor: Actor, requester: Principal, number: int) -> Listed:
        """A document to be read; raises as `document`. It is logged."""
        found = self.document(requester, number)
        of = Object("document", number)
        self._audit.note(actor, "document.read", of, collection_id=found.collection.id)
        return found

    def passages(self, document: Listed, *, after: int | None, limit: int) -> Sequence[PassageText]:
        """Passages of a document that was opened."""
        return self._catalog.passages(document, after=after, limit=limit)

    def hidden(self, document: Listed) -> Sequence[HiddenText]:
        """What the file of a document that was opened keeps from human eyes."""
        return self._catalog.hidden(document)

    def alike(self, requester: Principal, document: Listed) -> list[Alike]:
        """Documents that `requester` may read and that are nearly the same as one."""
        return self._alike.of(document.id, self._access.readable(requester))

    def alike_groups(self, requester: Principal) -> list[list[Alike]]:
        """All documents that `requester` may read and that are nearly the same as another."""
        return self._alike.groups(self._access.readable(requester))

    def original(self, actor: Actor, requester: Principal, number: int) -> tuple[Listed, Path]:
        """A document and the file of its original; raises as `document`. It is logged.

        Raises:
            UnknownEntry: also when the file is gone.
        """
        found = self.document(requester, number)
        path = self._originals.path(found.sha256)
        if not path.is_file():
            raise UnknownEntry("original of document", number)
        of = Object("document", number)
        self._audit.note(actor, "document.original", of, collection_id=found.collection.id)
        return found, path

    def size(self, document: Listed) -> int | None:
        """Bytes of the original; None when it is not there."""
        return self._originals.size(document.sha256)

    # Reading again

    def reingest(self, actor: Actor, requester: Principal, number: int) -> Created:
        """Have a document read again from its original, for who may write; raises as `document`.

        Raises:
            OriginalMissing: there is nothing to read it from.
        """
        found = self.document(requester, number, Access.WRITE)
        return self._reingestion.begin(actor, requester.id, found)

    def reingest_collection(self, actor: Actor, requester: Principal, number: int) -> Job:
        """Have all of a collection read again, for who may write to it; raises as `Sharing`."""
        collection = self._sharing.require(requester, number, Access.WRITE)
        return self._reingestion.begin_collection(actor, requester.id, collection)

    def being_reingested(self, document: Listed) -> Job | None:
        """The job that reads a document again at present; None without one."""
        return self._reingestion.underway(document)

    # Tags

    def tag(self, actor: Actor, requester: Principal, number: int, tags: Sequence[str]) -> Listed:
        """Give a document these tags, from `tags_of`, for who may write; raises as `document`.

        Returns:
            The document with them.
        """
        found = self.document(requester, number, Access.WRITE)
        self.put_tags(actor, found, tags)
        return replace(found, tags=tuple(tags))

    def put_tags(self, actor: Actor, document: Listed, tags: Sequence[str]) -> None:
        """The same for a document that whoever runs the machine has found."""
        self._tags.put(document.id, tags)
        of = Object("document", document.id)
        self._audit.record(
            actor, "document.tagged", of, collection_id=document.collection.id, tags=len(tags)
        )

    def tags_used(
        self, requester: Principal, collection: Collection | None = None
    ) -> list[UsedTag]:
        """The tags of the documents that `requester` may read, of one collection or all, sorted."""
        among = self._access.readable(requester)
        return self._tags.used(among if collection is None else among & {collection.id})

    # Deleting

    def delete(self, actor: Actor, requester: Principal, number: int) -> Receipt:
        """Delete a document, for who may write to its collection; raises as `document`."""
        return self._deletions.delete(actor, self.document(requester, number, Access.WRITE))

    def delete_collection(self, actor: Actor, requester: Principal, number: int) -> Receipt:
        """Delete a collection with what is in it, for who manages it; raises as `Sharing`."""
        collection = self._sharing.require(requester, number, Access.MANAGE)
        return self._deletions.delete_collection(actor, collection)

    def receipt(self, requester: Principal, number: int) -> Receipt:
        """A receipt, for who may write to the collection, and for administrators.

        Raises:
            UnknownEntry: there is none, as far as that goes.
        """
        return self._deletions.receipt(number, self._receipts_of(requester))

    def receipts(
        self, requester: Principal, *, before: int | None, limit: int
    ) -> Sequence[Receipt]:
        """Receipts that `requester` may see, newest first."""
        return self._deletions.receipts(self._receipts_of(requester), before=before, limit=limit)

    def _receipts_of(self, requester: Principal) -> frozenset[int] | None:
        """None for all: of collections that are gone, only administrators may know."""
        if requester.is_administrator:
            return None
        return self._access.allowed(requester, Access.WRITE)
