"""The finder's network in torch: what training trains, and what runs where OpenVINO cannot."""

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from retrieval.inference.padding import Padded
from retrieval.torch_encoder import has_fast_bfloat16


class FinderNetwork(nn.Module):
    """Encoder, a head for the text as a whole and one for where the answer begins and ends."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.encoder = BertModel(config, add_pooling_layer=False)
        width = config.hidden_size
        self.mixed = nn.Linear(3 * width, width)
        self.holds = nn.Linear(width, 1)
        self.span = nn.Linear(width, 2)

    def forward(self, tokens: Tensor, types: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of a batch.

        Args:
            tokens, types, mask: (batch, length) int64; type 1 marks the text.

        Returns:
            (batch, 1) that the text holds the answer; (batch, length, 2) that it begins and ends
            at a token, against 0 for none.
        """
        states = self.encoder(
            input_ids=tokens, token_type_ids=types, attention_mask=mask
        ).last_hidden_state
        own = (types * mask).unsqueeze(-1).to(states.dtype)
        mean = (states * own).sum(1) / own.sum(1)
        most = states.masked_fill(own == 0, torch.finfo(states.dtype).min).amax(1)
        mixed = torch.tanh(self.mixed(torch.cat([states[:, 0], mean, most], dim=-1)))
        return self.holds(mixed), self.span(states)


class TorchFinderRunner:
    """Computes with a network; see `model.Runner`."""

    def __init__(self, network: FinderNetwork) -> None:
        self._network = network.eval()
        self._dtype = torch.bfloat16 if has_fast_bfloat16() else torch.float32

    @torch.inference_mode()
    def __call__(self, batch: Padded) -> list[NDArray[np.float32]]:
        """Logits of texts (batch, 1) and of tokens (batch, length, 2)."""
        inputs = (torch.from_numpy(part) for part in (batch.tokens, batch.types, batch.mask))
        with torch.autocast("cpu", self._dtype, enabled=self._dtype != torch.float32):
            return [found.float().numpy() for found in self._network(*inputs)]


def load_network(folder: Path) -> FinderNetwork:
    """The network of a folder whose files were checked."""
    description = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = FinderNetwork(BertConfig(**description["encoder"]))
    weights = load_file(folder / "model.safetensors")
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    return network
