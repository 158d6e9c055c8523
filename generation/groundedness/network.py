"""The groundedness network in torch: what training trains, and what runs where OpenVINO cannot."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from generation.groundedness.packing import Packed
from retrieval.inference.padding import Padded
from retrieval.torch_encoder import has_fast_bfloat16


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
        judged = (types * mask).unsqueeze(-1).to(states.dtype)
        mean = (states * judged).sum(1) / judged.sum(1)
        most = states.masked_fill(judged == 0, torch.finfo(states.dtype).min).amax(1)
        mixed = torch.tanh(self.mixed(torch.cat([states[:, 0], mean, most], dim=-1)))
        return self.sentence(mixed), self.token(states).squeeze(-1)


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
    """Computes with a network; see `model.Runner`."""

    def __init__(self, network: GroundednessNetwork) -> None:
        self._network = network.eval()
        self._dtype = torch.bfloat16 if has_fast_bfloat16() else torch.float32

    @torch.inference_mode()
    def __call__(self, batch: Padded) -> list[NDArray[np.float32]]:
        """Logits of sentences (batch, 2) and of tokens (batch, length)."""
        inputs = (torch.from_numpy(part) for part in (batch.tokens, batch.types, batch.mask))
        with torch.autocast("cpu", self._dtype, enabled=self._dtype != torch.float32):
            return [found.float().numpy() for found in self._network(*inputs)]


def load_network(folder: Path) -> GroundednessNetwork:
    """The network of a folder whose files were checked."""
    description = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = GroundednessNetwork(BertConfig(**description["encoder"]))
    weights = load_file(folder / "model.safetensors")
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    return network
