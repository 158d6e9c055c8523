"""What fewer bits in the weights cost and save: size, speed, and how far the model moves.

    python -m benchmarks.weights_precision MODEL TEXT [--tokens 2048] [--prompts 10]
        [--new-tokens 48] [--precisions int8,int4] [--json]

MODEL is a transformers folder, TEXT a file of plain text that the model has nothing to do with.
Every precision of OpenVINO, and torch in bfloat16, reads the same windows of TEXT and continues the
same prompts as torch in float32, one after the other in each round, so that what else the machine
does falls on all of them. Prints for each

* the size of its weights on disk, and by how much the process grew when it was loaded and used;
* decoded tokens a second: median of the prompts, and the quartiles;
* the mean Kullback-Leibler divergence of its next-token distribution from torch float32's, in nats,
  with its standard error over windows, and both perplexities;
* the share of greedy continuations that are float32's to the last token, and the median position of
  the first token that is another (of those that differ).

Nothing is sampled; texts do not end at the end token. All models are loaded at once: for a model of
n parameters that takes about 20 bytes for each.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from generation.engines.openvino.batching import Row
from generation.engines.openvino.model import converted_model
from generation.engines.openvino.paged import OpenVinoModel
from generation.types import Precision

Floats = NDArray[np.float32]

WINDOW_TOKENS = 256
PROMPT_TOKENS = 300
_CACHE_MB = 256


class Reader(Protocol):
    """A model that reads tokens; `past` of the same text were read before."""

    def read(self, tokens: Sequence[int], *, past: int, wanted: int) -> Floats:
        """Logits after the last `wanted` tokens: (wanted, vocabulary)."""


class TorchReader:
    """transformers, as `ASSAY_RUNTIME=torch` computes."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        self._model: Any = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=dtype
        )
        self._cache: Any = None

    def read(self, tokens: Sequence[int], *, past: int, wanted: int) -> Floats:
        with torch.inference_mode():
            output = self._model(
                input_ids=torch.tensor([tokens]),
                past_key_values=self._cache if past else None,
                use_cache=True,
                logits_to_keep=wanted,
            )
        self._cache = output.past_key_values
        return np.asarray(output.logits[0].float().numpy())


class OpenVinoReader:
    """The converted model, as the engine runs it."""

    def __init__(self, folder: Path) -> None:
        self._model = OpenVinoModel(folder, cache_mb=_CACHE_MB)

    def read(self, tokens: Sequence[int], *, past: int, wanted: int) -> Floats:
        blocks = range(-(-(past + len(tokens)) // self._model.block_tokens))
        return self._model.logits([Row(tokens, past, blocks, wanted)]).copy()


@dataclass
class Candidate:
    """A model under test and what was seen of it."""

    name: str
    reader: Reader
    disk_mb: float
    memory_mb: float = 0.0
    rates: list[float] = field(default_factory=list)
    divergences: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    firsts: list[int | None] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """A line of the table. The divergence is in nats; None where nothing differed."""

    name: str
    disk_mb: float
    memory_mb: float
    tokens_per_second: float
    quartiles: tuple[float, float]
    divergence: float
    divergence_error: float
    perplexity: float
    identical: float
    median_first_other: float | None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--models", type=Path, help="where conversions are kept (a new folder)")
    parser.add_argument("--tokens", type=int, default=2048, help="of the text that are compared")
    parser.add_argument("--prompts", type=int, default=10)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument(
        "--precisions", default="float32,float16,int8,int4", help="of OpenVINO, with commas between"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        models = arguments.models or Path(scratch)
        windows, prompts = read_text(arguments)
        precisions = [one for one in get_args(Precision) if one in arguments.precisions.split(",")]
        candidates = load(arguments.model, models, precisions)
        compare(candidates, windows)
        for number, prompt in enumerate(prompts):
            continue_all(candidates, prompt, arguments.new_tokens, number)
    found = [found_of(candidate) for candidate in candidates]
    if arguments.json:
        print(json.dumps([asdict(one) for one in found]))
    else:
        print(f"{len(windows) * (WINDOW_TOKENS - 1)} tokens of text, {len(prompts)} prompts of")
        print(f"{PROMPT_TOKENS} tokens continued by {arguments.new_tokens}; load {os.getloadavg()}")
        print(table(found))


def read_text(arguments: argparse.Namespace) -> tuple[list[list[int]], list[list[int]]]:
    """Windows to compare, and prompts from what comes after them."""
    tokenizer = AutoTokenizer.from_pretrained(arguments.model, local_files_only=True)
    text = arguments.text.read_text(encoding="utf-8")
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    count = max(1, arguments.tokens // WINDOW_TOKENS)
    needed = count * WINDOW_TOKENS + arguments.prompts * PROMPT_TOKENS
    if len(tokens) < needed:
        raise SystemExit(f"{arguments.text} has {len(tokens)} tokens and {needed} are needed")
    windows = [tokens[i * WINDOW_TOKENS : (i + 1) * WINDOW_TOKENS] for i in range(count)]
    rest = tokens[count * WINDOW_TOKENS :]
    passages = [rest[i * PROMPT_TOKENS :][:PROMPT_TOKENS] for i in range(arguments.prompts)]
    return windows, [prompt_of(tokenizer, passage) for passage in passages]


def prompt_of(tokenizer: PreTrainedTokenizerBase, passage: list[int]) -> list[int]:
    """A passage and a task, in the model's own template where it has one."""
    asked = f"{tokenizer.decode(passage)}\n\nSummarise this passage in a few sentences."
    if not tokenizer.chat_template:
        return list(passage)
    turns = [{"role": "user", "content": asked}]
    encoded = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)
    return list(encoded["input_ids"])


def load(folder: Path, models: Path, precisions: Sequence[Precision]) -> list[Candidate]:
    """All candidates, torch in float32 first: the others are compared with it."""
    stored = size_mb(folder, "*.safetensors")
    makers: list[tuple[str, Any, float]] = [
        ("torch float32", lambda: TorchReader(folder, torch.float32), stored),
        ("torch bfloat16", lambda: TorchReader(folder, torch.bfloat16), stored),
    ]
    for precision in precisions:
        made = converted_model(folder, models, precision=precision)
        size = size_mb(made, "openvino_model.*")
        makers.append((f"openvino {precision}", lambda made=made: OpenVinoReader(made), size))
    candidates = []
    for name, make, size in makers:
        before = resident_mb()
        candidate = Candidate(name, make(), size)
        candidate.reader.read(list(range(5, 37)), past=0, wanted=1)
        candidate.memory_mb = resident_mb() - before
        candidates.append(candidate)
    return candidates


def compare(candidates: list[Candidate], windows: list[list[int]]) -> None:
    """Divergence from the first candidate and loss of each, window by window."""
    for window in windows:
        expected: Floats | None = None
        for candidate in candidates:
            logits = candidate.reader.read(window[:-1], past=0, wanted=len(window) - 1)
            found = log_softmax(logits)
            expected = found if expected is None else expected
            following = found[np.arange(len(found)), window[1:]]
            candidate.losses.append(float(-following.mean()))
            each = (np.exp(expected) * (expected - found)).sum(axis=1)
            candidate.divergences.append(float(each.mean()))


def continue_all(
    candidates: list[Candidate], prompt: list[int], new_tokens: int, number: int
) -> None:
    """Continue a prompt with every candidate, each time beginning with another one."""
    written: dict[str, list[int]] = {}
    turn = number % len(candidates)
    for candidate in candidates[turn:] + candidates[:turn]:
        written[candidate.name], rate = greedy(candidate.reader, prompt, new_tokens)
        candidate.rates.append(rate)
    expected = written[candidates[0].name]
    for candidate in candidates:
        pairs = zip(written[candidate.name], expected, strict=True)
        candidate.firsts.append(next((i for i, (a, b) in enumerate(pairs) if a != b), None))


def greedy(reader: Reader, prompt: list[int], new_tokens: int) -> tuple[list[int], float]:
    """The most probable tokens, and how many a second after the first."""
    written = [int(reader.read(prompt, past=0, wanted=1)[-1].argmax())]
    began = time.perf_counter()
    while len(written) < new_tokens:
        past = len(prompt) + len(written) - 1
        written.append(int(reader.read(written[-1:], past=past, wanted=1)[-1].argmax()))
    return written, (new_tokens - 1) / (time.perf_counter() - began)


def found_of(candidate: Candidate) -> Found:
    low, middle, high = np.percentile(candidate.rates, [25, 50, 75])
    others = [first for first in candidate.firsts if first is not None]
    spread = np.std(candidate.divergences, ddof=1) if len(candidate.divergences) > 1 else np.nan
    return Found(
        name=candidate.name,
        disk_mb=candidate.disk_mb,
        memory_mb=candidate.memory_mb,
        tokens_per_second=float(middle),
        quartiles=(float(low), float(high)),
        divergence=float(np.mean(candidate.divergences)),
        divergence_error=float(spread / np.sqrt(len(candidate.divergences))),
        perplexity=float(np.exp(np.mean(candidate.losses))),
        identical=candidate.firsts.count(None) / len(candidate.firsts),
        median_first_other=statistics.median(others) if others else None,
    )


def table(found: list[Found]) -> str:
    """The lines of a Markdown table."""
    lines = [
        "| weights | disk MB | memory MB | tokens/s (quartiles) | KL, nats | perplexity "
        "| identical | first other token |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        first = "–" if one.median_first_other is None else f"{one.median_first_other:g}"
        lines.append(
            f"| {one.name} | {one.disk_mb:.0f} | {one.memory_mb:.0f} | {one.tokens_per_second:.1f} "
            f"({one.quartiles[0]:.1f}–{one.quartiles[1]:.1f}) | {one.divergence:.5f} ± "
            f"{one.divergence_error:.5f} | {one.perplexity:.2f} | {one.identical:.0%} | {first} |"
        )
    return "\n".join(lines)


def log_softmax(logits: Floats) -> Floats:
    shifted: Floats = logits - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def size_mb(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern)) / 1e6


def resident_mb() -> float:
    """Memory of this process, files that are mapped into it included."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
