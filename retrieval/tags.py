"""Tags: short words that people give a document, to find it by."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Engine, delete, func, insert, select

from retrieval.database import writing
from retrieval.schema import document_tags, documents

LONGEST_TAG = 50
MOST_TAGS = 20


class UsedTag(NamedTuple):
    """A tag and how many documents have it."""

    tag: str
    documents: int


def tag_of(text: str) -> str:
    """A tag as it is kept: small letters, single spaces.

    Raises:
        ValueError: empty, longer than `LONGEST_TAG` characters, or with a comma or a character that
            cannot be seen.
    """
    tag = " ".join(text.casefold().split())
    if not tag:
        raise ValueError("a tag is empty; leave it out")
    if len(tag) > LONGEST_TAG:
        raise ValueError(
            f"the tag {tag[:20]!r}… has {len(tag)} characters; at most {LONGEST_TAG} are kept"
        )
    if "," in tag or not tag.isprintable():
        raise ValueError(f"the tag {tag!r} has a comma or a character that cannot be seen")
    return tag


def tags_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are kept, each once, sorted; raises as `tag_of`, and for too many."""
    tags = tuple(sorted({tag_of(text) for text in texts}))
    if len(tags) > MOST_TAGS:
        raise ValueError(f"{len(tags)} tags; a document has at most {MOST_TAGS}")
    return tags


class Tags:
    """Reads the last committed state; each write is one transaction. Who may, the callers say."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, document_id: int, tags: Sequence[str]) -> None:
        """Give a document these tags, from `tags_of`, in place of those it has.

        A document that is gone gets none.
        """
        with writing(self._engine) as sql:
            sql.execute(delete(document_tags).where(document_tags.c.document_id == document_id))
            there = select(documents.c.id).where(documents.c.id == document_id)
            if tags and sql.execute(there).scalar() is not None:
                rows = [{"document_id": document_id, "tag": tag} for tag in tags]
                sql.execute(insert(document_tags), rows)

    def used(self, among: frozenset[int]) -> list[UsedTag]:
        """The tags of documents in these collections, sorted."""
        query = (
            select(document_tags.c.tag, func.count())
            .join(documents, documents.c.id == document_tags.c.document_id)
            .where(documents.c.collection_id.in_(sorted(among)))
            .group_by(document_tags.c.tag)
            .order_by(document_tags.c.tag)
        )
        with self._engine.begin() as sql:
            return [UsedTag(tag, count) for tag, count in sql.execute(query)]
