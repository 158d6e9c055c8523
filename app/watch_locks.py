"""Who follows which folder: two watches of one would read and embed everything twice."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.errors import CommandFailed
from ingestion.finding import shown
from retrieval.types import Collection


@contextmanager
def following(home: Path, collection: Collection, folders: Sequence[Path]) -> Iterator[None]:
    """Follow folders for a collection, as no other process does meanwhile.

    The locks are the operating system's and end with the process, however it ends.

    Raises:
        CommandFailed: another process follows one of them.
    """
    place = home / "watches"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as held:
        for folder in dict.fromkeys(folders):
            name = hashlib.sha256(f"{collection.id} {shown(folder)}".encode()).hexdigest()
            path = place / f"{name}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CommandFailed(
                    f"{shown(folder)} is followed already for collection {collection.name!r}, by "
                    "another `assay ingest --watch`; stop that one first"
                ) from error
        yield
