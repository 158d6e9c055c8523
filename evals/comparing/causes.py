"""Why a case went the other way: the first stage at which two runs of it part. Pure.

The cause is found by elimination, from what comes first in the making of an answer to what comes
last: documents, retrieval, the draft, the decision to answer, the verdicts. What parts later may
follow from what parts first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from evals.comparing.pins import PinDifference, is_about, joined, named
from evals.types import Observation, Result

# Two answerabilities nearer than this come from the same passages and the same model.
_SAME_ANSWERABILITY = 0.02


class Cause(StrEnum):
    """The first stage at which two runs of a case part."""

    FAILURE = "failure"
    DOCUMENT = "document"
    RETRIEVAL = "retrieval"
    GENERATION = "prompt, model or decoding"
    OPERATING_POINT = "operating point"
    JUDGE = "judge"
    CHANCE = "chance"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Likely:
    """A cause, and what speaks for it."""

    cause: Cause
    evidence: str


def cause_of(
    first: Result, second: Result, differing: Sequence[PinDifference], *, temperature: float
) -> Likely:
    """The first stage at which two results of a case part, with what shows it."""
    before, after = first.observation, second.observation
    if first.error is not None or second.error is not None:
        run, error = (
            ("second", second.error) if second.error is not None else ("first", first.error)
        )
        return Likely(Cause.FAILURE, f"the {run} run failed: {error}")
    if before is None or after is None:
        return Likely(Cause.DOCUMENT, "a document that it was answered from has been deleted")
    for stage in (_documents, _retrieval, _generation, _operating_point, _judge):
        likely = stage(before, after, differing)
        if likely is not None:
            return likely
    if temperature > 0 and _is_other_draft(before, after):
        said = f"same passages, other draft; nothing but the draw at temperature {temperature:g}"
        return Likely(Cause.CHANCE, said)
    return _remainder(before, after, differing)


# Words of dotted pin names -> the stage they steer. A pin that is none of them steers all.
_RETRIEVAL_PINS = ("encoder", "retrieval", "index", "collection", "as_user", "readable")
_OPERATING_PINS = ("abstain_below", "policy")
_JUDGE_PINS = ("verifier", "judge")
_DOCUMENT_PINS = ("change_number",)
_CHANCE_PINS = ("seed",)
# Which cases were asked says nothing of how one was answered, nor does a commit: `code` is a hash
# of what answers.
_IRRELEVANT_PINS = ("suite", "limit", "origin", "commit", "assay")
_OTHER_STAGES = (
    *_RETRIEVAL_PINS,
    *_OPERATING_PINS,
    *_JUDGE_PINS,
    *_DOCUMENT_PINS,
    *_CHANCE_PINS,
    *_IRRELEVANT_PINS,
)


def _documents(
    before: Observation,
    after: Observation,
    differing: Sequence[PinDifference],  # noqa: ARG001
) -> Likely | None:
    if before.change_number == after.change_number:
        return None
    one, other = _revisions(before), _revisions(after)
    changed = sorted(path for path in one.keys() & other.keys() if one[path] != other[path])
    if not changed:
        return None
    names = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    return Likely(
        Cause.DOCUMENT,
        f"other revision of {names} (change {before.change_number} -> {after.change_number})",
    )


def _retrieval(
    before: Observation, after: Observation, differing: Sequence[PinDifference]
) -> Likely | None:
    one, other = _places(before), _places(after)
    if one == other:
        return None
    lost, new = len(set(one) - set(other)), len(set(other) - set(one))
    ranks = range(1, max(len(one), len(other)) + 1)
    parted = next(rank for rank in ranks if one[rank - 1 : rank] != other[rank - 1 : rank])
    said = f"{lost} passages gone and {new} new" if lost or new else "the same passages reordered"
    evidence = f"{said}, from rank {parted} on"
    if before.change_number != after.change_number:
        evidence += f"; documents changed ({before.change_number} -> {after.change_number})"
    return Likely(Cause.RETRIEVAL, evidence + named(differing, _RETRIEVAL_PINS))


def _generation(
    before: Observation, after: Observation, differing: Sequence[PinDifference]
) -> Likely | None:
    steering = [pin for pin in differing if not is_about(pin, _OTHER_STAGES)]
    if not steering or not _is_other_draft(before, after):
        return None
    return Likely(Cause.GENERATION, f"same passages, other draft; {joined(steering)}")


def _operating_point(
    before: Observation, after: Observation, differing: Sequence[PinDifference]
) -> Likely | None:
    pins = [pin for pin in differing if is_about(pin, _OPERATING_PINS)]
    is_near = abs(before.answerability - after.answerability) <= _SAME_ANSWERABILITY
    if not pins or not is_near or before.abstained == after.abstained:
        return None
    return Likely(
        Cause.OPERATING_POINT,
        f"same passages, answerability {after.answerability:.2f}; {joined(pins)}",
    )


def _judge(
    before: Observation, after: Observation, differing: Sequence[PinDifference]
) -> Likely | None:
    if not _has_drafted(before) or not _has_drafted(after):
        return None
    if _is_other_draft(before, after) or _verdicts(before) == _verdicts(after):
        return None
    return Likely(Cause.JUDGE, "same draft, other verdicts" + named(differing, _JUDGE_PINS))


def _remainder(
    before: Observation, after: Observation, differing: Sequence[PinDifference]
) -> Likely:
    """No stage explains it: what may."""
    ignored = (*_CHANCE_PINS, *_IRRELEVANT_PINS, *_DOCUMENT_PINS)
    others = [pin for pin in differing if not is_about(pin, ignored)]
    said = "same passages"
    if before.answerability != after.answerability:
        said += f", answerability {before.answerability:.2f} -> {after.answerability:.2f}"
    return Likely(Cause.UNKNOWN, f"{said}; {joined(others) or 'nothing that is pinned differs'}")


def _revisions(seen: Observation) -> dict[str, int]:
    """Revision by path, or by name where only a citation speaks of the document."""
    cited = (one for sentence in seen.sentences for one in sentence.citations)
    paths = {one.document_id: one.path for one in seen.retrieved}
    found = {paths.get(one.document_id, one.document): one.revision_id for one in cited}
    return found | {one.path: one.revision_id for one in seen.retrieved}


def _places(seen: Observation) -> list[tuple[int, int, int]]:
    """What was retrieved, best first; passages of a revision are numbered anew by an upgrade."""
    return [(one.revision_id, one.start, one.end) for one in seen.retrieved]


def _has_drafted(seen: Observation) -> bool:
    """Whether anything was generated: an abstention before that has no draft to compare."""
    return bool(seen.sentences) or seen.completion_tokens > 0


def _is_other_draft(before: Observation, after: Observation) -> bool:
    """Whether both drafted, and not the same.

    An abstention after the draft keeps no words of it: then its length has to tell.
    """
    if not _has_drafted(before) or not _has_drafted(after):
        return False
    if before.sentences and after.sentences:
        return [one.text for one in before.sentences] != [one.text for one in after.sentences]
    return before.completion_tokens != after.completion_tokens


def _verdicts(seen: Observation) -> tuple[str, ...]:
    return tuple(sentence.verdict for sentence in seen.sentences)
