"""Write a trained network as a folder of weights, as `load_finder` reads it.

    python -m training.answer_finding.export FOLDER OUT [OUT ...]

Reads OUT/network.pt; of several networks, which must have begun alike, the mean is written.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from generation.answer_finding.model import FILES
from generation.groundedness.verifier import WEIGHTS
from training.answer_finding.train import MAX_TOKENS
from training.weights import write_weights


def export(networks: Sequence[Path], folder: Path) -> None:
    """Write config.json, tokenizer.json, model.safetensors and SHA256SUMS."""
    states = [torch.load(network, "cpu", weights_only=True) for network in networks]
    means = {name: sum(state[name] for state in states) / len(states) for name in states[0]}
    encoder = json.loads((WEIGHTS / "config.json").read_text(encoding="utf-8"))["encoder"]
    description = {"encoder": encoder, "max_tokens": MAX_TOKENS}
    write_weights(folder, means, description, [WEIGHTS / "tokenizer.json"], FILES)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("outs", type=Path, nargs="+", metavar="OUT")
    arguments = parser.parse_args()
    export([out / "network.pt" for out in arguments.outs], arguments.folder)


if __name__ == "__main__":
    main()
