"""The finder's network in torch: what training trains, and what runs where OpenVINO cannot."""

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from generation.groundedness.network import filled, pooled


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
        mixed = torch.tanh(self.mixed(pooled(states, types, mask)))
        return self.holds(mixed), self.span(states)


def load_network(folder: Path) -> FinderNetwork:
    """The network of a folder whose files were checked."""
    return filled(FinderNetwork, folder)
