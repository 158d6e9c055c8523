"""Tokens that a model's files give a meaning: what ends a text, what must never be written. Pure.

Every runtime asks here, so that a text ends at the same tokens whatever runs the model.
"""

from collections.abc import Iterable
from typing import Any


def token_ids(*said: Any) -> frozenset[int]:  # noqa: ANN401 - what stands in files
    """The tokens of all places that name some: each an id, several, or None."""
    return frozenset(
        int(token)
        for one in said
        for token in (one if isinstance(one, list | tuple) else [one])
        if token is not None
    )


def forbidden_tokens(suppressed: Iterable[int] | None, bad_words: Any) -> frozenset[int]:  # noqa: ANN401
    """What is never written: `suppress_tokens`, and those of `bad_words_ids` of one token."""
    single = (words[0] for words in bad_words or () if isinstance(words, list) and len(words) == 1)
    return frozenset(single) | frozenset(suppressed or ())
