"""Leaves out passages that say word for word what a better one says. Pure."""

import re
from collections.abc import Sequence

from retrieval.types import Hit

_WORD = re.compile(r"\w+")


def distinct(hits: Sequence[Hit], k: int) -> list[Hit]:
    """The first `k` hits, best first, without those whose words are those of one before them.

    Copies of a file, and boilerplate, would else take the places of everything else there is to
    say. Passages that differ in a word stay, however long they are: of two contracts made from one
    template it is the word that was asked for.
    """
    kept: list[Hit] = []
    seen: set[tuple[str, ...]] = set()
    for hit in hits:
        words = tuple(word.casefold() for word in _WORD.findall(hit.passage.text))
        if len(kept) < k and words not in seen:
            kept.append(hit)
            seen.add(words)
    return kept
