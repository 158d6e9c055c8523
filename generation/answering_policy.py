"""When to answer, and how much evidence to read. Pure: settings need it, and it needs nothing."""

from dataclasses import dataclass

from retrieval.types import Policy

# Passages looked through for a verbatim answer; the prompt holds as many of them as fit.
EVIDENCE_PASSAGES = 8
# More evidence than this slows the bundled model and distracts it (docs/LOG.md); a larger model
# does better with more.
EVIDENCE_TOKENS = 100
# An answer in the documents' own words: the statement that answers, and up to two that complete it.
QUOTES = 3


@dataclass(frozen=True, slots=True)
class AnsweringPolicy:
    """When to answer, and how much evidence to read.

    With `is_guarded` nothing that gives orders to a model goes into a prompt or a quotation.
    `showing` is what becomes of sentences that are not supported, in place of what the collections
    say; None leaves it to them. Unless `beyond_quotes`, a supported sentence that has a word more
    than what is quoted gives way to the words it rests on: the verifier cannot tell whether a small
    model has them right. None is true of every model but the bundled one. `quotes` statements at
    most are shown before the draft; with `beyond_quotes` one, since such a model completes it.
    """

    evidence_passages: int = EVIDENCE_PASSAGES
    evidence_tokens: int = EVIDENCE_TOKENS
    quotes: int = QUOTES
    abstain_below: float | None = None
    showing: Policy | None = None
    is_guarded: bool = True
    beyond_quotes: bool | None = None
