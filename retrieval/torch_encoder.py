"""Any sentence-transformers model, run with torch: the reference, and what runs on a GPU.

Heavy imports wait until use.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ModelMissing, TextTooLong
from retrieval.inference.batches import batches
from retrieval.inference.quiet import keep_transformers_quiet
from retrieval.types import unit_rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH_TOKENS = 8192
_BATCH_TEXTS = 32


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
        done = 0
        for rows in batches(lengths, tokens=_BATCH_TOKENS, rows=_BATCH_TEXTS):
            with self._lock:
                encoded = self._model.encode(
                    [texts[i] for i in rows],
                    batch_size=_BATCH_TEXTS,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                )
            vectors[rows] = unit_rows(np.asarray(encoded, dtype=np.float32))
            done += len(rows)
            if on_progress:
                on_progress(done)
        return vectors


def load_sentence_transformer(
    model: str, folder: Path | None, fingerprint: str
) -> SentenceTransformerEncoder:
    """Load a model from its folder, or from the hub when there is none.

    Raises:
        ModelMissing: it cannot be fetched, or is not such a model.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    keep_transformers_quiet()
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
    return SentenceTransformerEncoder(loaded, fingerprint)


def has_fast_bfloat16() -> bool:
    """Whether torch's device multiplies bfloat16 itself.

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


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
