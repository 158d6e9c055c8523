"""Files that are there under another path: the document goes with them, and so do its quotes."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from retrieval.names import name_key
from retrieval.schema import documents, revisions
from retrieval.types import Collection, Revision


class Moved(NamedTuple):
    """A document that has another path now, and what its current revision is.

    `says_the_same`: it was read as the file is now; not where its title was made of its name.
    """

    id: int
    revision_id: int
    says_the_same: bool


def moved_document(
    sql: Connection, collection: Collection, revision: Revision, gone: Sequence[str]
) -> Moved | None:
    """The document that a new file was until now; it has the file's path and name from now on.

    Args:
        gone: paths of files that are no longer there.

    Returns:
        None when none of them held the same bytes.
    """
    found = sql.execute(
        select(documents.c.id, documents.c.revision_id, revisions.c.text, revisions.c.title)
        .join(revisions, revisions.c.id == documents.c.revision_id)
        .where(documents.c.collection_id == collection.id)
        .where(documents.c.path.in_(gone))
        .where(revisions.c.sha256 == revision.sha256)
        .order_by(documents.c.id)
        .limit(1)
    ).first()
    if found is None:
        return None
    sql.execute(
        update(documents)
        .where(documents.c.id == found.id)
        .values(path=revision.path, name=revision.name, name_key=name_key(revision.name))
    )
    says_the_same = (found.text, found.title) == (revision.text, revision.title)
    return Moved(found.id, found.revision_id, says_the_same)
