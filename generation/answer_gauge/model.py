"""The answer gauge: it reads a text and then a question, and says whether that is answered.

It is the first layers of the bundled chat model, changed by what was learned (a few MB, shipped
here). They are put together once on each machine, within seconds, and kept with prepared models.
"""

import hashlib
import importlib.metadata
import json
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from generation.answer_gauge.packing import GaugePacker
from generation.engines.conversion import made_once, write_source
from generation.engines.loading import bundled_model_file
from generation.engines.weights import file_sha256
from generation.language import ENGLISH, language_of
from generation.shipped import check_files
from retrieval.inference.batches import batches
from retrieval.inference.bert import NotUnderstood, compiled
from retrieval.inference.llama import llama_shape
from retrieval.inference.padding import Padded, padded
from retrieval.inference.running import Network

WEIGHTS = Path(__file__).parent / "weights"
FILES = ("config.json", "model.safetensors", "tokenizer.json")
# Part of what a made gauge is kept by: raise it when making gives something else.
_MAKER_VERSION = 1
_GRAPH = "openvino_model.xml"
# A made gauge's folder begins so.
GAUGE_PREFIX = "answer-gauge-"
_BATCH_TOKENS = 2_048
_BATCH_WINDOWS = 8
# What is told of a text without a word.
_NOTHING = -8.0
# It learned in English. In German and Spanish it tells texts apart too, and says so much less of
# those that answer (docs/LOG.md, 2026-11-30).
_LESS_ABROAD = 1.0
# Logits (batch, 1) of a batch.
Runner: TypeAlias = Callable[[Padded], list[NDArray[np.float32]]]
_logger = logging.getLogger(__name__)


class LocalAnswerGauge:
    """Gauges with layers of the bundled chat model; see `AnswerGauge`."""

    def __init__(self, run: Runner, packer: GaugePacker, version: str) -> None:
        self._run = run
        self._packer = packer
        self.version = version

    def gauge(self, question: str, texts: Sequence[str]) -> list[float]:
        """How far each text answers; see `AnswerGauge.gauge`. Of a long text its best window."""
        missing = 0.0 if language_of(question) == ENGLISH else _LESS_ABROAD
        asked = self._packer.asked(question)
        windows = [
            (index, window)
            for index, text in enumerate(texts)
            if text.strip()
            for window in self._packer.windows(text)
        ]
        best = [_NOTHING] * len(texts)
        lengths = [len(window) + len(asked.tokens) for _, window in windows]
        for places in batches(lengths, tokens=_BATCH_TOKENS, rows=_BATCH_WINDOWS):
            some = [windows[place] for place in places]
            [found] = self._run(
                padded(
                    [(*window, *asked.tokens) for _, window in some],
                    [(*(0,) * (len(window) + asked.first), *asked.marks) for _, window in some],
                )
            )
            for (index, _), logit in zip(some, found[:, 0], strict=True):
                best[index] = max(best[index], float(logit) + missing)
        return best


def bundled_gauge(models: Path) -> LocalAnswerGauge | None:
    """The gauge over the bundled chat model.

    Args:
        models: where the gauge is kept once it is made.

    Returns:
        None where that model is not installed or does not run here; a warning says why.

    Raises:
        ModelUnusable: a file of the gauge is missing, or is not the one that was shipped.
    """
    base = bundled_model_file()
    if base is None:
        _logger.warning("declining is decided without the answer gauge: no bundled chat model")
        return None
    try:
        return load_gauge(base, models)
    except (ImportError, NotUnderstood, OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        _logger.warning("declining is decided without the answer gauge: %s", reason)
        return None


def load_gauge(base: Path, models: Path, weights: Path = WEIGHTS) -> LocalAnswerGauge:
    """Load the gauge, made first if need be.

    Args:
        base: the GGUF file of the chat model whose layers it takes.
        models: where the gauge is kept once it is made.
        weights: folder of what was learned.

    Raises:
        ModelUnusable: a file is missing, or is not the one that was shipped.
        NotUnderstood: what was learned belongs to another chat model.
        OSError, ValueError, RuntimeError: the chat model's file cannot be read, or not run.
    """
    digest = check_files(weights, FILES)
    learned = json.loads((weights / "config.json").read_text(encoding="utf-8"))
    found = file_sha256(base, models)
    if learned["base_sha256"] != found:
        raise NotUnderstood(
            "it was made for a chat model whose SHA-256 begins with "
            f"{learned['base_sha256'][:12]}, and that of {base.name} begins with {found[:12]}"
        )
    parts = (_MAKER_VERSION, importlib.metadata.version("openvino"), digest)
    key = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()

    def make(folder: Path) -> None:
        _logger.warning("making the answer gauge; this is done once")
        _make(base, weights, learned, folder)
        for former in models.glob(f"{GAUGE_PREFIX}*"):
            shutil.rmtree(former, ignore_errors=True)

    folder = made_once(models / f"{GAUGE_PREFIX}{key[:16]}", make)
    tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
    return LocalAnswerGauge(
        Network(compiled(folder / _GRAPH)),
        GaugePacker(tokenizer, int(learned["max_tokens"])),
        f"assay-answer-gauge-{digest[:12]}",
    )


def _make(base: Path, weights: Path, learned: dict[str, Any], folder: Path) -> None:
    """Put base and changes together, and write the graph into a folder."""
    import openvino
    from safetensors.numpy import load_file

    from generation.answer_gauge.base import base_weights
    from generation.answer_gauge.graph import changed, gauge_graph

    shape = llama_shape(learned["base"])
    whole = changed(
        base_weights(base, shape),
        load_file(weights / "model.safetensors"),
        float(learned["scale"]),
    )
    openvino.save_model(gauge_graph(whole, shape), folder / _GRAPH, compress_to_fp16=False)
    write_source(folder, {"base_sha256": learned["base_sha256"]})
