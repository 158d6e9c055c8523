"""Encoders of the BERT kind with OpenVINO: the vectors of sentence-transformers, without it."""

import json
import logging

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    MPNetConfig,
    MPNetModel,
    RobertaConfig,
    RobertaModel,
)

from retrieval.encoder_loading import bundled_encoder_folder, load_encoder
from retrieval.errors import ModelMissing, TextTooLong
from retrieval.openvino_encoder import OpenVinoEncoder
from retrieval.torch_encoder import SentenceTransformerEncoder, load_sentence_transformer

TEXTS = [
    "The lease ends in March.",
    "",
    "  Der Vertrag ENDET im März. \n\t😀 naïve café",
    "東京 の 家賃 — Ярл 12 m² [SEP] [MASK] <s> 'x'\u00a0\u200by",
    "rent " * 40,
]
_SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 66,
}
# Kinds of model, with what is not as usual in each.
KINDS = {
    "bert": (BertModel, BertConfig(**_SMALL, vocab_size=30522)),
    "relu": (BertModel, BertConfig(**_SMALL, vocab_size=30522, hidden_act="relu")),
    "tanh": (BertModel, BertConfig(**_SMALL, vocab_size=30522, hidden_act="gelu_new")),
    "roberta": (RobertaModel, RobertaConfig(**_SMALL, vocab_size=30522, pad_token_id=0)),
    "mpnet": (MPNetModel, MPNetConfig(**_SMALL, vocab_size=30522)),
    "swish": (BertModel, BertConfig(**_SMALL, vocab_size=30522, hidden_act="silu")),
}


@pytest.fixture
def folder_of(tmp_path):
    """Makes a sentence-transformers folder around random weights and the bundled tokenizer."""

    def make(kind, pooling="mean", modules=("Transformer", "Pooling", "Normalize"), **files):
        folder = tmp_path / f"{kind}-{pooling}"
        architecture, config = KINDS[kind]
        torch.manual_seed(3)
        network = architecture(config, add_pooling_layer=False)
        for weights in network.parameters():
            torch.nn.init.normal_(weights, std=0.3)
        network.save_pretrained(folder)
        AutoTokenizer.from_pretrained(bundled_encoder_folder()).save_pretrained(folder)
        paths = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
        listed = [
            {
                "idx": i,
                "name": str(i),
                "path": paths[name],
                "type": f"sentence_transformers.models.{name}",
            }
            for i, name in enumerate(modules)
        ]
        (folder / "modules.json").write_text(json.dumps(listed))
        (folder / "1_Pooling").mkdir()
        named = {
            "word_embedding_dimension": 32,
            "pooling_mode_mean_tokens": pooling == "mean",
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_max_tokens": pooling == "max",
        }
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(named))
        (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 50}')
        for name, fields in files.items():
            path = folder / f"{name}.json"
            old = json.loads(path.read_text()) if path.exists() else {}
            path.write_text(json.dumps(old | fields))
        return folder

    return make


def expected_of(folder, texts):
    """In float32, each text alone: nothing of ours is in between."""
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return np.stack([model.encode(text, normalize_embeddings=True) for text in texts])


def nearness(found, expected):
    return (found * expected).sum(axis=1)


def test_the_bundled_encoder_has_the_vectors_of_sentence_transformers():
    encoder = load_encoder()
    assert isinstance(encoder, OpenVinoEncoder)
    found = encoder.encode(TEXTS)
    # In bfloat16 where the processor has it, else in float32.
    assert nearness(found, expected_of(bundled_encoder_folder(), TEXTS)).min() > 0.9995


def test_the_bundled_tokens_are_those_of_transformers():
    folder = bundled_encoder_folder()
    reference = AutoTokenizer.from_pretrained(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for text in [*TEXTS, "x" * 300, "a\u0301\u0300 ﬁ Ⅷ \ufeff"]:
        assert tokenizer.encode(text).ids == reference(text, truncation=False)["input_ids"]


def test_both_ways_are_the_same_encoder():
    one, other = load_encoder(), load_sentence_transformer("x", bundled_encoder_folder(), "y")
    assert (one.limit_tokens, one.dimension) == (other.limit_tokens, other.dimension) == (254, 384)
    assert one.count_tokens(TEXTS) == other.count_tokens(TEXTS)
    assert nearness(one.encode(TEXTS), other.encode(TEXTS)).min() > 0.9995


@pytest.mark.parametrize("kind", ["bert", "relu", "tanh", "roberta"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_other_models_of_the_kind_too(folder_of, kind, pooling):
    folder = folder_of(kind, pooling)
    encoder = load_encoder(str(folder))
    assert isinstance(encoder, OpenVinoEncoder)
    texts = TEXTS[:4]
    assert nearness(encoder.encode(texts), expected_of(folder, texts)).min() > 0.999
    assert encoder.limit_tokens == 48
    with pytest.raises(TextTooLong):
        encoder.encode(["rent " * 49])


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("mpnet", {}, "of the kind 'mpnet'"),
        ("swish", {}, "its activation is 'silu'"),
        ("bert", {"pooling": "max"}, "its pooling is pooling_mode_max_tokens"),
        ("bert", {"tokenizer_config": {"do_lower_case": False}}, "differ in do_lower_case"),
        (
            "bert",
            {"config_sentence_transformers": {"prompts": {"q": "q: "}, "default_prompt_name": "q"}},
            "puts a prompt before every text",
        ),
    ],
)
def test_what_is_not_understood_runs_with_torch_and_the_log_says_so(
    folder_of, caplog, kind, options, reason
):
    folder = folder_of(kind, **options)
    with caplog.at_level(logging.WARNING):
        encoder = load_encoder(str(folder))
    assert isinstance(encoder, SentenceTransformerEncoder)
    assert reason in caplog.text
    assert encoder.encode(["The lease ends."]).shape == (1, 32)


def test_weights_that_are_missing_are_not_made_up(folder_of, caplog):
    folder = folder_of("bert")
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with caplog.at_level(logging.WARNING):
        assert not isinstance(load_encoder(str(folder)), OpenVinoEncoder)
    assert "it has no weights 'encoder.layer.1.output.dense.weight'" in caplog.text


def test_a_folder_that_is_no_model_is_said_to_be_none_and_nothing_else(tmp_path, caplog):
    with pytest.raises(ModelMissing, match="ASSAY_ENCODER"):
        load_encoder(str(tmp_path))
    assert not caplog.records
