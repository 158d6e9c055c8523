"""Decoders of the Llama kind, written out as graphs, compute what transformers computes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from openvino import Model, opset13
from safetensors.numpy import load_file
from transformers import LlamaConfig, LlamaModel

from retrieval.inference.bert import NotUnderstood
from retrieval.inference.core import openvino_core
from retrieval.inference.llama import llama_shape, llama_states


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model with shared key heads and a head width of its own, saved."""
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=8,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0},
    )
    model = LlamaModel(config)
    for weights in model.parameters():
        torch.nn.init.normal_(weights, std=0.4)
    folder = tmp_path_factory.mktemp("llama")
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def read(folder):
    return json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")


def computed(weights, shape, tokens):
    inputs = [opset13.parameter([-1, -1], np.int64) for _ in range(2)]
    graph = Model([llama_states(weights, shape, *inputs)], inputs, "small")
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    positions = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    return openvino_core().compile_model(graph, "CPU", settings)([tokens, positions])[0]


@pytest.mark.parametrize("layers", [1, 2])
def test_states_are_those_of_transformers(folder, read, layers):
    config, weights = read
    tokens = np.random.default_rng(3).integers(0, 50, (2, 17))
    model = LlamaModel.from_pretrained(folder)
    with torch.no_grad():
        wanted = model(torch.tensor(tokens), output_hidden_states=True).hidden_states[layers]
    found = computed(weights, replace(llama_shape(config), layers=layers), tokens)
    assert np.allclose(found, wanted.numpy(), atol=1e-3, rtol=1e-3)


def test_what_comes_later_changes_nothing(read):
    config, weights = read
    shape = llama_shape(config)
    tokens = np.random.default_rng(4).integers(0, 50, (1, 9))
    other = tokens.copy()
    other[0, 6:] = 0
    first, second = computed(weights, shape, tokens), computed(weights, shape, other)
    assert np.allclose(first[0, :6], second[0, :6], atol=1e-5)
    assert not np.allclose(first[0, 6:], second[0, 6:], atol=1e-2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", "gemma3_text"),
        ("hidden_act", "gelu"),
        ("attention_bias", True),
        ("rope_parameters", {"rope_type": "yarn", "rope_theta": 500.0}),
    ],
)
def test_another_kind_is_refused_by_name(read, field, value):
    config, _ = read
    with pytest.raises(NotUnderstood):
        llama_shape(config | {field: value})


def test_a_missing_weight_is_named(read):
    config, weights = read
    some = {name: value for name, value in weights.items() if "v_proj" not in name}
    with pytest.raises(NotUnderstood, match=r"layers\.0\.self_attn\.v_proj\.weight"):
        computed(some, llama_shape(config), np.zeros((1, 2), np.int64))
