"""Write what was learned as a folder of weights, as `load_gauge` reads it.

    python -m training.answer_gauge.export FOLDER BASE BASE_FILE OUT

Reads OUT/learned.pt. BASE is the bundled chat model, prepared, and BASE_FILE its GGUF file, of
which the hash is kept: the changes fit no other.
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch

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


def export(learned: Path, base: Path, base_file: Path, folder: Path) -> None:
    """Write config.json, tokenizer.json, model.safetensors and SHA256SUMS."""
    state = torch.load(learned, "cpu", weights_only=True)
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
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    export(arguments.out / "learned.pt", arguments.base, arguments.base_file, arguments.folder)


if __name__ == "__main__":
    main()
