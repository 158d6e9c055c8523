"""From judgements to citations, from a text to its sentences. Pure."""

from collections.abc import Sequence

from generation.groundedness.evidence import response_spans
from generation.groundedness.types import EvidenceSpan, Judgement
from generation.types import AssayedSentence, Citation, Origin
from retrieval.types import Hit


def citation(hit: Hit, start: int, end: int) -> Citation:
    """Cite `hit.passage.text[start:end]`, offsets moved to where they are in the revision.

    Raises:
        ValueError: the span leaves the passage.
    """
    passage = hit.passage
    if not 0 <= start < end <= len(passage.text):
        raise ValueError(
            f"span [{start}, {end}) leaves passage {passage.id} of {len(passage.text)} characters"
        )
    return Citation(
        passage_id=passage.id,
        document_id=passage.document_id,
        revision_id=passage.revision_id,
        document=hit.document.name,
        page=passage.page,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
    )


def cited(
    text: str, origin: Origin, judgement: Judgement, evidence: Sequence[Hit]
) -> AssayedSentence:
    """A sentence with its verdict, its evidence spans turned into citations."""
    return AssayedSentence(
        text=text,
        origin=origin,
        verdict=judgement.verdict,
        score=judgement.score,
        citations=tuple(_cite(span, evidence) for span in judgement.spans),
    )


def complete_sentences(draft: str, *, is_final: bool) -> tuple[list[str], str]:
    """Cut what can be judged off a growing draft.

    Sentences are those the verifier judges: an item of a list is one of its own. One is complete
    when another has begun after it, or when the draft is final. What ends in a colon ("The answer
    is:") says nothing without what follows, and stays with it.

    Returns:
        The complete sentences, stripped, blank ones left out; and the rest of the draft.
    """
    spans = _joined_after_colons(draft, response_spans(draft))
    kept = len(spans) if is_final else max(0, len(spans) - 1)
    complete = [draft[start:end] for start, end in spans[:kept]]
    if is_final:
        return complete, ""
    return complete, draft[spans[kept][0] :] if spans else draft


def _joined_after_colons(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and text[slice(*joined[-1])].endswith(":"):
            start = joined.pop()[0]
        joined.append((start, end))
    return joined


def _cite(span: EvidenceSpan, evidence: Sequence[Hit]) -> Citation:
    return citation(evidence[span.index], span.start, span.end)
