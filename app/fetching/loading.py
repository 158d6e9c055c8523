"""The bytes of a job's addresses, got when their turn comes."""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from app.fetching.fetch import Fetcher, Validators
from app.fetching.url_list import url_of
from ingestion.changes import FoundFile
from ingestion.errors import Unchanged
from retrieval.originals import sha256_of
from retrieval.types import KnownFile


class UrlLoader:
    """Gets each address, unless its server says that it is as it was.

    What servers said lies in a file that may be deleted at any time: then all is got again.

    Args:
        known: the collection's documents by address.
        file: where it is kept what servers said.
    """

    def __init__(self, fetcher: Fetcher, known: Mapping[str, KnownFile], file: Path) -> None:
        self._fetcher, self._known, self._file = fetcher, known, file
        self._lock = threading.Lock()
        self._said: dict[str, tuple[str, Validators]] = dict(_read(file))

    def load(self, file: FoundFile) -> bytes:
        """What is at an address.

        Raises:
            Unchanged: it is as it was brought in.
            FileRejected, NotFetched: as `Fetcher.get`.
        """
        document = self._known.get(file.path)
        sha256, validators = self._said.get(file.path, ("", Validators()))
        if document is None or document.sha256 != sha256:
            validators = Validators()
        fetched = self._fetcher.get(url_of(file.path), validators)
        if fetched.content is None:
            raise Unchanged
        sha256 = sha256_of(fetched.content)
        self._remember(file.path, sha256, fetched.validators)
        if document is not None and document.sha256 == sha256:
            raise Unchanged
        return fetched.content

    def _remember(self, url: str, sha256: str, said: Validators) -> None:
        with self._lock:
            self._said[url] = (sha256, said)
            rows = {one: [digest, asdict(known)] for one, (digest, known) in self._said.items()}
            partial = self._file.with_name(f"{self._file.name}.{os.getpid()}")
            with suppress(OSError):  # what cannot be kept is asked again
                partial.write_text(json.dumps(rows), encoding="utf-8")
                partial.replace(self._file)


def _read(file: Path) -> Mapping[str, tuple[str, Validators]]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return {url: (str(digest), Validators(**said)) for url, (digest, said) in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
