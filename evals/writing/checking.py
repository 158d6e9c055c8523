"""Keep a question only when the product finds its passage and its verifier agrees.

What search cannot find at all would measure the question, not the product. It also makes the suite
kinder than the questions of people are: docs/EVALS.md says so.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TypeAlias

from evals.writing.types import Draft
from generation.groundedness.types import Verifier
from generation.types import Verdict
from retrieval.types import Hit

FOUND_WITHIN = 8

# question -> the best FOUND_WITHIN passages
Search: TypeAlias = Callable[[str], Sequence[Hit]]


class Refusal(StrEnum):
    """Why a question was dropped."""

    NOT_FOUND = "the search does not find its passage"
    NOT_SUPPORTED = "its passage does not support the answer"
    STILL_SUPPORTED = "the verifier takes what was altered for supported"


def refusal_of(draft: Draft, search: Search, verifier: Verifier) -> Refusal | None:
    """Why the draft should not be proposed; None when it should."""
    if draft.altered:
        return Refusal.STILL_SUPPORTED if _is_supported(draft, verifier) else None
    if all(hit.passage.id != draft.source.passage_id for hit in search(draft.question)):
        return Refusal.NOT_FOUND
    return None if _is_supported(draft, verifier) else Refusal.NOT_SUPPORTED


def _is_supported(draft: Draft, verifier: Verifier) -> bool:
    # Without the question: what that says counts as known, and an altered one says what is false.
    [judgement] = verifier.judge("", [draft.statement], [draft.source.text])
    return judgement.verdict is Verdict.SUPPORTED


def checked(
    drafts: Iterable[Draft],
    search: Search,
    verifier: Verifier,
    *,
    wanted: int,
    refused: Counter[Refusal],
) -> Iterator[Draft]:
    """The first `wanted` drafts that pass, one after the other; the others are counted."""
    passed = 0
    for draft in drafts:
        if passed >= wanted:
            return
        reason = refusal_of(draft, search, verifier)
        if reason is None:
            passed += 1
            yield draft
        else:
            refused[reason] += 1
