"""Write a trained network as a folder of weights, as `load_verifier` reads it.

    python -m training.groundedness.export OUT FOLDER

Reads OUT/domain.pt and OUT/calibration.json. Weights are stored as float16.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from generation.groundedness.model import FILES
from generation.groundedness.network import GroundednessNetwork
from training.groundedness.crossfit import MAX_TOKENS
from training.groundedness.train import bundled_encoder, fresh_network

_ENCODER_FIELDS = (
    "vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size hidden_act "
    "max_position_embeddings type_vocab_size layer_norm_eps pad_token_id"
).split()


def export(network: GroundednessNetwork, tokenizer: Path, calibration: Path, folder: Path) -> None:
    """Write config.json, tokenizer.json, model.safetensors, calibration.json, SHA256SUMS."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: value.to(torch.float16).contiguous() for name, value in network.state_dict().items()
    }
    save_file(weights, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)
    known = network.encoder.config.to_dict()
    description = {
        "encoder": {name: known[name] for name in _ENCODER_FIELDS},
        "max_tokens": MAX_TOKENS,
    }
    (folder / "config.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    shutil.copyfile(calibration, folder / "calibration.json")
    sums = (f"{hashlib.sha256((folder / f).read_bytes()).hexdigest()}  {f}\n" for f in FILES)
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    encoder = bundled_encoder()
    network = fresh_network(encoder)
    network.load_state_dict(torch.load(arguments.out / "domain.pt", "cpu", weights_only=True))
    calibration = arguments.out / "calibration.json"
    export(network, encoder / "tokenizer.json", calibration, arguments.folder)


if __name__ == "__main__":
    main()
