"""Networks of the BERT kind as OpenVINO graphs, made straight from their weights.

The architecture is a dozen kinds of operation, so it is written out here instead of being traced
from torch: a graph is ready within a second, with neither torch nor transformers imported, and
nothing has to be converted or kept. Tests compare it with transformers' own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.inference.core import openvino_core

Weights: TypeAlias = Mapping[str, NDArray[Any]]
# An output of a graph's node, or a node with one.
Port: TypeAlias = Any

# transformers' names of activations, and OpenVINO's of the same function.
_GELU = {"gelu": "erf", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}
# Fields of a configuration that change what is computed, with the values that this here computes.
_UNDERSTOOD = {
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
}
INPUTS = ("input_ids", "token_type_ids", "attention_mask", "position_ids")


class NotUnderstood(Exception):
    """A model that cannot be run here; the message says what it has. Torch runs it instead."""


@dataclass(frozen=True, slots=True)
class BertShape:
    """What a configuration says of a network.

    `first_position`: of the first token; RoBERTa's positions begin behind that of its padding.
    """

    layers: int
    heads: int
    epsilon: float
    activation: str
    first_position: int


def bert_shape(config: Mapping[str, Any]) -> BertShape:
    """Read a model's configuration.

    Raises:
        NotUnderstood: it is of another kind, or a field asks for something else.
    """
    kind = config.get("model_type", "bert")
    if kind not in ("bert", "roberta", "xlm-roberta"):
        raise NotUnderstood(f"it is of the kind {kind!r}")
    for name, values in _UNDERSTOOD.items():
        if config.get(name) not in values:
            raise NotUnderstood(f"its {name} is {config.get(name)!r}")
    activation = str(config.get("hidden_act", "gelu"))
    if activation not in _GELU and activation != "relu":
        raise NotUnderstood(f"its activation is {activation!r}")
    return BertShape(
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        activation=activation,
        first_position=0 if kind == "bert" else int(config.get("pad_token_id", 1)) + 1,
    )


class BertInputs:
    """The inputs of a graph, each (batch, length), int64."""

    def __init__(self) -> None:
        from openvino import opset13

        self.parameters = [opset13.parameter([-1, -1], np.int64, name=name) for name in INPUTS]
        for name, parameter in zip(INPUTS, self.parameters, strict=True):
            parameter.get_output_tensor(0).set_names({name})
        self.tokens, self.types, self.mask, self.positions = self.parameters


def bert_states(weights: Weights, shape: BertShape, inputs: BertInputs, prefix: str = "") -> Port:
    """The last hidden states, (batch, length, width).

    Args:
        weights: by transformers' names.
        prefix: before each name, such as "encoder.".

    Raises:
        NotUnderstood: a weight is missing.
    """
    maker = _Maker(weights, shape, prefix)
    embedded = maker.embedded(inputs)
    seen = maker.seen(inputs.mask)
    for layer in range(shape.layers):
        embedded = maker.layer(embedded, seen, f"encoder.layer.{layer}.")
    return embedded


def linear(states: Port, weights: Weights, name: str) -> Port:
    """A layer that multiplies and adds: `name`.weight (out, in) and `name`.bias (out,)."""
    from openvino import opset13

    product = opset13.matmul(
        states, _constant(weights, f"{name}.weight"), transpose_a=False, transpose_b=True
    )
    return opset13.add(product, _constant(weights, f"{name}.bias"))


def layer_norm(states: Port, weights: Weights, name: str, epsilon: float) -> Port:
    """States of mean 0 and variance 1 over the width, times `name`.weight and plus `name`.bias."""
    from openvino import opset13

    last = opset13.constant(np.array([-1], np.int64))
    even = opset13.mvn(states, last, normalize_variance=True, eps=epsilon, eps_mode="inside_sqrt")
    scaled = opset13.multiply(even, _constant(weights, f"{name}.weight"))
    return opset13.add(scaled, _constant(weights, f"{name}.bias"))


def mean_and_most(states: Port, inputs: BertInputs) -> tuple[Port, Port]:
    """The mean of the states of type 1, and their maxima, each (batch, width)."""
    from openvino import opset13

    along = opset13.constant(np.array([1], np.int64))
    last = opset13.constant(np.array([2], np.int64))
    of_judged = opset13.convert(opset13.multiply(inputs.types, inputs.mask), "f32")
    judged = opset13.unsqueeze(of_judged, last)
    total = opset13.reduce_sum(opset13.multiply(states, judged), along, keep_dims=False)
    mean = opset13.divide(total, opset13.reduce_sum(judged, along, keep_dims=False))
    # In bfloat16, too, this is lower than any state, and finite.
    lowest = opset13.constant(np.float32(-1e30))
    is_judged = opset13.convert(judged, "boolean")
    most = opset13.reduce_max(opset13.select(is_judged, states, lowest), along, keep_dims=False)
    return mean, most


def mixed(states: Port, weights: Weights, inputs: BertInputs) -> Port:
    """The first token's state, the mean of those of type 1 and their maxima, through the layer
    `mixed` and tanh: (batch, width)."""
    from openvino import opset13

    first = opset13.gather(states, opset13.constant(np.int64(0)), opset13.constant(np.int64(1)))
    joined = opset13.concat([first, *mean_and_most(states, inputs)], axis=-1)
    return opset13.tanh(linear(joined, weights, "mixed"))


def compiled_graph(outputs: "list[Port]", inputs: BertInputs, name: str) -> Any:  # noqa: ANN401
    """A network of these outputs, compiled; see `compiled`."""
    import openvino

    return compiled(openvino.Model(outputs, inputs.parameters, name))


def compiled(graph: Any) -> Any:  # noqa: ANN401
    """Compile for this processor: in bfloat16 where it multiplies that itself, else in float32.

    Args:
        graph: an openvino.Model, or the path of one.
    """
    core = openvino_core()
    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if "BF16" in capabilities else "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }
    return core.compile_model(graph, "CPU", settings)


def _constant(weights: Weights, name: str) -> Port:
    from openvino import opset13

    if name not in weights:
        raise NotUnderstood(f"it has no weights {name!r}")
    return opset13.constant(np.ascontiguousarray(weights[name], dtype=np.float32))


class _Maker:
    """Makes the nodes of one network."""

    def __init__(self, weights: Weights, shape: BertShape, prefix: str) -> None:
        from openvino import opset13

        self._ops = opset13
        own = {name.removeprefix(prefix): value for name, value in weights.items()}
        self._weights = own if prefix else weights
        self._shape = shape

    def embedded(self, inputs: BertInputs) -> Port:
        """The sum of what stands for token, type and position."""
        first = self._ops.constant(np.int64(0))
        rows = [
            self._ops.gather(
                _constant(self._weights, f"embeddings.{name}_embeddings.weight"), ids, first
            )
            for name, ids in (
                ("word", inputs.tokens),
                ("token_type", inputs.types),
                ("position", inputs.positions),
            )
        ]
        total = self._ops.add(self._ops.add(rows[0], rows[1]), rows[2])
        return self._normalized(total, "embeddings.LayerNorm")

    def seen(self, mask: Port) -> Port:
        """Which tokens are seen by all others: (batch, 1, 1, length) boolean."""
        is_token = self._ops.convert(mask, "boolean")
        return self._ops.unsqueeze(is_token, self._ops.constant(np.array([1, 2], np.int64)))

    def layer(self, states: Port, seen: Port, at: str) -> Port:
        """One layer: attention, then two products with an activation between them."""
        query, key, value = (
            self._by_head(linear(states, self._weights, f"{at}attention.self.{name}"))
            for name in ("query", "key", "value")
        )
        attended = self._ops.scaled_dot_product_attention(query, key, value, seen, causal=False)
        joined = self._ops.reshape(
            self._ops.transpose(attended, self._ops.constant(np.array([0, 2, 1, 3], np.int64))),
            self._ops.constant(np.array([0, 0, -1], np.int64)),
            special_zero=True,
        )
        states = self._added(joined, states, f"{at}attention.output")
        inner = self._active(linear(states, self._weights, f"{at}intermediate.dense"))
        return self._added(inner, states, f"{at}output")

    def _by_head(self, states: Port) -> Port:
        """(batch, length, width) to (batch, heads, length, size)."""
        parts = self._ops.constant(np.array([0, 0, self._shape.heads, -1], np.int64))
        split = self._ops.reshape(states, parts, special_zero=True)
        return self._ops.transpose(split, self._ops.constant(np.array([0, 2, 1, 3], np.int64)))

    def _added(self, states: Port, before: Port, name: str) -> Port:
        product = linear(states, self._weights, f"{name}.dense")
        return self._normalized(self._ops.add(product, before), f"{name}.LayerNorm")

    def _normalized(self, states: Port, name: str) -> Port:
        return layer_norm(states, self._weights, name, self._shape.epsilon)

    def _active(self, states: Port) -> Port:
        if self._shape.activation == "relu":
            return self._ops.relu(states)
        return self._ops.gelu(states, _GELU[self._shape.activation])
