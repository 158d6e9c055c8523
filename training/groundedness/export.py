"""Write a trained network as a folder of weights, as `load_verifier` reads it.

    python -m training.groundedness.export OUT FOLDER

Reads OUT/domain.pt and OUT/calibration.json.
"""

import argparse
from pathlib import Path

import torch

from generation.groundedness.model import FILES
from generation.groundedness.network import GroundednessNetwork
from training.groundedness.crossfit import MAX_TOKENS
from training.groundedness.train import bundled_encoder, fresh_network
from training.weights import write_weights

_ENCODER_FIELDS = (
    "vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size hidden_act "
    "max_position_embeddings type_vocab_size layer_norm_eps pad_token_id"
).split()


def export(network: GroundednessNetwork, tokenizer: Path, calibration: Path, folder: Path) -> None:
    """Write config.json, tokenizer.json, model.safetensors, calibration.json, SHA256SUMS."""
    known = network.encoder.config.to_dict()
    description = {
        "encoder": {name: known[name] for name in _ENCODER_FIELDS},
        "max_tokens": MAX_TOKENS,
    }
    write_weights(folder, network.state_dict(), description, [tokenizer, calibration], FILES)


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
