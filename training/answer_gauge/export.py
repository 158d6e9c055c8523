"""Write what was learned as a folder of weights, as `load_gauge` reads it.

    python -m training.answer_gauge.export FOLDER BASE BASE_FILE OUT [OUT …]

Reads OUT/learned.pt; of several the mean, which tells better than the last alone where each was
trained from the one before (Wortsman et al., 2022, arXiv:2109.01903). BASE is the bundled chat
model, prepared, and BASE_FILE its GGUF file, of which the hash is kept: the changes fit no other.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from generation.answer_gauge.model import FILES
from training.answer_gauge.network import SCALE
from training.answer_gauge.train import LAYERS, MAX_TOKENS
from training.weights import write_weights

# What a configuration says of the layers.
_SHAPE = (
    "model_type",
    "hidden_act",
    "attention_bias",
    "mlp_bias",
    "hidden_size",
    "head_dim",
    "num_attention_heads",
    "num_key_value_heads",
    "rms_norm_eps",
    "rope_parameters",
)


def mean_of(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each tensor over networks of one shape, at least one.

    Raises:
        ValueError: they do not have the same tensors.
    """
    if any(state.keys() != states[0].keys() for state in states):
        raise ValueError("what was learned has other tensors in one folder than in another")
    return {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}


def export(learned: Sequence[Path], base: Path, base_file: Path, folder: Path) -> None:
    """Write config.json, tokenizer.json, model.safetensors and SHA256SUMS."""
    state = mean_of([torch.load(path, "cpu", weights_only=True) for path in learned])
    weights = {name: value for name, value in state.items() if not name.startswith("point")}
    with base_file.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    own = json.loads((base / "config.json").read_text(encoding="utf-8"))
    description = {
        "base": {name: own[name] for name in _SHAPE} | {"num_hidden_layers": LAYERS},
        "base_sha256": digest,
        "scale": SCALE,
        "max_tokens": MAX_TOKENS,
    }
    write_weights(folder, weights, description, [base / "tokenizer.json"], FILES)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("base", type=Path)
    parser.add_argument("base_file", type=Path)
    parser.add_argument("out", type=Path, nargs="+")
    arguments = parser.parse_args()
    learned = [out / "learned.pt" for out in arguments.out]
    export(learned, arguments.base, arguments.base_file, arguments.folder)


if __name__ == "__main__":
    main()
