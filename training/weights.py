"""Writes a trained network as a folder of weights, the kind that the product reads."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor


def write_weights(
    folder: Path,
    weights: Mapping[str, Tensor],
    description: Mapping[str, Any],
    copied: Sequence[Path],
    files: Sequence[str],
) -> None:
    """Write model.safetensors (float16), config.json, the files that are `copied`, and SHA256SUMS
    of `files`, which are all that the product reads."""
    folder.mkdir(parents=True, exist_ok=True)
    halved = {name: value.to(torch.float16).contiguous() for name, value in weights.items()}
    save_file(halved, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)
    config = json.dumps(description, indent=1) + "\n"
    (folder / "config.json").write_text(config, encoding="utf-8")
    for file in copied:
        shutil.copyfile(file, folder / file.name)
    sums = (f"{hashlib.sha256((folder / f).read_bytes()).hexdigest()}  {f}\n" for f in files)
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
