"""The gauge's network in torch: the chat model's first layers with low-rank changes, and a head."""

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import LlamaModel

# Changes count twice: `b @ a` begins at 0, and grows in fewer steps so.
SCALE = 2.0
HEAD_WIDTH = 384
_DROPPED = 0.05
_DROPPED_OF_HEAD = 0.1
_POINTER_WIDTH = 96
_NEVER = -1e4
_CHANGED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Changed(nn.Module):
    """A product whose matrix is the base's, kept as it is, plus `SCALE * b @ a` (LoRA: Hu et al.,
    2021, arXiv:2106.09685). What is dropped is of `a`: to draw for all states took a fifth of a
    step."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.a = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        self.dropout = nn.Dropout(_DROPPED)

    def forward(self, states: Tensor) -> Tensor:
        small = linear(states, self.dropout(self.a).to(states.dtype))
        whole: Tensor = self.base(states)
        return whole + linear(small, (SCALE * self.b).to(states.dtype))


class GaugeNetwork(nn.Module):
    """Layers of the base, of which those from `first_changed` on may change, and a head.

    The pointers are for training alone: learning where the answer stands helps to learn whether it
    is there.
    """

    def __init__(self, base: Path, *, layers: int, first_changed: int, rank: int) -> None:
        super().__init__()
        self.base = LlamaModel.from_pretrained(
            base, dtype=torch.bfloat16, attn_implementation="eager"
        )
        self.base.layers = self.base.layers[:layers]
        self.base.norm = nn.Identity()
        self.base.requires_grad_(False)
        for layer in self.base.layers[first_changed:]:
            for part in (layer.self_attn, layer.mlp):
                for name in _CHANGED:
                    if hasattr(part, name):
                        setattr(part, name, Changed(getattr(part, name), rank))
        width = self.base.config.hidden_size
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(_DROPPED_OF_HEAD)
        self.mixed = nn.Linear(2 * width, HEAD_WIDTH)
        self.holds = nn.Linear(HEAD_WIDTH, 1)
        self.pointing = nn.Linear(HEAD_WIDTH, 2 * _POINTER_WIDTH)
        self.pointed = nn.Linear(width, 2 * _POINTER_WIDTH)

    def forward(
        self, tokens: Tensor, positions: Tensor, seen: Tensor, judged: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits of questions.

        Args:
            tokens, positions: (batch, length) int64. A row is a text and questions about it.
            seen: (batch, 1, length, length) bool, whether a token sees another.
            judged: (n, length) bool, the tokens of each question.
            rows: (n,) int64, the row of each question.

        Returns:
            (n,) that the text answers; (n, length, 2) that the answer begins and ends at a token.
        """
        # A mask of numbers, made once: with attention written out it takes less than torch's own.
        mask = torch.zeros(seen.shape, dtype=self.base.dtype).masked_fill_(~seen, _NEVER)
        states = self.base(
            input_ids=tokens, attention_mask=mask, position_ids=positions, use_cache=False
        ).last_hidden_state
        normed = self.norm(states.float())
        own = normed[rows]
        marked = judged.unsqueeze(-1)
        mean = (own * marked).sum(1) / marked.sum(1)
        most = own.masked_fill(~marked, _NEVER).amax(1)
        mixed = torch.tanh(self.mixed(self.dropout(torch.cat([mean, most], dim=1))))
        pairs = (len(rows), -1, 2, _POINTER_WIDTH)
        pointed = self.pointed(normed)[rows].view(pairs)
        spans = (pointed * self.pointing(mixed).view(pairs)).sum(-1) / math.sqrt(_POINTER_WIDTH)
        return self.holds(mixed).squeeze(-1), spans

    def learned(self) -> dict[str, Tensor]:
        """What is not the base's, by name: "layers.6.mlp.up_proj.a" and the head's."""
        return {
            name.removeprefix("base."): parameter.detach()
            for name, parameter in self.named_parameters()
            if parameter.requires_grad
        }

    def load_learned(self, learned: dict[str, Tensor]) -> None:
        """Go on from what `learned` told."""
        own = {name for name, parameter in self.named_parameters() if parameter.requires_grad}
        named = {name.removeprefix("base."): name for name in own}
        state = {named[name]: value for name, value in learned.items()}
        self.load_state_dict(state, strict=False)
