"""First token and tokens a second of engines, on prompts of an exact length."""

import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from generation.decoding import Decoding
from generation.engines.base import Engine
from generation.types import Message

# A word that is one token for practically every tokenizer, to come to an exact length with.
_FILLER = " a"
_MOST_FILLERS = 64
_ENDING = "\n\nDescribe at length what this text is about."


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer that was measured. Seconds from the request; `cached_tokens` were not read."""

    first_token_seconds: float
    decode_seconds: float
    prompt_tokens: int
    cached_tokens: int
    tokens: int

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens after the first by the time they took; None when there is no such."""
        if self.tokens < 2 or self.decode_seconds <= 0:
            return None
        return (self.tokens - 1) / self.decode_seconds


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the smallest and largest of `n` values; all None without any."""

    median: float | None
    least: float | None
    most: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured of one system, over all runs."""

    first_token_ms: Spread
    first_token_cached_ms: Spread
    decode_tokens_per_second: Spread
    prompt_tokens: int
    cached_tokens: int
    new_tokens: int


# Answers a conversation with exactly so many tokens, measured.
System = Callable[[Sequence[Message], int], Sample]


def measure(
    systems: Mapping[str, System],
    count_tokens: Callable[[Sequence[Message]], int],
    text: str,
    *,
    prompt_tokens: int,
    new_tokens: int,
    runs: int,
    on_progress: Callable[[int, str], object] = lambda _done, _name: None,
) -> dict[str, tuple[Speed, list[Sample]]]:
    """Measure systems in turn, so that what else the machine does meets all of them.

    In each run every system gets the same prompt twice: new, and again when it is cached. A first
    run warms up and is not counted. Prompts differ from run to run from their first words on.

    Args:
        systems: by name.
        text: ordinary text that prompts are cut from.
        prompt_tokens: of the whole prompt with the model's template.
        on_progress: told how many of the `(runs + 1) * len(systems)` steps are done.

    Returns:
        By name, with the samples of the new prompts in order.

    Raises:
        ValueError: a prompt of that length cannot be made.
    """
    cold: dict[str, list[Sample]] = {name: [] for name in systems}
    warm: dict[str, list[Sample]] = {name: [] for name in systems}
    done = 0
    for run in range(runs + 1):
        prompt = prompt_of(text, prompt_tokens, count_tokens, salt=run)
        # The other way round each time: who comes first may find the machine cooler, or busier.
        for name in list(systems)[:: 1 if run % 2 else -1]:
            first = systems[name](prompt, new_tokens)
            again = systems[name](prompt, new_tokens)
            if run:
                cold[name].append(first)
                warm[name].append(again)
            done += 1
            on_progress(done, name)
    return {name: (_speed(cold[name], warm[name]), cold[name]) for name in systems}


def engine_system(engine: Engine) -> System:
    """An engine that ignores the end of the text, as something to measure."""

    def answer(prompt: Sequence[Message], tokens: int) -> Sample:
        begun = time.perf_counter()
        first = last = begun
        usage = None
        for piece in engine.stream(prompt, Decoding(max_tokens=tokens), is_cancelled=lambda: False):
            if piece.text:
                last = time.perf_counter()
                first = last if first == begun else first
            usage = piece.usage or usage
        if usage is None or usage.completion_tokens != tokens:
            written = 0 if usage is None else usage.completion_tokens
            raise ValueError(f"the engine wrote {written} tokens instead of {tokens}")
        return Sample(
            first - begun,
            max(time.perf_counter(), last) - first,
            usage.prompt_tokens,
            usage.cached_tokens,
            tokens,
        )

    return answer


def prompt_of(
    text: str, tokens: int, count_tokens: Callable[[Sequence[Message]], int], *, salt: int
) -> list[Message]:
    """A conversation of exactly so many tokens, with the template: a number, text, a request.

    Raises:
        ValueError: it cannot be: too few for a template, or the text does not come out even.
    """
    words = re.findall(r"\S+\s*", text)
    if not words:
        raise ValueError("there is no text to make a prompt of")

    def conversation(count: int, fillers: int = 0) -> list[Message]:
        repeated = (words * (count // len(words) + 1))[:count]
        body = f"{salt}. {''.join(repeated)}".rstrip() + _FILLER * fillers
        return [Message("user", body + _ENDING)]

    low, high = 0, tokens  # a word is at least a token
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if count_tokens(conversation(middle)) <= tokens else (low, middle - 1)
        )
    for count in range(low, max(low - 3, -1), -1):
        for fillers in range(_MOST_FILLERS):
            found = count_tokens(made := conversation(count, fillers))
            if found == tokens:
                return made
            if found > tokens:
                break
    raise ValueError(
        f"no prompt of exactly {tokens} tokens can be made; the shortest that is ordinary has "
        f"{count_tokens(conversation(1))}"
    )


def ratios(samples: Sequence[Sample], others: Sequence[Sample]) -> Mapping[str, Spread]:
    """How many times as fast the first are, run by run: above 1 is faster.

    Args:
        samples, others: of the same runs, in order.
    """
    pairs = list(zip(samples, others, strict=True))
    return {
        "first_token": _spread([b.first_token_seconds / a.first_token_seconds for a, b in pairs]),
        "decode": _spread(
            [
                a.tokens_per_second / b.tokens_per_second
                for a, b in pairs
                if a.tokens_per_second and b.tokens_per_second
            ]
        ),
    }


def _speed(cold: Sequence[Sample], warm: Sequence[Sample]) -> Speed:
    everything = [*cold, *warm]
    return Speed(
        _spread([1000 * one.first_token_seconds for one in cold]),
        _spread([1000 * one.first_token_seconds for one in warm]),
        _spread([rate for one in everything if (rate := one.tokens_per_second) is not None]),
        prompt_tokens=cold[0].prompt_tokens if cold else 0,
        cached_tokens=warm[-1].cached_tokens if warm else 0,
        new_tokens=cold[0].tokens if cold else 0,
    )


def _spread(values: Sequence[float]) -> Spread:
    if not values:
        return Spread(None, None, None, 0)
    return Spread(statistics.median(values), min(values), max(values), len(values))
