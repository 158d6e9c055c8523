"""Canaries: sentences that nobody could know, each in one collection for the time of a probe.

A canary is a document of its own, under a path that no file has, so that one that a killed probe
left behind is known for what it is and swept by the next.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from retrieval.encoder import Encoder
from retrieval.store import Store
from retrieval.types import Collection, PassageSpan, Revision, embedded_text

# Paths of documents are absolute paths of files, or were given by an uploader; none begins so.
CANARY_PATHS = "assay:leak-probe/"
CANARY_NAME = "Assay leak probe (removed when it ends)"
_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_SYLLABLES = 5
_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


@dataclass(frozen=True, slots=True)
class Canary:
    """A fact that is in one collection only: that `label` has `codeword`."""

    collection: Collection
    label: str
    codeword: str

    @property
    def sentence(self) -> str:
        """What the document says."""
        return f"The leak probe codeword of {self.label} is {self.codeword}."

    @property
    def question(self) -> str:
        """What everybody asks. The codeword is not in it."""
        return f"What is the leak probe codeword of {self.label}?"

    @property
    def path(self) -> str:
        """The path of its document."""
        return f"{CANARY_PATHS}{self.label}"


@contextmanager
def planted(
    store: Store, encoder: Encoder, collections: Sequence[Collection]
) -> Iterator[tuple[Canary, ...]]:
    """A canary in each collection, as long as this lasts; removed whatever happens.

    A process that is killed leaves them; `sweep` removes them then.
    """
    canaries = tuple(_canary(collection) for collection in collections)
    try:
        for canary in canaries:
            _publish(store, encoder, canary)
        yield canaries
    finally:
        _insist(lambda: sweep(store))


def sweep(store: Store) -> int:
    """Remove every canary there is. Returns how many documents there were."""
    ids = [
        known.document_id
        for collection in store.collections()
        for path, known in store.known_files(collection).items()
        if path.startswith(CANARY_PATHS)
    ]
    return store.remove(ids) if ids else 0


def _insist(act: Callable[[], object]) -> None:
    """Act, and once more when Ctrl-C falls into it: nothing shall be left behind."""
    try:
        act()
    except KeyboardInterrupt:
        act()
        raise


def _canary(collection: Collection) -> Canary:
    label = "".join(
        secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(_SYLLABLES)
    )
    code = "-".join("".join(secrets.choice(_CODE_LETTERS) for _ in range(4)) for _ in range(3))
    return Canary(collection, label, code)


def _publish(store: Store, encoder: Encoder, canary: Canary) -> None:
    text = canary.sentence
    content = text.encode()
    revision = Revision(
        path=canary.path,
        name=CANARY_NAME,
        title=CANARY_NAME,
        media_type="text/plain",
        sha256=hashlib.sha256(content).hexdigest(),
        text=text,
        passages=(PassageSpan(0, len(text), None, CANARY_NAME),),
        vectors=encoder.encode([embedded_text(CANARY_NAME, text)]),
    )
    store.publish(canary.collection, revision, content, encoder=encoder.fingerprint)
