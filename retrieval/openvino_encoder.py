"""A sentence-transformers model of the BERT kind, run without torch and transformers.

It gives the vectors of `torch_encoder` within a cosine of .9999 (docs/LOG.md), so both count as the
same encoder and their vectors mix.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import TextTooLong
from retrieval.inference.batches import batches
from retrieval.inference.bert import (
    BertInputs,
    NotUnderstood,
    Port,
    bert_shape,
    bert_states,
    compiled_graph,
)
from retrieval.inference.padding import padded
from retrieval.inference.running import Network
from retrieval.types import unit_rows

_BATCH_TOKENS = 4096
_BATCH_TEXTS = 32
# What a folder may be made of. A vector is brought to length 1 whether or not the folder asks it.
_MODULES = ("Transformer", "Pooling", "Normalize")
# Of `1_Pooling/config.json`; the vector is the mean of all tokens' or the first token's.
_MEAN, _FIRST = "pooling_mode_mean_tokens", "pooling_mode_cls_token"


class OpenVinoEncoder:
    """The model of a folder; safe to call from several threads.

    Args:
        folder: as sentence-transformers saves it, with safetensors and tokenizer.json.
        fingerprint: names the model and its weights.

    Raises:
        NotUnderstood: it is of another architecture, or something in it is not written out here.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        config = _read_json(folder / "config.json")
        if config.get("model_type") is None:
            raise NotUnderstood("its config.json does not say what it is")
        shape = bert_shape(config)
        pooling = _pooling(folder)
        self._tokenizer = _tokenizer(folder)
        self._special = int(self._tokenizer.num_special_tokens_to_add(False))  # noqa: FBT003
        self._padding = int(config.get("pad_token_id") or 0)
        self._first_position = shape.first_position
        self._positions = int(config["max_position_embeddings"]) - shape.first_position
        self._limit_tokens = _longest(folder, self._positions) - self._special
        self._network = Network(_compiled(folder, shape, pooling))
        self.fingerprint = fingerprint
        self.dimension = int(config["hidden_size"])

    @property
    def limit_tokens(self) -> int:
        """How many tokens of a text are read, the model's own special tokens not counted."""
        return self._limit_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted."""
        if not texts:
            return []
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encodings]

    def encode(
        self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Encode texts in batches of similar length; see `Encoder.encode`."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        if not texts:
            return vectors
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        lengths = [len(one) for one in tokens]
        if max(lengths) - self._special > self._limit_tokens:
            raise TextTooLong(max(lengths) - self._special, self._limit_tokens)
        done = 0
        for rows in batches(lengths, tokens=_BATCH_TOKENS, rows=_BATCH_TEXTS):
            batch = padded(
                [tokens[i] for i in rows],
                padding=self._padding,
                first_position=self._first_position,
                longest=self._positions,
            )
            vectors[rows] = unit_rows(self._network(batch)[0])
            done += len(rows)
            if on_progress:
                on_progress(done)
        return vectors


def _compiled(folder: Path, shape: Any, pooling: str) -> Any:  # noqa: ANN401
    from safetensors.numpy import load_file

    weights = load_file(folder / "model.safetensors")
    # Some were saved with the head that they were trained with around them.
    prefix = next(
        (p for p in ("", "bert.", "roberta.") if f"{p}embeddings.LayerNorm.weight" in weights), ""
    )
    inputs = BertInputs()
    states = bert_states(weights, shape, inputs, prefix)
    pooled = _mean(states, inputs.mask) if pooling == _MEAN else _first(states)
    return compiled_graph([pooled], inputs, "encoder")


def _mean(states: Port, mask: Port) -> Port:
    from openvino import opset13

    tokens = opset13.constant(np.array([1], np.int64))
    counted = opset13.unsqueeze(
        opset13.convert(mask, "f32"), opset13.constant(np.array([2], np.int64))
    )
    total = opset13.reduce_sum(opset13.multiply(states, counted), tokens, keep_dims=False)
    return opset13.divide(total, opset13.reduce_sum(counted, tokens, keep_dims=False))


def _first(states: Port) -> Port:
    from openvino import opset13

    return opset13.gather(states, opset13.constant(np.int64(0)), opset13.constant(np.int64(1)))


def _pooling(folder: Path) -> str:
    """What makes one vector of a text's; also looks for everything that would make another one."""
    modules: Any = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    if kinds not in (list(_MODULES), list(_MODULES[:2])):
        raise NotUnderstood(f"it is made of {', '.join(kinds)}")
    general = _read_json(folder / "config_sentence_transformers.json")
    if general.get("default_prompt_name"):
        raise NotUnderstood("it puts a prompt before every text")
    config = _read_json(folder / modules[1]["path"] / "config.json")
    named = config.get("pooling_mode")
    if isinstance(named, str):
        chosen = [{"mean": _MEAN, "cls": _FIRST}.get(named, named)]
    else:
        chosen = [name for name, is_on in config.items() if "pooling_mode" in name and is_on]
    if len(chosen) != 1 or chosen[0] not in (_MEAN, _FIRST):
        raise NotUnderstood(f"its pooling is {', '.join(chosen) or 'not named'}")
    return chosen[0]


def _tokenizer(folder: Path) -> Any:  # noqa: ANN401 - the tokenizers library has no types
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if not file.is_file():
        raise NotUnderstood("it has no tokenizer.json")
    # Where these differ transformers goes by the configuration, and the file says something else.
    configured = _read_json(folder / "tokenizer_config.json")
    normalizer: Any = json.loads(file.read_bytes()).get("normalizer") or {}
    for told, done in (
        ("do_lower_case", "lowercase"),
        ("strip_accents", "strip_accents"),
        ("tokenize_chinese_chars", "handle_chinese_chars"),
    ):
        if done in normalizer and configured.get(told, normalizer[done]) != normalizer[done]:
            raise NotUnderstood(f"its tokenizer_config.json and tokenizer.json differ in {told}")
    if _read_json(folder / "sentence_bert_config.json").get("do_lower_case"):
        raise NotUnderstood("it has its texts in lower case")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    # Truncation would hide from `count_tokens` exactly what it is asked for.
    tokenizer.no_truncation()
    return tokenizer


def _longest(folder: Path, positions: int) -> int:
    """Tokens of a text, special ones counted: as sentence-transformers would have it."""
    said = _read_json(folder / "sentence_bert_config.json").get("max_seq_length")
    limit = _read_json(folder / "tokenizer_config.json").get("model_max_length")
    return int(min(positions, said or positions, limit or positions))


def _read_json(path: Path) -> dict[str, Any]:
    found: Any = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}
