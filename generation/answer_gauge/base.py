"""The first layers of the bundled chat model, read from its GGUF file."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.inference.llama import LlamaShape

# llama.cpp's names of a layer's weights, and transformers'.
_NAMES = MappingProxyType(
    {
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
)


def base_weights(file: Path, shape: LlamaShape) -> dict[str, NDArray[np.float32]]:
    """Embeddings and the layers of `shape`, by transformers' names, each matrix (out, in).

    Raises:
        OSError, ValueError: the file cannot be read, or is not in the GGUF format.
    """
    import gguf

    found = {}
    for tensor in gguf.GGUFReader(file).tensors:
        name = _name(tensor.name, shape.layers)
        if name is not None:
            read: Any = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            found[name] = _rotating(name, np.asarray(read, np.float32), shape)
    return found


def _name(name: str, layers: int) -> str | None:
    if name == "token_embd.weight":
        return "embed_tokens.weight"
    block, _, rest = name.removeprefix("blk.").partition(".")
    own = _NAMES.get(rest.removesuffix(".weight"))
    if own is None or not block.isdigit() or int(block) >= layers:
        return None
    return f"layers.{block}.{own}.weight"


def _rotating(name: str, matrix: NDArray[np.float32], shape: LlamaShape) -> NDArray[np.float32]:
    """Queries' and keys' rows with the halves of each head one after the other.

    llama.cpp turns neighbours, transformers the first half of a head against the second.
    """
    heads = {"q_proj": shape.heads, "k_proj": shape.key_heads}.get(name.split(".")[-2])
    if heads is None:
        return matrix
    pairs = matrix.reshape(heads, -1, 2, matrix.shape[1])
    return pairs.swapaxes(1, 2).reshape(matrix.shape)
