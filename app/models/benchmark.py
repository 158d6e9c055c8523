"""The speed of the configured chat model: what `assay bench generate` measures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.engines import EngineChoice
from app.errors import CommandFailed
from evals.speed.llama_cpp import llama_cpp_system
from evals.speed.measuring import Sample, Speed, Spread, System, engine_system, measure, ratios
from generation.types import EngineInfo

if TYPE_CHECKING:
    from generation.engines.base import Engine

PLAIN, SPECULATION, LLAMA_CPP = "plain", "speculation", "llama.cpp"
# What llama.cpp has room for beyond prompt and answer.
_SPARE_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it. `speeds` and `ratios` (ours to llama.cpp's) are by name of the system."""

    engine: EngineInfo
    threads: int | None
    runs: int
    speeds: Mapping[str, Speed]
    ratios: Mapping[str, Mapping[str, Spread]]

    def as_json(self) -> dict[str, Any]:
        """For `--json`: what was measured without speculation at the top, the others beside it."""
        about = {
            "engine": self.engine.name,
            "runtime": self.engine.runtime,
            "precision": self.engine.precision,
            "device": self.engine.device,
            "threads": self.threads,
            "weights_sha256": self.engine.weights,
            "runs": self.runs,
        }
        others = {
            name: _json(self.speeds[name]) if name in self.speeds else None
            for name in (SPECULATION, LLAMA_CPP)
        }
        times_as_fast = {
            name: {what: _spread_json(spread) for what, spread in found.items()}
            for name, found in self.ratios.items()
        }
        return {**about, **_json(self.speeds[PLAIN]), **others, "ratios": times_as_fast}


def measure_generation(
    choice: EngineChoice,
    text: str,
    *,
    prompt_tokens: int,
    new_tokens: int,
    runs: int,
    threads: int | None,
    beside_llama_cpp: bool,
    on_prepare: Callable[[str, float], None],
    on_progress: Callable[[int, str], object],
) -> Measured:
    """Load the model on this machine and measure it, without and with speculation.

    Raises:
        CommandFailed: the prompt cannot be made, or llama.cpp has no file to load.
        LlamaCppMissing: it is asked for and not installed.
        GenerationError: the model cannot be loaded.
    """
    window = prompt_tokens + new_tokens + _SPARE_TOKENS
    with ExitStack() as open_now:
        engines = open_now.enter_context(_engines(choice, threads, on_prepare))
        plain = engines[PLAIN]
        used = getattr(plain, "threads", None)
        systems: dict[str, System] = {
            name: engine_system(engine) for name, engine in engines.items()
        }
        if beside_llama_cpp:
            file = _gguf_of(choice)
            systems[LLAMA_CPP] = open_now.enter_context(
                llama_cpp_system(file, threads=used or threads or 1, window=window)
            )
        try:
            found = measure(
                systems,
                plain.count_tokens,
                text,
                prompt_tokens=prompt_tokens,
                new_tokens=new_tokens,
                runs=runs,
                on_progress=on_progress,
            )
        except ValueError as error:
            raise CommandFailed(str(error)) from error
    samples: dict[str, Sequence[Sample]] = {name: cold for name, (_, cold) in found.items()}
    return Measured(
        plain.info,
        used,
        runs,
        {name: speed for name, (speed, _) in found.items()},
        {
            name: ratios(samples[name], samples[LLAMA_CPP])
            for name in samples
            if LLAMA_CPP in samples and name != LLAMA_CPP
        },
    )


@contextmanager
def _engines(
    choice: EngineChoice, threads: int | None, told: Callable[[str, float], None]
) -> "Iterator[Mapping[str, Engine]]":
    """The model as it is measured: past the end of texts, and once more with speculation."""
    from generation.engines.loading import measured_engines

    engines = measured_engines(
        choice.model,
        models=choice.models,
        runtime=choice.runtime,
        precision=choice.precision,
        cache_mb=choice.cache_mb,
        threads=threads,
        on_progress=told,
    )
    try:
        yield dict(zip((PLAIN, SPECULATION), engines, strict=False))
    finally:
        for engine in engines:
            close: Callable[[], None] = getattr(engine, "close", lambda: None)
            close()


def _gguf_of(choice: EngineChoice) -> Path:
    from generation.engines.loading import model_place

    place = model_place(choice.model)
    if place is None or not place.is_file():
        raise CommandFailed(
            f"llama.cpp loads GGUF files and {choice.name} is none; set ASSAY_MODEL to a GGUF "
            "file, or leave out --compare"
        )
    return place


def _json(speed: Speed) -> dict[str, Any]:
    return {
        "prompt_tokens": speed.prompt_tokens,
        "new_tokens": speed.new_tokens,
        "first_token_ms": _spread_json(speed.first_token_ms),
        "first_token_cached_ms": _spread_json(speed.first_token_cached_ms),
        "cached_tokens": speed.cached_tokens,
        "decode_tokens_per_second": _spread_json(speed.decode_tokens_per_second),
    }


def _spread_json(spread: Spread) -> dict[str, float | int | None]:
    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 3)

    return {
        "median": rounded(spread.median),
        "min": rounded(spread.least),
        "max": rounded(spread.most),
        "n": spread.n,
    }
