"""The answer finder: a small encoder that reads a question and a text together.

OpenVINO computes it, from a graph that is written out here; `network` has the same in torch.
"""

import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from generation.answer_finding.packing import Window, WindowPacker
from generation.finder import FoundAnswer
from generation.shipped import check_files
from retrieval.inference.batches import batches
from retrieval.inference.bert import (
    BertInputs,
    NotUnderstood,
    bert_shape,
    bert_states,
    compiled_graph,
    linear,
    mixed,
)
from retrieval.inference.padding import Padded, padded
from retrieval.inference.running import Network

WEIGHTS = Path(__file__).parent / "weights"
FILES = ("config.json", "model.safetensors", "tokenizer.json")
_BATCH_TOKENS = 8_192
_BATCH_WINDOWS = 64
# An answer is no longer than this, in tokens; so many beginnings are followed up.
_LONGEST = 24
_BEGINNINGS = 10
_NOTHING = FoundAnswer(0, 0, -8.0, -8.0)
# Logits of a batch: texts (batch, 1); tokens (batch, length, 2), first and last of the answer.
Runner: TypeAlias = Callable[[Padded], list[NDArray[np.float32]]]
_logger = logging.getLogger(__name__)


class LocalAnswerFinder:
    """Finds answers with weights of our own; see `AnswerFinder`."""

    def __init__(self, run: Runner, packer: WindowPacker, version: str) -> None:
        self._run = run
        self._packer = packer
        self.version = version

    def find(self, question: str, texts: Sequence[str]) -> list[FoundAnswer]:
        """Look for the answer in each text; see `AnswerFinder.find`."""
        windows = [
            (index, window)
            for index, text in enumerate(texts)
            for window in self._packer.windows(question, text)
            if window.offsets
        ]
        best = [_NOTHING] * len(texts)
        for place, holds, own in self._read([window for _, window in windows]):
            index, window = windows[place]
            found = _likeliest(window, holds, own)
            best[index] = max(best[index], found, key=lambda one: one.holds)
        return best

    def weigh(self, question: str, text: str, places: Sequence[tuple[int, int]]) -> list[float]:
        """How far each place stands out; see `AnswerFinder.weigh`."""
        if not places:
            return []
        windows = [one for one in self._packer.windows(question, text) if one.offsets]
        weights = [-math.inf] * len(places)
        for read, _, own in self._read(windows):
            for i, (start, end) in enumerate(places):
                tokens = windows[read].within(start, end)
                if tokens:
                    found = float(own[tokens[0], 0] + own[tokens[-1], 1])
                    weights[i] = max(weights[i], found)
        return weights

    def _read(self, windows: Sequence[Window]) -> Iterator[tuple[int, float, NDArray[np.float32]]]:
        """(index of the window, that it holds the answer, logits of its text's tokens (n, 2))."""
        lengths = [len(window.tokens) for window in windows]
        for places in batches(lengths, tokens=_BATCH_TOKENS, rows=_BATCH_WINDOWS):
            some = [windows[place] for place in places]
            whole, tokens = self._run(
                padded([one.tokens for one in some], [one.types for one in some])
            )
            for row, (place, window) in enumerate(zip(places, some, strict=True)):
                own = tokens[row, window.first : window.first + len(window.offsets)]
                yield place, float(whole[row, 0]), own


def _likeliest(window: Window, holds: float, own: NDArray[np.float32]) -> FoundAnswer:
    """The span with the greatest sum of logits; the earlier one of two that are alike."""
    begins, ends = own[:, 0], own[:, 1]
    first = np.argsort(-begins, kind="stable")[:_BEGINNINGS]
    spans = [(int(b), int(b + np.argmax(ends[b : b + _LONGEST]))) for b in first]
    begin, end = max(spans, key=lambda span: (begins[span[0]] + ends[span[1]], -span[0]))
    return FoundAnswer(
        start=window.offsets[begin][0],
        end=window.offsets[end][1],
        holds=holds,
        stands_out=float(begins[begin] + ends[end]),
    )


def load_finder(folder: Path = WEIGHTS) -> LocalAnswerFinder:
    """Load the finder from a folder of weights: the bundled ones.

    Raises:
        ModelUnusable: a file is missing, or is not the one that was shipped.
    """
    digest = check_files(folder, FILES)
    description = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    packer = WindowPacker(tokenizer, int(description["max_tokens"]))
    return LocalAnswerFinder(_runner(folder), packer, f"assay-answer-finder-{digest[:12]}")


def _runner(folder: Path) -> Runner:
    try:
        return openvino_runner(folder)
    except (ImportError, NotUnderstood, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        _logger.warning("the answer finder runs with torch, which is slower: %s", reason)
    from generation.answer_finding.network import load_network
    from generation.groundedness.network import TorchRunner

    return TorchRunner(load_network(folder))


def openvino_runner(folder: Path) -> Runner:
    """The network of a folder, compiled.

    Raises:
        NotUnderstood: its configuration asks for something that is not written out here.
    """
    from safetensors.numpy import load_file

    description: Any = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = load_file(folder / "model.safetensors")
    inputs = BertInputs()
    states = bert_states(weights, bert_shape(description["encoder"]), inputs, "encoder.")
    heads = [
        linear(mixed(states, weights, inputs), weights, "holds"),
        linear(states, weights, "span"),
    ]
    return Network(compiled_graph(heads, inputs, "answer_finder"))
