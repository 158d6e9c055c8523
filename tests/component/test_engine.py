"""The local engine over a small model of random weights, built here: no download, no quality."""

import itertools
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from generation.decoding import Decoding
from generation.engines.loading import TorchEngine, display_name, load_engine
from generation.errors import EngineMissing
from generation.types import Message, Piece

TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
ASKED = [Message("system", "Be brief."), Message("user", "When does the lease end?")]


def never() -> bool:
    return False


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers over bytes, which writes nonsense but always the same."""
    folder = tmp_path_factory.mktemp("tiny model")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<end>": 0, **{char: i + 1 for i, char in enumerate(alphabet)}}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", chat_template=TEMPLATE
    )
    fast.save_pretrained(folder)
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        eos_token_id=0,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def engine(folder: Path) -> TorchEngine:
    return load_engine(str(folder), models=folder)


def said(engine: TorchEngine, decoding: Decoding) -> tuple[str, Piece]:
    pieces = list(engine.stream(ASKED, decoding, is_cancelled=never))
    assert [piece.usage is not None for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    return "".join(piece.text for piece in pieces), pieces[-1]


def test_a_folder_is_a_model(engine: TorchEngine, folder: Path) -> None:
    assert engine.context_tokens == 512
    assert engine.info.name == folder.stem
    assert str(folder.parent) not in engine.info.name


def test_tokens_are_counted_with_the_models_own_template(engine: TorchEngine) -> None:
    expected = "system: Be brief.\nuser: When does the lease end?\nassistant: "
    assert engine.count_tokens(ASKED) == len(expected)  # one token a byte


def test_greedy_decoding_repeats_itself(engine: TorchEngine) -> None:
    first, end = said(engine, Decoding(max_tokens=24))
    again, _ = said(engine, Decoding(max_tokens=24))
    assert first == again
    assert end.usage is not None
    assert end.usage.prompt_tokens == engine.count_tokens(ASKED)
    assert 0 < end.usage.completion_tokens <= 24
    if end.usage.completion_tokens == 24:
        assert end.finish_reason == "length"


def test_a_seed_makes_sampling_repeat_and_leaves_the_rest_alone(engine: TorchEngine) -> None:
    drawn = Decoding(max_tokens=24, temperature=1.5, seed=7)
    torch.manual_seed(1)
    before = torch.rand(1)
    torch.manual_seed(1)
    first, _ = said(engine, drawn)
    assert torch.rand(1) == before  # the process's own generator was not moved
    assert said(engine, drawn)[0] == first
    others = {said(engine, Decoding(max_tokens=24, temperature=1.5, seed=s))[0] for s in range(4)}
    assert len(others) > 1


def test_a_stop_string_ends_the_text_before_itself(engine: TorchEngine) -> None:
    whole, _ = said(engine, Decoding(max_tokens=40))
    stop = whole[10:13]
    cut, end = said(engine, Decoding(max_tokens=40, stop=(stop,)))
    assert cut == whole[: whole.index(stop)]
    assert end.finish_reason == "stop"


def test_what_is_cancelled_ends_within_a_token(engine: TorchEngine) -> None:
    asked = itertools.count()
    pieces = list(
        engine.stream(ASKED, Decoding(max_tokens=200), is_cancelled=lambda: next(asked) >= 3)
    )
    assert pieces[-1].finish_reason == "cancelled"
    assert pieces[-1].usage is not None
    assert pieces[-1].usage.completion_tokens <= 5


def test_a_reader_who_leaves_frees_the_engine(engine: TorchEngine) -> None:
    stream = engine.stream(ASKED, Decoding(max_tokens=200), is_cancelled=never)
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    assert said(engine, Decoding(max_tokens=4))[1].usage is not None


@pytest.mark.parametrize(
    ("model", "reason"),
    [("/nowhere/model.gguf", "there is no such file"), ("/nowhere/model", "cannot be loaded")],
)
def test_a_missing_model_is_named(tmp_path: Path, model: str, reason: str) -> None:
    with pytest.raises(EngineMissing, match=reason):
        load_engine(model, models=tmp_path)


def test_a_damaged_gguf_file_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF" + b"\0" * 64)
    prepared = tmp_path / "models"
    with pytest.raises(EngineMissing):
        load_engine(str(damaged), models=prepared)
    assert list(prepared.iterdir()) == []


def test_where_a_model_lies_is_not_its_name(tmp_path: Path) -> None:
    assert display_name(str(tmp_path / "secret" / "tiny.gguf")) == "tiny"
    assert display_name(str(tmp_path)) == tmp_path.stem
    assert display_name("org/model") == "org/model"
