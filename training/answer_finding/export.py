"""Write a trained network as a folder of weights, as `load_finder` reads it.

    python -m training.answer_finding.export FOLDER OUT [OUT ...]

Reads OUT/network.pt; of several networks, which must have begun alike, the mean is written. Weights
are stored as float16.
"""

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from generation.answer_finding.model import FILES
from generation.groundedness.verifier import WEIGHTS
from training.answer_finding.train import MAX_TOKENS


def export(networks: Sequence[Path], folder: Path) -> None:
    """Write config.json, tokenizer.json, model.safetensors and SHA256SUMS."""
    folder.mkdir(parents=True, exist_ok=True)
    states = [torch.load(network, "cpu", weights_only=True) for network in networks]
    means = {name: sum(state[name] for state in states) / len(states) for name in states[0]}
    weights = {name: value.to(torch.float16).contiguous() for name, value in means.items()}
    save_file(weights, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)
    encoder = json.loads((WEIGHTS / "config.json").read_text(encoding="utf-8"))["encoder"]
    description = {"encoder": encoder, "max_tokens": MAX_TOKENS}
    (folder / "config.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(WEIGHTS / "tokenizer.json", folder / "tokenizer.json")
    sums = (f"{hashlib.sha256((folder / f).read_bytes()).hexdigest()}  {f}\n" for f in FILES)
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


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
