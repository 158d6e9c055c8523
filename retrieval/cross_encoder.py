"""A CrossEncoder of sentence-transformers as a reranker. Heavy imports wait until use."""

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from retrieval.errors import ModelMissing
from retrieval.inference.quiet import keep_transformers_quiet

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_BATCH_TEXTS = 32


class CrossEncoderReranker:
    """Reads question and passage together; safe to call from several threads."""

    def __init__(self, model: "CrossEncoder", name: str) -> None:
        self._model = model
        self._lock = Lock()
        self.name = name

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """See `Reranker.scores`."""
        if not texts:
            return []
        with self._lock:
            found = self._model.predict(
                [(question, text) for text in texts],
                batch_size=_BATCH_TEXTS,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        return [float(score) for score in found]


def load_cross_encoder(model: str) -> CrossEncoderReranker:
    """Load a model from a folder, or by its id at the hub.

    Raises:
        ModelMissing: it cannot be fetched, is not such a model, or gives more than one score.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    keep_transformers_quiet()
    import torch
    from sentence_transformers import CrossEncoder

    folder = Path(model)
    if folder.is_dir() and not (folder / "config.json").exists():
        raise ModelMissing("ASSAY_RERANKER", model, "the folder has no config.json")
    try:
        loaded = CrossEncoder(
            model,
            device="cuda" if torch.cuda.is_available() else "cpu",
            local_files_only=folder.is_dir(),
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelMissing("ASSAY_RERANKER", model, reason) from error
    labels = int(loaded.config.num_labels)
    if labels != 1:
        reason = f"it gives {labels} scores for a passage, and a reranker gives one"
        raise ModelMissing("ASSAY_RERANKER", model, reason)
    return CrossEncoderReranker(loaded, folder.name if folder.is_dir() else model)
