"""Decoders of the Llama kind as OpenVINO graphs, made straight from their weights.

As in `bert`: nothing is traced or converted, and tests compare with transformers' own. Only what
reads a text once is here; writing token by token is the chat engine's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrieval.inference.bert import NotUnderstood, Port, Weights

# Fields of a configuration that change what is computed, with the values that this here computes.
_UNDERSTOOD = {
    "model_type": ("llama",),
    "hidden_act": ("silu",),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
}


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """What a configuration says of a network; `theta` is the base of its rotary positions."""

    layers: int
    heads: int
    key_heads: int
    head_width: int
    epsilon: float
    theta: float


def llama_shape(config: Mapping[str, Any]) -> LlamaShape:
    """Read a model's configuration.

    Raises:
        NotUnderstood: it is of another kind, or a field asks for something else.
    """
    for name, values in _UNDERSTOOD.items():
        if config.get(name) not in values:
            raise NotUnderstood(f"its {name} is {config.get(name)!r}")
    rotary = config.get("rope_parameters") or {}
    if rotary.get("rope_type", "default") != "default":
        raise NotUnderstood(f"its rope_type is {rotary['rope_type']!r}")
    heads = int(config["num_attention_heads"])
    return LlamaShape(
        layers=int(config["num_hidden_layers"]),
        heads=heads,
        key_heads=int(config.get("num_key_value_heads", heads)),
        head_width=int(config.get("head_dim") or config["hidden_size"] // heads),
        epsilon=float(config["rms_norm_eps"]),
        theta=float(rotary.get("rope_theta") or config.get("rope_theta", 10_000.0)),
    )


def llama_states(weights: Weights, shape: LlamaShape, tokens: Port, positions: Port) -> Port:
    """The states after the last layer of `shape`, (batch, length, width), before any last norm.

    Args:
        weights: by transformers' names, from "embed_tokens.weight" on.
        tokens, positions: (batch, length) int64. Each token sees itself and those before it, so
            padding on the right changes nothing.

    Raises:
        NotUnderstood: a weight is missing.
    """
    from openvino import opset13

    maker = _Maker(weights, shape)
    states = opset13.gather(
        maker.constant("embed_tokens.weight"), tokens, opset13.constant(np.int64(0))
    )
    turned = maker.turned(positions)
    for layer in range(shape.layers):
        states = maker.layer(states, turned, f"layers.{layer}.")
    return states


class _Maker:
    """Makes the nodes of one network."""

    def __init__(self, weights: Weights, shape: LlamaShape) -> None:
        from openvino import opset13

        self._ops = opset13
        self._weights = weights
        self._shape = shape

    def constant(self, name: str) -> Port:
        if name not in self._weights:
            raise NotUnderstood(f"it has no weights {name!r}")
        return self._ops.constant(np.ascontiguousarray(self._weights[name], dtype=np.float32))

    def turned(self, positions: Port) -> tuple[Port, Port]:
        """Cosines and sines of rotary positions, each (batch, 1, length, head width)."""
        half = np.arange(0, self._shape.head_width, 2, dtype=np.float64) / self._shape.head_width
        speeds = (1.0 / self._shape.theta**half).astype(np.float32)
        at = self._ops.convert(
            self._ops.unsqueeze(positions, self._ops.constant(np.array([1, 3], np.int64))), "f32"
        )
        angles = self._ops.multiply(at, self._ops.constant(np.concatenate([speeds, speeds])))
        return self._ops.cos(angles), self._ops.sin(angles)

    def layer(self, states: Port, turned: tuple[Port, Port], at: str) -> Port:
        """Attention, then a gated product; what each gives is added to the states."""
        read = self._normalized(states, f"{at}input_layernorm.weight")
        query, key, value = (
            self._by_head(self._product(read, f"{at}self_attn.{name}_proj.weight"), heads)
            for name, heads in (
                ("q", self._shape.heads),
                ("k", self._shape.key_heads),
                ("v", self._shape.key_heads),
            )
        )
        attended = self._ops.scaled_dot_product_attention(
            self._rotated(query, turned),
            self._for_each_query(self._rotated(key, turned)),
            self._for_each_query(value),
            causal=True,
        )
        joined = self._ops.reshape(
            self._ops.transpose(attended, self._ops.constant(np.array([0, 2, 1, 3], np.int64))),
            self._ops.constant(np.array([0, 0, -1], np.int64)),
            special_zero=True,
        )
        states = self._ops.add(states, self._product(joined, f"{at}self_attn.o_proj.weight"))
        read = self._normalized(states, f"{at}post_attention_layernorm.weight")
        gate = self._ops.swish(self._product(read, f"{at}mlp.gate_proj.weight"))
        inner = self._ops.multiply(gate, self._product(read, f"{at}mlp.up_proj.weight"))
        return self._ops.add(states, self._product(inner, f"{at}mlp.down_proj.weight"))

    def _product(self, states: Port, name: str) -> Port:
        return self._ops.matmul(states, self.constant(name), transpose_a=False, transpose_b=True)

    def _normalized(self, states: Port, name: str) -> Port:
        """Divided by the root of its mean square."""
        last = self._ops.constant(np.array([-1], np.int64))
        square = self._ops.reduce_mean(self._ops.multiply(states, states), last, keep_dims=True)
        root = self._ops.sqrt(
            self._ops.add(square, self._ops.constant(np.float32(self._shape.epsilon)))
        )
        return self._ops.multiply(self._ops.divide(states, root), self.constant(name))

    def _by_head(self, states: Port, heads: int) -> Port:
        """(batch, length, width) to (batch, heads, length, head width)."""
        parts = self._ops.constant(np.array([0, 0, heads, -1], np.int64))
        split = self._ops.reshape(states, parts, special_zero=True)
        return self._ops.transpose(split, self._ops.constant(np.array([0, 2, 1, 3], np.int64)))

    def _rotated(self, states: Port, turned: tuple[Port, Port]) -> Port:
        first, second = self._ops.split(
            states, self._ops.constant(np.int64(-1)), num_splits=2
        ).outputs()
        crossed = self._ops.concat(
            [self._ops.multiply(second, self._ops.constant(np.float32(-1.0))), first], axis=-1
        )
        cosines, sines = turned
        return self._ops.add(
            self._ops.multiply(states, cosines), self._ops.multiply(crossed, sines)
        )

    def _for_each_query(self, states: Port) -> Port:
        """A head of keys or values for each head of queries that shares it."""
        shared = self._shape.heads // self._shape.key_heads
        rows = np.repeat(np.arange(self._shape.key_heads, dtype=np.int64), shared)
        return self._ops.gather(states, self._ops.constant(rows), self._ops.constant(np.int64(1)))
