"""What an answer's sentences are worth: by the verdicts they were shown with, and by citations.

The verdicts are the live verifier's, as the reader saw them; nothing is judged a second time.
"""

from collections.abc import Callable, Iterable, Sequence

from evals.types import SeenCitation, SeenSentence
from generation.types import Origin, Verdict

_WRONG = frozenset({Verdict.UNSUPPORTED, Verdict.CONTRADICTED})


def faithfulness(sentences: Sequence[SeenSentence]) -> float | None:
    """Share of the sentences that are supported; None without any, as in an abstention.

    Verbatim quotes count: they are supported by being their own evidence.
    """
    return _share(sentence.verdict is Verdict.SUPPORTED for sentence in sentences)


def generated_faithfulness(sentences: Sequence[SeenSentence]) -> float | None:
    """Share of the sentences the engine wrote that are supported; None without any."""
    return faithfulness([one for one in sentences if one.origin is Origin.GENERATED])


def hallucinated(sentences: Sequence[SeenSentence]) -> float | None:
    """1 when a sentence is unsupported or contradicted, else 0; None without sentences.

    One that is partly supported is no hallucination, though it is not faithful either.
    """
    if not sentences:
        return None
    return float(any(sentence.verdict in _WRONG for sentence in sentences))


def contradicted(sentences: Sequence[SeenSentence]) -> float | None:
    """1 when the evidence contradicts a sentence, else 0; None without sentences."""
    if not sentences:
        return None
    return float(any(sentence.verdict is Verdict.CONTRADICTED for sentence in sentences))


def citation_exactness(
    sentences: Sequence[SeenSentence], is_exact: Callable[[SeenCitation], bool]
) -> float | None:
    """Share of all citations whose quote is the revision's text at its offsets; None without."""
    return _share(is_exact(citation) for citation in _citations(sentences))


def citation_precision(
    sentences: Sequence[SeenSentence], is_relevant: Callable[[SeenCitation], bool]
) -> float | None:
    """Share of all citations that lead to something relevant; None without citations."""
    return _share(is_relevant(citation) for citation in _citations(sentences))


def citation_coverage(sentences: Sequence[SeenSentence]) -> float | None:
    """Share of the supported sentences that carry a citation; None without any.

    Others are not part of what the answer says, and have nothing to cite.
    """
    return _share(bool(one.citations) for one in sentences if one.verdict is Verdict.SUPPORTED)


def _citations(sentences: Sequence[SeenSentence]) -> list[SeenCitation]:
    return [citation for sentence in sentences for citation in sentence.citations]


def _share(outcomes: Iterable[bool]) -> float | None:
    seen = list(outcomes)
    return sum(seen) / len(seen) if seen else None
