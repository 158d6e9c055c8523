"""Has documents read again from the originals that are kept, as jobs like any other."""

from collections.abc import Iterator
from dataclasses import replace

from app.audit import Actor, AuditLog, Object
from app.errors import OriginalMissing
from ingestion.jobs.store import Created, JobStore
from ingestion.jobs.types import ItemState, Job, NewItem, Source, SourceKind
from retrieval.catalog import Catalog, Listed, Order
from retrieval.originals import Originals
from retrieval.types import Collection

_AT_ONCE = 1_000
SOURCE = Source(SourceKind.ORIGINALS)


class Reingestion:
    """Makes the jobs; who works on jobs does the rest. What somebody may do, the callers ask."""

    def __init__(
        self, jobs: JobStore, catalog: Catalog, originals: Originals, audit: AuditLog
    ) -> None:
        self._jobs, self._catalog, self._originals = jobs, catalog, originals
        self._audit = audit

    def item(self, document: Listed) -> NewItem:
        """What a job is to read again.

        Raises:
            OriginalMissing: its original is gone, or is not what was kept.
        """
        if not self._originals.is_intact(document.sha256):
            raise OriginalMissing(document.name)
        return self._item(document)

    def items(self, collection: Collection) -> Iterator[NewItem]:
        """All documents of a collection; those without an original have failed already."""
        after = None
        among = frozenset({collection.id})
        while page := self._catalog.documents(
            among, order=Order.OLDEST, after=after, limit=_AT_ONCE
        ):
            after = page[-1].place(Order.OLDEST)
            yield from map(self._item, page)

    def begin(self, actor: Actor, principal_id: int, document: Listed) -> Created:
        """Have a document read again. While that goes on, asking once more changes nothing.

        Raises:
            OriginalMissing: as `item`.
        """
        underway = self.underway(document)
        if underway is not None:
            return Created(underway, is_new=False)
        created = self._jobs.create(
            document.collection, SOURCE, [self.item(document)], principal_id=principal_id
        )
        of = Object("document", document.id)
        self._record(actor, "document.reingested", of, document.collection, created.job)
        return created

    def begin_collection(self, actor: Actor, principal_id: int, collection: Collection) -> Job:
        """Have every document of a collection read again."""
        items = list(self.items(collection))
        job = self._jobs.create(collection, SOURCE, items, principal_id=principal_id).job
        of = Object("collection", collection.id)
        self._record(actor, "collection.reingested", of, collection, job)
        return job

    def underway(self, document: Listed) -> Job | None:
        """The job that reads a document again at present; None without one."""
        return self._jobs.reading_again(document.collection, document.path)

    def _item(self, document: Listed) -> NewItem:
        path = self._originals.path(document.sha256)
        item = NewItem(document.path, document.name, 0, str(path))
        if not path.is_file():
            reason = str(OriginalMissing(document.name))
            return replace(item, state=ItemState.FAILED, reason=reason)
        return replace(item, size=path.stat().st_size)

    def _record(
        self, actor: Actor, action: str, of: Object, collection: Collection, job: Job
    ) -> None:
        self._audit.record(actor, action, of, collection_id=collection.id, job=job.id)
