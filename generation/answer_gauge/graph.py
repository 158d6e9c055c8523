"""The gauge's network as an OpenVINO graph: layers of the chat model with what was learned, and a
head."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from generation.engines.openvino.weights import round_weights
from retrieval.inference.bert import BertInputs, Weights, layer_norm, linear, mean_and_most
from retrieval.inference.llama import LlamaShape, llama_states

# torch's own, with which the head was trained.
_EPSILON = 1e-5


def changed(base: Weights, learned: Weights, scale: float) -> dict[str, Any]:
    """The base's weights plus `scale` times the learned products, and the weights of the head.

    Args:
        base: by transformers' names, such as "layers.6.mlp.up_proj.weight" (out, in).
        learned: of those that change "layers.6.mlp.up_proj.a" (rank, in) and "….b" (out, rank).
    """
    whole = dict(base)
    for name, value in learned.items():
        stem, _, kind = name.rpartition(".")
        if kind == "b":
            low, high, own = (
                one.astype(np.float32)
                for one in (learned[f"{stem}.a"], value, base[f"{stem}.weight"])
            )
            whole[f"{stem}.weight"] = own + np.float32(scale) * (high @ low)
        elif kind != "a":
            whole[name] = value
    return whole


def gauge_graph(weights: Mapping[str, Any], shape: LlamaShape) -> Any:  # noqa: ANN401
    """An openvino.Model over `BertInputs`, whose output (batch, 1) is the logit that the text
    answers the question; its matrices have 8 bits.

    Raises:
        NotUnderstood: a weight is missing.
    """
    import openvino
    from openvino import opset13

    inputs = BertInputs()
    states = llama_states(weights, shape, inputs.tokens, inputs.positions)
    judged = mean_and_most(layer_norm(states, weights, "norm", _EPSILON), inputs)
    mixed = opset13.tanh(linear(opset13.concat(list(judged), axis=-1), weights, "mixed"))
    graph = openvino.Model([linear(mixed, weights, "holds")], inputs.parameters, "answer_gauge")
    round_weights(graph, "int8", lambda _share: None)
    return graph
