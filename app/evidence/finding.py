"""Finds where a quote stands: on the page of a PDF, and in the text of its revision.

Whether somebody may see it is decided before this is called.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import TypeVar

from app.conversations.types import Quote
from app.errors import RequestRefused
from app.evidence.cache import PageCache
from app.evidence.context import Line, lines_around
from ingestion.aligning import NOWHERE, Rectangle, align, rectangles
from ingestion.errors import IngestionError
from ingestion.pages import PageProcess, PrintedPage
from retrieval.originals import Originals
from retrieval.store import KeptRevision, Store

log = logging.getLogger(__name__)

SCALES = (1, 2, 3)
_CACHE_BYTES = 96_000_000
_BYTES_PER_GLYPH = 200
_AROUND_CHARACTERS = 300
_PDF = "application/pdf"
# Who waits for a page holds one of the threads that requests are answered by.
_MOST_AT_ONCE = 12

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class OnPage:
    """A quote on its printed page: `width` and `height` in points, `found` as in `Alignment`."""

    page: int
    width: float
    height: float
    rectangles: tuple[Rectangle, ...]
    found: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quote in its place. `on_page` is None for what is no PDF, or cannot be rendered."""

    lines: tuple[Line, ...]
    on_page: OnPage | None


class EvidenceFinder:
    """Renders pages and finds quotes on them, one at a time, in a process with limits."""

    def __init__(self, store: Store, originals: Originals) -> None:
        self._store = store
        self._originals = originals
        self._cache: PageCache[PrintedPage | bytes] = PageCache(_CACHE_BYTES)
        # One thread for good: the child ends with the thread that started it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pages")
        self._process = PageProcess()
        self._places = BoundedSemaphore(_MOST_AT_ONCE)
        self._is_closed = False

    def close(self) -> None:
        """End the process. Nothing to do twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._thread.submit(self._process.close)
        self._thread.shutdown()

    def find(self, quote: Quote) -> Evidence | None:
        """Where a quote stands; None when its revision is gone."""
        revision = self._store.kept_revision(quote.revision_id)
        if revision is None or not quote.start < quote.end <= len(revision.text):
            return None
        lines = lines_around(revision.text, quote.start, quote.end)
        return Evidence(lines, self._on_page(quote, revision))

    def image(self, quote: Quote, scale: int) -> bytes | None:
        """The page of a quote as a PNG; None when there is none.

        Args:
            scale: one of `SCALES`: points to 1/72 inch.
        """
        revision = self._store.kept_revision(quote.revision_id)
        if revision is None or not _has_pages(quote, revision):
            return None
        page = quote.page or 1

        def make(data: bytes) -> bytes:
            return self._process.image(data, page, scale=scale)

        image = self._made(revision, (page, scale), make, len)
        return image if isinstance(image, bytes) else None

    def original(self, quote: Quote) -> tuple[KeptRevision, bytes] | None:
        """The bytes that a quote was read from, with what is known of them."""
        revision = self._store.kept_revision(quote.revision_id)
        data = None if revision is None else self._originals.read(revision.sha256)
        return None if revision is None or data is None else (revision, data)

    def _on_page(self, quote: Quote, revision: KeptRevision) -> OnPage | None:
        if not _has_pages(quote, revision) or quote.page is None:
            return None
        page = quote.page

        def make(data: bytes) -> PrintedPage:
            return self._process.glyphs(data, page)

        printed = self._made(
            revision, (page, "glyphs"), make, lambda made: _BYTES_PER_GLYPH * len(made.glyphs)
        )
        if not isinstance(printed, PrintedPage):
            return None
        text = revision.text
        found = align(
            text[quote.start : quote.end],
            printed.glyphs,
            before=text[max(0, quote.start - _AROUND_CHARACTERS) : quote.start],
            after=text[quote.end : quote.end + _AROUND_CHARACTERS],
        )
        boxes = () if found == NOWHERE else rectangles(found, printed.glyphs)
        return OnPage(page, printed.width, printed.height, boxes, found.found)

    def _made(
        self,
        revision: KeptRevision,
        what: tuple[int, object],
        make: Callable[[bytes], Made],
        size: Callable[[Made], int],
    ) -> Made | PrintedPage | bytes | None:
        """What was made of a page before, or is made now; None when it cannot be."""
        number = self._store.change_number()
        key = (revision.sha256, *what)
        kept = self._cache.get(key, number)
        if kept is not None:
            return kept
        data = self._originals.read(revision.sha256)
        if data is None:
            return None
        if not self._places.acquire(blocking=False):
            raise RequestRefused(
                503,
                f"{_MOST_AT_ONCE} pages are being opened at the moment, which is the limit; try "
                "again in a few seconds",
            )
        try:
            made = self._thread.submit(make, data).result()
        except IngestionError as error:
            log.warning("page %s of revision %s: %s", what[0], revision.id, error)
            return None
        finally:
            self._places.release()
        self._cache.put(key, made, size(made), number)  # type: ignore[arg-type] # one of the two
        return made


def _has_pages(quote: Quote, revision: KeptRevision) -> bool:
    return quote.page is not None and revision.media_type == _PDF
