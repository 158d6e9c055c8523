"""A few questions for a reader, from the newest documents that the reader may read."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from generation.types import Citation
from retrieval.catalog import Catalog, Listed

SUGGESTED = 3
# Written from so many documents and passages of each, and so many questions looked at: what one
# reader's welcome costs the others.
_DOCUMENTS, _PASSAGES, _MOST_TRIED = 12, 6, 9
_FRESH_SECONDS = 600.0
_MOST_KEPT = 256


if TYPE_CHECKING:
    from app.suggesting.writing import Material, Written

# The collections that may be read, and those of them that are written from.
_Key: TypeAlias = tuple[frozenset[int], frozenset[int]]


class QuotedFrom(Protocol):
    """`Answerer.quoted_from`."""

    def __call__(self, question: str, *, readable: frozenset[int]) -> Citation | None: ...


class Suggestion(NamedTuple):
    """A question and the document it was written from; None when it came with Assay."""

    question: str
    document: str | None = None
    document_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Made:
    """What was suggested to whoever may read the same; each with the revision it is from."""

    at: float
    change_number: int
    suggestions: tuple[tuple[Suggestion, int], ...]


class Suggester:
    """Writes questions, and keeps those that an answer would quote the same document for."""

    def __init__(
        self,
        catalog: Catalog,
        quoted_from: QuotedFrom,
        change_number: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._quoted_from = quoted_from
        self._change_number = change_number
        self._clock = clock
        self._made: OrderedDict[_Key, _Made] = OrderedDict()
        self._keeping, self._writing = Lock(), Lock()
        self._forgotten = 0

    def suggestions(self, readable: frozenset[int], of: frozenset[int]) -> tuple[Suggestion, ...]:
        """At most `SUGGESTED` questions about documents of the collections `of`.

        Asked by whoever may read the `readable` ones, an answer would begin with words of just that
        document.
        Of what was written before, what has changed or gone is left out. While questions are
        written for somebody, others have what there is: nobody waits, and nothing is written twice.
        """
        made, number = self._kept((readable, of)), self._change_number()
        if made is None or self._is_old(made, number):
            made = self._written((readable, of), number) or made
        found = () if made is None else made.suggestions
        return tuple(one for one, revision in found if self._is_there(one, revision, of))

    def forget(self) -> None:
        """Keep no word of any document; what is being written now is not kept either."""
        with self._keeping:
            self._made.clear()
            self._forgotten += 1

    def _kept(self, key: _Key) -> _Made | None:
        with self._keeping:
            if key in self._made:
                self._made.move_to_end(key)
            return self._made.get(key)

    def _is_old(self, made: _Made, number: int) -> bool:
        return made.change_number != number and (
            not made.suggestions or self._clock() - made.at > _FRESH_SECONDS
        )

    def _written(self, key: _Key, number: int) -> _Made | None:
        if not self._writing.acquire(blocking=False):
            return None
        try:
            forgotten = self._forgotten
            found = tuple(self._chosen(*key, number))
            made = _Made(self._clock(), number, found)
            with self._keeping:
                if forgotten == self._forgotten:
                    self._made[key] = made
                    while len(self._made) > _MOST_KEPT:
                        self._made.popitem(last=False)
            return made
        finally:
            self._writing.release()

    def _chosen(
        self, readable: frozenset[int], of: frozenset[int], seed: int
    ) -> Iterator[tuple[Suggestion, int]]:
        from app.suggesting.writing import questions_from

        listed = [one for one in self._catalog.documents(of, limit=_DOCUMENTS) if one.passages]
        documents = {one.id: one for one in listed}
        material = [part for one in listed for part in self._material(one)]
        done: set[int] = set()
        for written in questions_from(material, seed)[:_MOST_TRIED]:
            if len(done) == SUGGESTED:
                return
            if written.document_id not in done and self._is_answered(written, readable):
                done.add(written.document_id)
                document = documents[written.document_id]
                yield Suggestion(written.question, document.name, document.id), document.revision_id

    def _material(self, document: Listed) -> "Iterator[Material]":
        from app.suggesting.writing import Material
        from evals.writing.types import Source

        for one in self._catalog.passages(document, limit=_PASSAGES):
            source = Source(
                one.id, document.id, document.name, document.title, one.text, document.media_type
            )
            yield Material(source, one.context, document.language)

    def _is_answered(self, written: "Written", readable: frozenset[int]) -> bool:
        """Whether an answer begins with words of that document, and says what was asked for."""
        quoted = self._quoted_from(written.question, readable=readable)
        if quoted is None or quoted.document_id != written.document_id:
            return False
        return written.answer.casefold() in " ".join(quoted.quote.split()).casefold()

    def _is_there(self, one: Suggestion, revision: int, readable: frozenset[int]) -> bool:
        if one.document_id is None:
            return True
        document = self._catalog.document(one.document_id, readable)
        return document is not None and document.revision_id == revision
