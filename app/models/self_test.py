"""A chat model's self-test: does it do what the settings, the API and the answers rely on?"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from generation.decoding import Decoding
from generation.engines.base import Engine
from generation.errors import BadDecoding
from generation.groundedness.types import Claim, ResponseVerifier
from generation.prompt import asked
from generation.types import Message, Piece, Verdict

_TELL = (Message("user", "Describe in a few sentences what a clock is and how it shows the time."),)
_EVIDENCE = "The workshop on Harbour Street opens at nine in the morning."
_QUESTION = "When does the workshop on Harbour Street open?"
_TOKENS = 32
# Rounding moves a sum of logarithms by about so much.
_LOGPROB_TOLERANCE = 0.05
# What had begun when it was told to stop may still come.
_TOKENS_AFTER_CANCELLING = 2
_NOT_OFFERED = "not offered by this engine: {reason}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried. `passed` is None when the engine does not offer it, and says so."""

    name: str
    passed: bool | None
    detail: str


class _Said(NamedTuple):
    """What an engine wrote: its pieces, the last piece, and seconds from the start."""

    text: str
    pieces: Sequence[Piece]
    last: Piece
    first_seconds: float
    total_seconds: float

    @property
    def written(self) -> int:
        return self.last.usage.completion_tokens if self.last.usage else 0


def self_test(engine: Engine, verifier: Callable[[], ResponseVerifier]) -> Iterator[Check]:
    """Try a chat model, one check after the other; about a minute with a small one.

    Raises:
        EngineUnavailable: it runs elsewhere and cannot be reached.
    """
    yield _window(engine)
    greedy = _said(engine, _TELL, Decoding(max_tokens=_TOKENS))
    yield _repeats(engine, greedy)
    yield _offered("sampling", lambda: _sampling(engine))
    yield _stop(engine, greedy)
    yield _cancel(engine)
    yield _offered("beam search", lambda: _beams(engine))
    yield _reuse(engine)
    yield _grounded(engine, verifier())
    yield _speed(greedy)


NAMES = (
    *("window", "greedy", "sampling", "stop", "cancel", "beam search", "reuse", "evidence"),
    "speed",
)


def _window(engine: Engine) -> Check:
    tokens, window = engine.count_tokens(_TELL), engine.context_tokens
    return Check(
        "window",
        0 < tokens < window,
        f"reads and writes up to {window:,} tokens; a short question takes {tokens}",
    )


def _repeats(engine: Engine, first: _Said) -> Check:
    second = _said(engine, _TELL, Decoding(max_tokens=_TOKENS))
    same = first.text == second.text and bool(first.text.strip())
    return Check(
        "greedy",
        same,
        f"{first.written} tokens, twice the same"
        if same
        else "the same question without randomness gave two texts, or none",
    )


def _sampling(engine: Engine) -> Check:
    drawn = Decoding(max_tokens=_TOKENS, temperature=0.8, top_p=0.95, seed=7)
    same = _said(engine, _TELL, drawn).text == _said(engine, _TELL, drawn).text
    return Check(
        "sampling",
        same,
        "a seed makes it repeat" if same else "the same seed gave two different texts",
    )


def _stop(engine: Engine, greedy: _Said) -> Check:
    stop = _inner_word(greedy.text)
    if stop is None:
        return Check(
            "stop", passed=False, detail=f"wrote too little to stop within: {greedy.text!r}"
        )
    cut = _said(engine, _TELL, Decoding(max_tokens=_TOKENS, stop=(stop,)))
    wanted = greedy.text[: greedy.text.index(stop)]
    passed = cut.text == wanted and cut.last.finish_reason == "stop"
    return Check(
        "stop",
        passed,
        f"ends before {stop!r}" if passed else f"wrote {cut.text!r} instead of {wanted!r}",
    )


def _cancel(engine: Engine) -> Check:
    heard = 0

    def is_cancelled() -> bool:
        return heard >= 2

    pieces = []
    for piece in engine.stream(_TELL, Decoding(max_tokens=200), is_cancelled=is_cancelled):
        heard += bool(piece.text)
        pieces.append(piece)
    last = pieces[-1]
    written = last.usage.completion_tokens if last.usage else 0
    after = max(written - 2, 0)
    passed = last.finish_reason == "cancelled" and after <= _TOKENS_AFTER_CANCELLING
    return Check(
        "cancel",
        passed,
        f"told after 2 pieces of text, it ended after {written} tokens ({last.finish_reason})",
    )


def _beams(engine: Engine) -> Check:
    told = _said(engine, _TELL, Decoding(max_tokens=16, logprobs=True))
    greedy = sum(token.logprob for piece in told.pieces for token in piece.tokens)
    # Ranked by probability alone, as greedy's is counted.
    beams = _said(engine, _TELL, Decoding(max_tokens=16, num_beams=4, length_penalty=0.0))
    best = max(draft.logprob for draft in beams.last.drafts)
    return Check(
        "beam search",
        best >= greedy - _LOGPROB_TOLERANCE,
        f"log-probability {best:.2f} with 4 beams, {greedy:.2f} greedy",
    )


def _reuse(engine: Engine) -> Check:
    times = 16
    while times > 1 and engine.count_tokens(_long(times)) > engine.context_tokens // 2:
        times //= 2
    long = _long(times)
    cold = _said(engine, long, Decoding(max_tokens=4))
    warm = _said(engine, long, Decoding(max_tokens=4))
    cached = warm.last.usage.cached_tokens if warm.last.usage else 0
    prompt = warm.last.usage.prompt_tokens if warm.last.usage else 0
    return Check(
        "reuse",
        True if cached > 0 else None,
        f"{cached} of {prompt} tokens were not read again; first token after "
        f"{cold.first_seconds:.2f} s, then {warm.first_seconds:.2f} s"
        if cached
        else "nothing that was read before is known to be reused",
    )


def _long(times: int) -> tuple[Message, ...]:
    return (Message("user", " ".join([_EVIDENCE] * times) + "\n\n" + _QUESTION),)


def _grounded(engine: Engine, verifier: ResponseVerifier) -> Check:
    question = Message("user", asked(_QUESTION, [_EVIDENCE], "English"))
    said = _said(engine, (question,), Decoding(max_tokens=48))
    text = said.text.strip()
    [judged] = verifier.verify([Claim(_QUESTION, (_EVIDENCE,), text)])
    verdicts = [sentence.judgement.verdict for sentence in judged.sentences]
    supported = sum(verdict is Verdict.SUPPORTED for verdict in verdicts)
    return Check(
        "evidence",
        supported > 0,
        f"asked with evidence it wrote {text!r}: {supported} of {len(verdicts)} sentences are "
        "supported by it",
    )


def _speed(said: _Said) -> Check:
    seconds = said.total_seconds - said.first_seconds
    rate = (said.written - 1) / seconds if seconds > 0 else 0.0
    return Check(
        "speed",
        said.written > 1,
        f"first token after {said.first_seconds:.2f} s, then {rate:.0f} tokens a second",
    )


def _offered(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except BadDecoding as error:
        return Check(name, None, _NOT_OFFERED.format(reason=error))


def _said(engine: Engine, messages: Sequence[Message], decoding: Decoding) -> _Said:
    begun = time.perf_counter()
    first: float | None = None
    pieces = []
    for piece in engine.stream(messages, decoding, is_cancelled=lambda: False):
        if first is None and (piece.text or piece.tokens):
            first = time.perf_counter() - begun
        pieces.append(piece)
    total = time.perf_counter() - begun
    text = "".join(piece.text for piece in pieces)
    return _Said(text, pieces, pieces[-1], total if first is None else first, total)


def _inner_word(text: str) -> str | None:
    """A word that stands in a text after its first quarter, to stop at."""
    words = text.split()
    later = words[len(words) // 4 + 1 :]
    return next((word for word in later if len(word) > 2), None)
