"""A GGUF file into a folder that loads in a second. Done once per file, kept by content."""

import hashlib
import logging
import os
import shutil
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20
_logger = logging.getLogger(__name__)


def converted_folder(gguf: Path, models: Path) -> Path:
    """The folder with the weights and tokenizer of a GGUF file, made on first use.

    transformers reads a GGUF file in 15 to 30 seconds, most of it unpacking weights and
    rebuilding the tokenizer, and the result of the same file under `models` in one. The weights
    are unpacked to bfloat16: twice the size on disk, several times the speed of packed ones.
    """
    folder = models / f"{gguf.stem}-{_sha256(gguf)[:16]}"
    if folder.is_dir():
        return folder
    _logger.warning("preparing %s for its first use; this is done once", gguf.name)
    partial = models / f".{folder.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _convert(gguf, partial)
        _publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), **source)
    tokenizer.save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(
        str(gguf.parent),
        **source,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(folder)


def _publish(partial: Path, folder: Path) -> None:
    """Move into place in one step; another process that was faster has made the same folder."""
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
