"""The answer gauge: what it is put together from, that it is made once, and what it says."""

import json
import shutil

import gguf
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from app.models.inventory import prepared_models
from generation.answer_gauge.base import base_weights
from generation.answer_gauge.graph import changed, gauge_graph
from generation.answer_gauge.model import FILES, GAUGE_PREFIX, WEIGHTS, load_gauge
from generation.engines.loading import bundled_model_file
from generation.errors import ModelUnusable
from retrieval.inference.bert import NotUnderstood
from retrieval.inference.core import openvino_core
from retrieval.inference.llama import LlamaShape, llama_shape
from retrieval.inference.padding import padded
from tests.models import chat_model
from training.answer_gauge.network import SCALE, GaugeNetwork

LEASE = (
    "The lease began on 1 March 2019. The annual fee is 1,860 pounds, due in two instalments. "
    "Repairs to the roof are the landlord's."
)
HARBOUR = "The harbour office is open from nine to five. The crane may lift twelve tonnes."


@pytest.fixture(scope="module")
def base():
    found = bundled_model_file()
    if found is None:
        pytest.skip("the bundled chat model is not installed")
    return found


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def gauge(base, models):
    return load_gauge(base, models)


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("What is the annual fee?", LEASE, HARBOUR),
        ("Who pays for repairs to the roof?", LEASE, HARBOUR),
        ("How much may the crane lift?", HARBOUR, LEASE),
        ("When is the harbour office open?", HARBOUR, LEASE),
    ],
)
def test_a_text_that_answers_is_told_from_one_that_does_not(gauge, question, right, wrong):
    held, missing = gauge.gauge(question, [right, wrong])
    assert held > missing + 1


@pytest.mark.parametrize(
    "kind", ["Maintenance", "Security", "Rental", "Service", "Insurance", "Supply"]
)
def test_the_first_word_of_a_text_is_read(gauge, kind):
    clause = "Either party may end the contract by giving 90 days’ written notice."
    asked = f"How much notice is needed to end the {kind.lower()} contract?"
    own, other = gauge.gauge(
        asked, [f"{kind} Contract\n\n{clause}", f"Parking Contract\n\n{clause}"]
    )
    assert own > other + 2


@pytest.mark.parametrize("text", ["", "  \n "])
def test_a_text_without_a_word_answers_nothing(gauge, text):
    empty, full = gauge.gauge("What is the annual fee?", [text, LEASE])
    assert empty < full
    assert gauge.gauge("Why?", []) == []


def test_what_no_tokenizer_takes_is_read_all_the_same(gauge):
    [found] = gauge.gauge("Why \ud800?", ["It rains \ud800."])
    assert np.isfinite(found)


def test_an_answer_far_into_a_long_text_counts(gauge):
    text = " ".join([HARBOUR] * 40)
    without, with_it = gauge.gauge("What is the annual fee?", [text, f"{text} {LEASE}"])
    assert with_it > without + 1


def test_texts_are_gauged_alike_alone_and_together(gauge):
    question = "What is the annual fee?"
    together = gauge.gauge(question, [HARBOUR, LEASE, LEASE + HARBOUR * 9])
    alone = [gauge.gauge(question, [text])[0] for text in (HARBOUR, LEASE, LEASE + HARBOUR * 9)]
    assert together == pytest.approx(alone, abs=0.3)


def test_it_is_made_once_and_what_was_made_before_goes(base, models, gauge):
    [folder] = models.glob(f"{GAUGE_PREFIX}*")
    made = (folder / "openvino_model.bin").stat().st_mtime_ns
    assert load_gauge(base, models).version == gauge.version
    assert (folder / "openvino_model.bin").stat().st_mtime_ns == made
    former = folder.rename(models / f"{GAUGE_PREFIX}former")
    load_gauge(base, models)
    assert folder.is_dir()
    assert not former.exists()


def test_it_is_no_chat_model_that_could_be_deleted_as_unused(models, gauge):
    assert list(models.glob(f"{GAUGE_PREFIX}*/source.json"))
    assert prepared_models(models) == []


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused(base, tmp_path, name):
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    (folder / name).write_bytes(b"x" + (folder / name).read_bytes()[1:])
    with pytest.raises(ModelUnusable, match=name):
        load_gauge(base, tmp_path / "models", folder)


def test_another_chat_model_is_refused(tmp_path):
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF but another")
    with pytest.raises(NotUnderstood, match="SHA-256"):
        load_gauge(other, tmp_path / "models")


def test_the_graph_computes_what_was_trained(tmp_path):
    folder = chat_model(tmp_path / "llama", "llama")
    network = GaugeNetwork(folder, layers=2, first_changed=1, rank=3).float().eval()
    torch.manual_seed(2)
    for name, parameter in network.named_parameters():
        if name.endswith(".b"):
            torch.nn.init.normal_(parameter, std=0.2)
    description = json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": 2}
    own = load_file(folder / "model.safetensors")
    base = {name.removeprefix("model."): value for name, value in own.items()}
    learned = {name: value.numpy() for name, value in network.learned().items()}
    graph = gauge_graph(changed(base, learned, SCALE), llama_shape(description))
    rng = np.random.default_rng(5)
    rows = [rng.integers(0, 300, length).tolist() for length in (9, 16, 30)]
    types = [[0] * (len(row) - 5) + [1] * 5 for row in rows]
    batch = padded(rows, types)
    run = openvino_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = run([batch.tokens, batch.types, batch.mask, batch.positions])[0][:, 0]
    for row, marks, said in zip(rows, types, found, strict=True):
        length = len(row)
        with torch.no_grad():
            [wanted], _ = network(
                torch.tensor([row]),
                torch.arange(length)[None],
                torch.ones(1, 1, length, length, dtype=torch.bool).tril(),
                torch.tensor([marks]).bool(),
                torch.tensor([0]),
            )
        assert said == pytest.approx(float(wanted), abs=0.1)


def test_a_file_of_llama_cpp_holds_the_weights_of_transformers(tmp_path):
    shape = LlamaShape(layers=1, heads=2, key_heads=1, head_width=4, epsilon=1e-5, theta=10_000.0)
    rng = np.random.default_rng(6)
    whole = {
        "self_attn.q_proj": ("attn_q", rng.normal(size=(8, 6)), 2),
        "self_attn.k_proj": ("attn_k", rng.normal(size=(4, 6)), 1),
        "self_attn.v_proj": ("attn_v", rng.normal(size=(4, 6)), None),
        "mlp.down_proj": ("ffn_down", rng.normal(size=(6, 9)), None),
        "input_layernorm": ("attn_norm", rng.normal(size=6), None),
    }
    file = tmp_path / "small.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_tensor("token_embd.weight", rng.normal(size=(5, 6)).astype(np.float32))
    writer.add_tensor("output_norm.weight", np.ones(6, np.float32))
    for block in range(2):
        for name, matrix, heads in whole.values():
            # As llama.cpp's converter stores them: the halves of each head interleaved.
            kept = matrix
            if heads:
                halves = matrix.reshape(heads, 2, -1, matrix.shape[1])
                kept = halves.swapaxes(1, 2).reshape(matrix.shape)
            writer.add_tensor(f"blk.{block}.{name}.weight", kept.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = base_weights(file, shape)
    assert set(found) == {"embed_tokens.weight", *(f"layers.0.{name}.weight" for name in whole)}
    for name, (_, matrix, _) in whole.items():
        assert np.allclose(found[f"layers.0.{name}.weight"], matrix, atol=1e-6)
