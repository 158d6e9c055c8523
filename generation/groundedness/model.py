"""The groundedness model: a small encoder with a sentence head and a token head.

It turns packed sentences into logits; what they mean is decided in `calibration`. OpenVINO computes
it, from a graph that is written out here; `network` has the same in torch.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from generation.groundedness.packing import Packed, Packer
from retrieval.inference.batches import batches
from retrieval.inference.bert import (
    BertInputs,
    NotUnderstood,
    Port,
    bert_shape,
    bert_states,
    compiled_graph,
    linear,
    mixed,
)
from retrieval.inference.padding import Padded, padded
from retrieval.inference.running import Network

FILES = ("calibration.json", "config.json", "model.safetensors", "tokenizer.json")
_BATCH_TOKENS = 8_192
_BATCH_SENTENCES = 256
# Logits of a batch: sentences (batch, 2), support and contradiction; tokens (batch, length).
Runner: TypeAlias = Callable[[Padded], list[NDArray[np.float32]]]
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Logits:
    """What the model says of one sentence; logits, natural logarithm.

    `tokens`: (n,) float32, that a token is unsupported, for the n tokens that were read.
    """

    support: float
    contradiction: float
    tokens: NDArray[np.float32]


class GroundednessModel:
    """Loaded weights, ready to judge packed sentences."""

    def __init__(self, run: Runner, packer: Packer) -> None:
        self.packer = packer
        self._run = run

    def logits(self, packed: Sequence[Packed]) -> list[Logits]:
        """Logits of packed sentences, in order; those of like length share a batch."""
        said: list[Logits | None] = [None] * len(packed)
        lengths = [len(one.tokens) for one in packed]
        for places in batches(lengths, tokens=_BATCH_TOKENS, rows=_BATCH_SENTENCES):
            some = [packed[place] for place in places]
            sentences, tokens = self._run(
                padded([one.tokens for one in some], [one.types for one in some])
            )
            for row, (place, one) in enumerate(zip(places, some, strict=True)):
                support, contradiction = (float(logit) for logit in sentences[row])
                own = tokens[row, one.first : one.first + len(one.offsets)]
                said[place] = Logits(support, contradiction, own.astype(np.float32))
        return [one for one in said if one is not None]


def load_model(folder: Path) -> GroundednessModel:
    """Load a network from a folder whose files were checked."""
    description = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    packer = Packer(tokenizer, int(description["max_tokens"]))
    try:
        return GroundednessModel(openvino_runner(folder), packer)
    except (ImportError, NotUnderstood, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        _logger.warning("the verifier runs with torch, which is slower: %s", reason)
    from generation.groundedness.network import TorchRunner, load_network

    return GroundednessModel(TorchRunner(load_network(folder)), packer)


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
    heads = [_of_sentences(states, weights, inputs), _of_tokens(states, weights)]
    return Network(compiled_graph(heads, inputs, "groundedness"))


def _of_sentences(states: Port, weights: dict[str, Any], inputs: BertInputs) -> Port:
    """Support and contradiction, of the judged tokens."""
    return linear(mixed(states, weights, inputs), weights, "sentence")


def _of_tokens(states: Port, weights: dict[str, Any]) -> Port:
    from openvino import opset13

    last = opset13.constant(np.array([2], np.int64))
    return opset13.squeeze(linear(states, weights, "token"), last)
