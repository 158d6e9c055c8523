"""The groundedness model: a small encoder with a sentence head and a token head.

The only module here that knows torch. It turns packed sentences into logits; what they mean is
decided in `calibration`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from generation.errors import ModelUnusable
from generation.groundedness.packing import Packed, Packer
from retrieval.encoder import has_fast_bfloat16

FILES = ("calibration.json", "config.json", "model.safetensors", "tokenizer.json")
_BATCH_TOKENS = 8_192


@dataclass(frozen=True, slots=True)
class Logits:
    """What the model says of one sentence; logits, natural logarithm.

    `tokens`: (n,) float32, that a token is unsupported, for the n tokens that were read.
    """

    support: float
    contradiction: float
    tokens: NDArray[np.float32]


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


class GroundednessModel:
    """Loaded weights, ready to judge packed sentences."""

    def __init__(self, network: GroundednessNetwork, packer: Packer) -> None:
        self.packer = packer
        self._network = network.eval()
        self._dtype = torch.bfloat16 if has_fast_bfloat16() else torch.float32

    @torch.inference_mode()
    def logits(self, packed: Sequence[Packed]) -> list[Logits]:
        """Logits of packed sentences, in order; those of like length share a batch."""
        said: list[Logits | None] = [None] * len(packed)
        order = sorted(range(len(packed)), key=lambda i: -len(packed[i].tokens))
        while order:
            size = max(1, _BATCH_TOKENS // len(packed[order[0]].tokens))
            places, order = order[:size], order[size:]
            with torch.autocast("cpu", self._dtype, enabled=self._dtype != torch.float32):
                sentences, tokens = self._network(*batch([packed[i] for i in places]))
            for row, place in enumerate(places):
                one = packed[place]
                own = tokens[row, one.first : one.first + len(one.offsets)]
                support, contradiction = sentences[row].float().tolist()
                said[place] = Logits(support, contradiction, own.float().numpy())
        return [one for one in said if one is not None]


def load_model(folder: Path) -> GroundednessModel:
    """Load a network from a folder whose files were checked; see `check_files`."""
    description = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = GroundednessNetwork(BertConfig(**description["encoder"]))
    weights = load_file(folder / "model.safetensors")
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return GroundednessModel(network, Packer(tokenizer, int(description["max_tokens"])))


def check_files(folder: Path) -> str:
    """Compare every file of a model with SHA256SUMS.

    Returns:
        The digest of SHA256SUMS, which stands for all of them: weights and calibration too.

    Raises:
        ModelUnusable: a file is missing, or is not the one that SHA256SUMS names.
    """
    try:
        sums = (folder / "SHA256SUMS").read_text(encoding="utf-8")
        named = {name: digest for digest, name in (line.split() for line in sums.splitlines())}
        for name in FILES:
            digest = named[name]
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != digest:
                raise ModelUnusable(
                    f"{folder / name} is not the file it should be: its SHA-256 begins with "
                    f"{found[:12]}, expected {digest[:12]}. Install Assay again."
                )
        return hashlib.sha256(sums.encode()).hexdigest()
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnusable(
            f"the groundedness model in {folder} is incomplete ({error}). Install Assay again."
        ) from error
