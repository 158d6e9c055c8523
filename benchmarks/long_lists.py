"""How long a page of a long list of documents takes: the first, one in the middle, the last.

    python -m benchmarks.long_lists [--documents 100000] [--times 15]

A new home folder whose documents are rows alone, two passages each, without vectors; the real
application is asked for its pages and its JSON, without a network. Wall-clock milliseconds, and
processor milliseconds of the process, each the median of `--times` and the most.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from app.api.application import create_app
from app.bootstrap import Assay
from app.scopes import EVERY
from app.settings import settings_with
from benchmarks.permission_drill import Site
from retrieval.catalog import Order
from retrieval.names import name_key
from retrieval.schema import documents, passages, revisions

ROWS_AT_ONCE = 2_000
PASSAGES = 2
KINDS = ("Lease", "invoice", "Report", "minutes", "Übergabe")
WORDS = "The rent of the garden house is due on the first of each month and paid by the tenant."


def fill(assay: Assay, collection: int, count: int) -> None:
    """Put rows of so many documents into a collection, one in a hundred of them without text."""
    choose, now = random.Random(1), datetime.now(UTC).replace(tzinfo=None)
    for first in range(1, count + 1, ROWS_AT_ONCE):
        numbers = range(first, min(first + ROWS_AT_ONCE, count + 1))
        of_documents, of_revisions, of_passages = [], [], []
        for number in numbers:
            name = f"{choose.choice(KINDS)} {choose.randint(1, count)}.pdf"
            at = now - timedelta(minutes=count - number)
            held = 0 if number % 100 == 0 else PASSAGES
            of_documents.append(
                {
                    "id": number,
                    "collection_id": collection,
                    "path": f"upload:/{number}/{name}",
                    "name": name,
                    "name_key": name_key(name),
                    "revision_id": number,
                    "size": choose.randint(1_000, 9_000_000),
                    "passages": held,
                    "created_at": at,
                }
            )
            of_revisions.append(
                {
                    "id": number,
                    "document_id": number,
                    "sha256": f"{number:064x}",
                    "title": name,
                    "media_type": "application/pdf",
                    "text": WORDS * held,
                    "created_at": at,
                }
            )
            of_passages += [
                {
                    "revision_id": number,
                    "document_id": number,
                    "collection_id": collection,
                    "start": part * len(WORDS),
                    "end": (part + 1) * len(WORDS),
                    "page": part + 1,
                    "context": name,
                    "text": WORDS,
                }
                for part in range(held)
            ]
        with assay.database.begin() as sql:
            sql.execute(insert(documents), of_documents)
            sql.execute(insert(revisions), of_revisions)
            if of_passages:
                sql.execute(insert(passages), of_passages)


def places(collection: int, count: int) -> Iterator[tuple[str, str]]:
    """What is asked for, in words and as an address."""
    last = -(-count // 50)
    base = f"/library/{collection}"
    for order in Order:
        for where, page in (("first", 1), ("middle", last // 2), ("last", last)):
            yield f"page, {order.value}, {where}", f"{base}?order={order.value}&page={page}"
    yield "page, named '77', first", f"{base}?named=77"
    yield "page, without text", f"{base}?shown=textless"
    yield "library", "/library"


async def measured(site: Site, key: str, path: str, times: int) -> tuple[list[float], list[float]]:
    """Wall-clock and processor milliseconds of each of so many requests."""
    wall, processor = [], []
    for _ in range(times):
        begun, used = time.perf_counter(), time.process_time()
        status, text = await site.ask("GET", path, key)
        wall.append(1e3 * (time.perf_counter() - begun))
        processor.append(1e3 * (time.process_time() - used))
        if status != 200:
            raise RuntimeError(f"{path}: {status} {text[:200]}")
    return wall, processor


async def cursors(site: Site, key: str, collection: int, order: str) -> list[str]:
    """The addresses of the first and the last page of a list that a program goes through."""
    base = f"/api/documents?collection={collection}&order={order}&limit=200"
    path = base
    while True:
        _, text = await site.ask("GET", path, key)
        if (following := json.loads(text)["next"]) is None:
            return [base, path]
        path = f"{base}&cursor={following}"


async def run(assay: Assay, count: int, times: int) -> None:
    root = assay.access.ensure_administrator("root")
    key = assay.accounts.keys.create(root, "lists", scopes=EVERY)
    collection = assay.store.ensure_collection("long").id
    begun = time.monotonic()
    fill(assay, collection, count)
    print(f"{count:,} documents made in {time.monotonic() - begun:.0f} s", flush=True)
    site = Site(create_app(assay.services()))
    asked = list(places(collection, count))
    for order in (Order.NAME, Order.LARGEST):
        first, last = await cursors(site, key, collection, order.value)
        asked += [
            (f"JSON of 200, {order.value}, {w}", p) for w, p in (("first", first), ("last", last))
        ]
    for words, path in asked:
        wall, processor = await measured(site, key, path, times)
        print(
            f"{words:<34} {statistics.median(wall):7.1f} ms (most {max(wall):.1f}), "
            f"{statistics.median(processor):.1f} ms of processor (most {max(processor):.1f})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-lists-") as home:
        assay = Assay(settings_with(Path(home), {}))
        asyncio.run(run(assay, arguments.documents, arguments.times))
        assay.close()


if __name__ == "__main__":
    main()
