"""The groundedness network in torch: what training trains, and what runs where OpenVINO cannot."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from generation.groundedness.packing import Packed
from retrieval.inference.padding import Padded
from retrieval.torch_encoder import has_fast_bfloat16

_Kind = TypeVar("_Kind", bound=nn.Module)


class GroundednessNetwork(nn.Module):
    """Encoder, sentence head (support, contradiction) and token head (unsupported)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.encoder = BertModel(config, add_pooling_layer=False)
        width = config.hidden_size
        self.mixed = nn.Linear(3 * width, width)
        self.sentence = nn.Linear(width, 2)
        self.token = nn.Linear(width, 1)

    def forward(self, tokens: Tensor, types: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of a batch.

        Args:
            tokens, types, mask: (batch, length) int64; type 1 marks the judged sentence.

        Returns:
            (batch, 2) support and contradiction; (batch, length) unsupported, per token.
        """
        states = self.encoder(
            input_ids=tokens, token_type_ids=types, attention_mask=mask
        ).last_hidden_state
        mixed = torch.tanh(self.mixed(pooled(states, types, mask)))
        return self.sentence(mixed), self.token(states).squeeze(-1)


def pooled(states: Tensor, types: Tensor, mask: Tensor) -> Tensor:
    """The first token's state, the mean of those of type 1 and their maxima.

    Args:
        states: (batch, length, width); the others as the networks take them.

    Returns:
        (batch, 3 * width), in the type of `states`.
    """
    own = (types * mask).unsqueeze(-1).to(states.dtype)
    mean = (states * own).sum(1) / own.sum(1)
    most = states.masked_fill(own == 0, torch.finfo(states.dtype).min).amax(1)
    return torch.cat([states[:, 0], mean, most], dim=-1)


def batch(packed: Sequence[Packed], multiple: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Pad packed sentences to one length: tokens, types and mask, each (batch, length) int64.

    The length is the smallest multiple of `multiple` that holds the longest.
    """
    length = -(-max(len(one.tokens) for one in packed) // multiple) * multiple
    tokens, types, mask = (torch.zeros(len(packed), length, dtype=torch.long) for _ in range(3))
    for row, one in enumerate(packed):
        n = len(one.tokens)
        tokens[row, :n] = torch.tensor(one.tokens)
        types[row, :n] = torch.tensor(one.types)
        mask[row, :n] = 1
    return tokens, types, mask


class TorchRunner:
    """Computes with a network of this kind; see `Runner` of the module that packs for it."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval()
        self._dtype = torch.bfloat16 if has_fast_bfloat16() else torch.float32

    @torch.inference_mode()
    def __call__(self, batch: Padded) -> list[NDArray[np.float32]]:
        """What the network gives for a batch, in float32."""
        inputs = (torch.from_numpy(part) for part in (batch.tokens, batch.types, batch.mask))
        with torch.autocast("cpu", self._dtype, enabled=self._dtype != torch.float32):
            return [found.float().numpy() for found in self._network(*inputs)]


def load_network(folder: Path) -> GroundednessNetwork:
    """The network of a folder whose files were checked."""
    return filled(GroundednessNetwork, folder)


def filled(kind: Callable[[BertConfig], _Kind], folder: Path) -> _Kind:
    """A network of a kind with the configuration and the weights of a folder."""
    description = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = kind(BertConfig(**description["encoder"]))
    weights = load_file(folder / "model.safetensors")
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    return network
