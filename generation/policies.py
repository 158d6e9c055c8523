"""What of an assayed draft is shown: the policies of collections. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from generation.types import AssayedSentence, Origin
from retrieval.types import Policy

_ORDER = tuple(Policy)
# Under these one sentence that is not supported settles the matter: what is written after it would
# not be shown.
_ALL_OR_NOTHING = frozenset((Policy.QUOTE, Policy.ABSTAIN))


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an answer shows.

    `struck` counts the sentences that were written and are not shown. Under `needs_quotes` the best
    passages stand for the draft.
    """

    sentences: tuple[AssayedSentence, ...]
    struck: int = 0
    needs_quotes: bool = False


def strictest(policies: Iterable[Policy]) -> Policy:
    """The policy that shows least; SHOW when there is none."""
    return max(policies, key=_ORDER.index, default=Policy.SHOW)


def shows_drafts(policy: Policy) -> bool:
    """Whether a draft may be seen while it is written, before it was assayed."""
    return policy is Policy.SHOW


def shows_at_once(policy: Policy, sentence: AssayedSentence) -> bool:
    """Whether a sentence is shown as soon as it has its verdict, whatever comes after it."""
    if policy is Policy.SHOW:
        return True
    if policy is Policy.STRIKE:
        return sentence.is_said
    return policy is Policy.QUOTE and sentence.origin is Origin.QUOTED


def is_settled(policy: Policy, sentences: Sequence[AssayedSentence]) -> bool:
    """Whether nothing more of a draft can be shown, so that writing on is of no use."""
    return policy in _ALL_OR_NOTHING and not all(sentence.is_said for sentence in sentences)


def ruled(policy: Policy, sentences: Sequence[AssayedSentence]) -> Ruling:
    """What is shown of the sentences of a draft and of the quotes before it, in their order."""
    said = tuple(sentence for sentence in sentences if sentence.is_said)
    if policy is Policy.SHOW or len(said) == len(sentences):
        return Ruling(tuple(sentences))
    if policy is Policy.STRIKE:
        return Ruling(said, len(sentences) - len(said))
    quoted = tuple(sentence for sentence in sentences if sentence.origin is Origin.QUOTED)
    written = len(sentences) - len(quoted)
    if policy is Policy.QUOTE:
        return Ruling(quoted, written, needs_quotes=True)
    return Ruling((), written)
