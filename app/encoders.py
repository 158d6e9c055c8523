"""Which encoders have read the documents, and changing the one that is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from retrieval.encoder import Encoder
from retrieval.maintenance import Maintenance
from retrieval.store import Store
from retrieval.types import embedded_text

_PASSAGES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class KnownEncoder:
    """An encoder that has read passages: so many of `passages`, which is all of them."""

    fingerprint: str
    vectors: int
    passages: int

    @property
    def is_complete(self) -> bool:
        """Whether it can be asked at once."""
        return self.vectors == self.passages


class _Home(Protocol):
    """The parts of the wired product that are needed here."""

    @property
    def store(self) -> Store: ...

    @property
    def maintenance(self) -> Maintenance: ...


def known_encoders(home: _Home) -> list[KnownEncoder]:
    """Every encoder whose vectors are kept, by fingerprint."""
    passages = home.maintenance.counts().passages
    return [
        KnownEncoder(fingerprint, home.store.count_with_vectors(encoder=fingerprint), passages)
        for fingerprint in sorted(home.store.encoders())
    ]


def embed_missing(
    home: _Home,
    encoder: Encoder,
    *,
    on_progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> int:
    """Make vectors for the passages this encoder has none for, beside those of other encoders.

    What is made is kept batch by batch: stopped, it goes on where it was. Passages that are
    published meanwhile are read too.

    Args:
        on_progress: told how many are done, and of how many.

    Returns:
        How many were made.

    Raises:
        TextTooLong: a passage is longer than the encoder reads.
    """
    done = 0
    total = home.store.count_without_vectors(encoder=encoder.fingerprint)
    while batch := home.maintenance.without_vectors(
        encoder=encoder.fingerprint, limit=_PASSAGES_AT_ONCE
    ):
        texts = [embedded_text(passage.context, passage.text) for passage in batch]
        ids = [passage.id for passage in batch]
        home.maintenance.add_vectors(ids, encoder.encode(texts), encoder=encoder.fingerprint)
        done += len(batch)
        on_progress(done, max(done, total))
    return done
