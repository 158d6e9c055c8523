"""One run of a suite over the wired product: begun or gone on with, pinned, and made by one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ConfigDict, TypeAdapter

from app.decoding import decoding_over
from app.errors import CommandFailed, RunInUse
from app.evaluation.judging import judge_pins, judging_of
from app.evaluation.locks import RunLocks
from app.evaluation.pins import code_pins, decoding_pins, engine_pins, suite_pins
from app.versions import encoder_pin
from evals.comparing.pins import PinDifference, pin_differences
from evals.running import Observed, Progress, Scorer, asking, run_cases, scoring
from evals.types import Case, Json, Run, RunOrigin, RunState, SeenCitation, SuiteVersion
from generation.decoding import Decoding
from generation.prompt import PROMPT_VERSION
from generation.sufficiency import ABSTAIN_BELOW
from generation.types import EngineInfo
from retrieval.encoder import Encoder, beginnings
from retrieval.types import Policy

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from evals.judges.registry import Judging


# Settings that a run may have otherwise than the product.
_OVERRIDES = ("model", "abstain_below", "evidence_passages", "evidence_tokens", "policy")
# Fields of `Decoding` that a run may choose: not the seed, which each case has of its own, nor the
# stop strings, and no log-probabilities, since nothing measures them.
RUN_DECODING = (
    *("max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty"),
    *("presence_penalty", "frequency_penalty", "num_beams", "length_penalty"),
)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a suite is asked. None is what the product does otherwise.

    `limit` takes the first cases only. `as_user` and `collection` decide what is read. `model` is
    a chat model as ASSAY_MODEL names it. The fields in `RUN_DECODING` are those of `Decoding`.
    `judges` are names that `evals.judges` knows.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    limit: int | None = None
    seed: int = 0
    as_user: str | None = None
    collection: str | None = None
    model: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    num_beams: int | None = None
    length_penalty: float | None = None
    abstain_below: float | None = None
    evidence_passages: int | None = None
    evidence_tokens: int | None = None
    policy: Policy | None = None
    judges: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit is {self.limit}; it must be at least 1")
        if self.abstain_below is not None and not 0 <= self.abstain_below <= 1:
            raise ValueError(f"abstain_below is {self.abstain_below}; it must be in [0, 1]")
        if self.evidence_passages is not None and not 1 <= self.evidence_passages <= 50:
            raise ValueError(f"evidence_passages is {self.evidence_passages}; it must be 1 to 50")
        if self.evidence_tokens is not None and self.evidence_tokens < 50:
            raise ValueError(f"evidence_tokens is {self.evidence_tokens}; it must be at least 50")
        _ = self.decoding(Decoding())

    def decoding(self, default: Decoding) -> Decoding:
        """How tokens are chosen, over what is usual; each case gets a seed of its own."""
        return decoding_over(default, {name: getattr(self, name) for name in RUN_DECODING})


# To keep options as JSON, in schedules.
OPTIONS: TypeAdapter[RunOptions] = TypeAdapter(RunOptions)


@dataclass(frozen=True, slots=True)
class Begun:
    """A run is about to be made: `run.done` of `run.cases` cases are done already.

    `left` is an unfinished run of the same suite that is not gone on with, `differences` why.
    `judging` counts what the judges could not score, as they go.
    """

    run: Run
    left: Run | None = None
    differences: tuple[PinDifference, ...] = ()
    judging: "Judging | None" = None


def evaluate(
    assay: "Assay",
    version: SuiteVersion,
    options: RunOptions,
    *,
    origin: RunOrigin,
    is_new: bool = False,
    on_begin: Callable[[Begun], object] = lambda _: None,
    on_progress: Callable[[Progress], object] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Run:
    """Ask the cases of a suite's version and measure the answers.

    Goes on with the newest unfinished run of the same version and the same pins, unless `is_new`.

    Args:
        is_cancelled: asked before each case.

    Returns:
        The run: ended, or still running when it was cancelled.

    Raises:
        RunInUse: a process makes the same run now.
        CommandFailed: the version has no cases any more: their documents have been deleted.
    """
    cases = assay.evals.cases(version)[: options.limit]
    if not cases:
        raise CommandFailed(
            f"version {version.number} of suite {version.suite!r} has no cases any more: the "
            "documents they were written from have been deleted; add cases and run it again"
        )
    wiring = _wired(assay, version, options)
    with _claimed(assay, version, wiring.pins, len(cases), origin, is_new=is_new) as begun:
        on_begin(replace(begun, judging=wiring.judging))
        return run_cases(
            assay.evals,
            begun.run,
            cases,
            wiring.ask,
            wiring.scorers,
            on_progress=on_progress,
            is_cancelled=is_cancelled,
        )


@dataclass(frozen=True, slots=True)
class _Wiring:
    """What a run is made with."""

    ask: Callable[[Case], Observed]
    scorers: Sequence[Scorer]
    judging: "Judging | None"
    pins: Mapping[str, Json]


def _wired(assay: "Assay", version: SuiteVersion, options: RunOptions) -> _Wiring:
    """Load everything: what cannot be loaded is said now, before there is a run."""
    changes = {name: getattr(options, name) for name in _OVERRIDES}
    if options.model is not None:
        # The one that is named, and no server that the settings would ask before it.
        changes |= {"engines": ("local",)}
    settings = assay.settings.model_copy(
        update={name: value for name, value in changes.items() if value is not None}
    )
    readable = assay.readable_by(options.as_user, options.collection)
    answerer = assay.answerer_for(settings)
    assay.vectors.current()
    judging = _judging(assay, options)
    own = scoring(is_exact=_exactness(assay), similarity=_similarity(assay.encoder))
    below = assay.abstain_below(settings)
    return _Wiring(
        ask=asking(
            answerer.answer,
            readable=readable,
            decoding=options.decoding(settings.decoding),
            seed=options.seed,
        ),
        scorers=[own] if judging is None else [own, judging],
        judging=judging,
        pins={
            **_pins(assay, version, options, readable),
            "models": _model_pins(assay, assay.engine_for(settings.engine_choice).info),
            "settings": {
                "abstain_below": ABSTAIN_BELOW if below is None else below,
                "evidence_passages": settings.evidence_passages,
                "evidence_tokens": settings.evidence_tokens,
                "policy": None if settings.policy is None else settings.policy.value,
                "beyond_quotes": settings.beyond_quotes,
                "guard": settings.guard,
                "search": assay.searcher.version,
            },
            "judges": None if judging is None else judge_pins(assay, judging),
        },
    )


@contextmanager
def _claimed(
    assay: "Assay",
    version: SuiteVersion,
    pins: Mapping[str, Json],
    cases: int,
    origin: RunOrigin,
    *,
    is_new: bool,
) -> Iterator[Begun]:
    """A run that nobody else makes meanwhile."""
    locks = RunLocks(assay.settings.home)
    with ExitStack() as held:
        with locks.choosing():
            known = None if is_new else assay.evals.unfinished_run(version, pins)
            run = known or assay.evals.start_run(version, cases=cases, origin=origin, pins=pins)
            if not held.enter_context(locks.held(run.id)):
                raise RunInUse(run.id, run.done, run.cases)
        if known or is_new:
            yield Begun(run)
        else:
            left = _left(assay, locks, run)
            yield Begun(run, left, pin_differences(left.pins, pins) if left else ())


def _left(assay: "Assay", locks: RunLocks, begun: Run) -> Run | None:
    """The newest run of the suite that was killed and is not gone on with."""
    for run in assay.evals.runs(suite=begun.version.suite, state=RunState.RUNNING):
        if run.id != begun.id and not locks.is_held(run.id):
            return run
    return None


def _pins(
    assay: "Assay", version: SuiteVersion, options: RunOptions, readable: frozenset[int]
) -> dict[str, Json]:
    names = [one.name for one in assay.store.collections() if one.id in readable]
    return {
        **code_pins(),
        "suite": suite_pins(version),
        "change_number": assay.store.change_number(),
        "readable": list[Json](names),
        "prompt": PROMPT_VERSION,
        "decoding": decoding_pins(options.decoding(assay.settings.decoding)),
        "seed": options.seed,
        "options": {
            "limit": options.limit,
            "as_user": options.as_user,
            "collection": options.collection,
            "judges": list[Json](options.judges),
        },
    }


def _model_pins(assay: "Assay", engine: EngineInfo) -> dict[str, Json]:
    return {
        "encoder": encoder_pin(assay.encoder.fingerprint),
        "engine": engine_pins(engine),
        "verifier": assay.verifier.version,
    }


def _judging(assay: "Assay", options: RunOptions) -> "Judging | None":
    """The judges that were asked for."""
    if not options.judges:
        return None
    try:
        return judging_of(assay, options.judges)
    except ValueError as error:
        raise CommandFailed(str(error)) from error


def _exactness(assay: "Assay") -> Callable[[SeenCitation], bool]:
    def is_exact(one: SeenCitation) -> bool:
        return assay.store.revision_slice(one.revision_id, one.start, one.end) == one.quote

    return is_exact


def _similarity(encoder: Encoder) -> Callable[[str, Sequence[str]], float]:
    """Cosine of a text and the nearest of others, each read as far as the encoder reads."""

    def similarity(text: str, others: Sequence[str]) -> float:
        vectors = encoder.encode(beginnings([text, *others], encoder))
        return float(max(vectors[1:] @ vectors[0]))

    return similarity
