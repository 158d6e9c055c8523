"""`assay bench generate`: prompts and answers of exact lengths, measured in turn."""

import itertools
import json
import os

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from app.cli.bench import bench
from app.cli.terminal import Terminal
from app.errors import CommandFailed
from evals.errors import LlamaCppMissing
from evals.speed.measuring import Sample, engine_system, measure, prompt_of, ratios
from generation.types import EngineInfo, Piece, Usage
from tests.models import chat_model

TEXT = "The lease of the workshop ends in March. Rent is due on the first.\n"


def words(messages):
    """Tokens of an imagined model: five for the template, and one a word."""
    return 5 + sum(len(message.content.split()) for message in messages)


@given(st.integers(15, 400), st.integers(0, 99))
def test_a_prompt_has_exactly_so_many_tokens_and_its_own_beginning(tokens, salt):
    made = prompt_of(TEXT, tokens, words, salt=salt)
    assert words(made) == tokens
    assert made[0].content.startswith(f"{salt}. ")


def test_an_uneven_tokenizer_is_filled_up():
    def letters(messages):  # three letters a token, so that most words take several
        return sum(-(-len(message.content) // 3) for message in messages)

    assert letters(prompt_of(TEXT, 300, letters, salt=1)) == 300


def test_what_cannot_be_made_is_refused():
    with pytest.raises(ValueError, match=r"no prompt of exactly 3 tokens.*has 15"):
        prompt_of(TEXT, 3, words, salt=0)
    with pytest.raises(ValueError, match="there is no text"):
        prompt_of(" \n", 30, words, salt=0)


def sample(first, decode, tokens=5):
    return Sample(first, decode, 350, 0, tokens)


def test_a_rate_counts_the_tokens_after_the_first():
    assert sample(1.0, 2.0).tokens_per_second == 2.0
    assert sample(1.0, 2.0, tokens=1).tokens_per_second is None


def test_ratios_are_of_the_same_run_and_above_one_is_faster():
    found = ratios([sample(1, 2), sample(2, 4)], [sample(2, 4), sample(1, 4)])
    # first token: 2/1 and 1/2; decode: 2 to 1 tokens a second, and 1 to 1
    assert (found["first_token"].median, found["first_token"].least) == (1.25, 0.5)
    assert (found["decode"].median, found["decode"].most) == (1.5, 2.0)
    assert ratios([], [])["decode"].median is None


def test_systems_take_turns_and_the_first_run_does_not_count():
    asked = []

    def system(name, seconds):
        def answer(prompt, tokens):
            asked.append((name, prompt[0].content.partition(".")[0]))
            return sample(next(seconds), 1.0, tokens)

        return answer

    # In each run: the new prompt, and the same again.
    clock = itertools.count(1)
    other = itertools.repeat(1.0)
    found = measure(
        {"a": system("a", clock), "b": system("b", other)},
        words,
        TEXT,
        prompt_tokens=30,
        new_tokens=3,
        runs=2,
    )
    assert [name for name, _ in asked[::2]] == ["b", "a", "a", "b", "b", "a"]
    assert [salt for _, salt in asked[::4]] == ["0", "1", "2"]
    speed, cold = found["a"]
    assert [one.first_token_seconds for one in cold] == [3, 5]
    assert (speed.first_token_ms.median, speed.first_token_ms.n) == (4000, 2)
    assert speed.first_token_cached_ms.least == 4000
    assert (speed.decode_tokens_per_second.median, speed.new_tokens) == (2.0, 3)


class Brief:
    """Ends of itself, before it has written what it should."""

    info = EngineInfo("brief", "torch")

    def stream(self, messages, decoding, *, is_cancelled):
        yield Piece("Over.")
        yield Piece("", Usage(9, 1), "stop")


def test_an_engine_that_stops_early_is_not_measured():
    with pytest.raises(ValueError, match="wrote 1 tokens instead of 8"):
        engine_system(Brief())(prompt_of(TEXT, 20, words, salt=0), 8)


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("ASSAY_"):
            monkeypatch.delenv(name)
    folder = chat_model(tmp_path / "tiny-llama", "llama")
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASSAY_MODEL", str(folder))
    monkeypatch.setenv("ASSAY_CACHE_MB", "64")
    return tmp_path / "home"


def measured(*arguments):
    given = ("generate", "--prompt-tokens", "90", "--new-tokens", "7", "--runs", "2", *arguments)
    done = CliRunner().invoke(bench, given, obj=Terminal())
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_a_model_is_measured_with_exact_lengths(home, runtime, monkeypatch):
    monkeypatch.setenv("ASSAY_RUNTIME", runtime)
    found = json.loads(measured("--json"))
    assert (found["engine"], found["runtime"], found["runs"]) == ("tiny-llama", runtime, 2)
    assert (found["prompt_tokens"], found["new_tokens"]) == (90, 7)
    assert len(found["weights_sha256"]) == 64
    first, rate = found["first_token_ms"], found["decode_tokens_per_second"]
    assert 0 < first["min"] <= first["median"] <= first["max"]
    assert (first["n"], rate["n"]) == (2, 4)
    assert found["cached_tokens"] > 0
    assert (found["speculation"] is not None) == (runtime == "openvino")
    assert (found["llama.cpp"], found["ratios"]) == (None, {})
    if runtime == "openvino":
        assert found["speculation"]["new_tokens"] == 7
        assert found["threads"] >= 1


def test_people_read_it_too(home, monkeypatch):
    monkeypatch.setenv("ASSAY_RUNTIME", "torch")
    shown = measured()
    assert "tiny-llama: torch" in shown
    assert "plain: 90 prompt tokens, 7 new tokens, 2 runs" in shown
    assert "decode_tokens_per_second" in shown


def test_a_comparison_needs_llama_cpp_and_a_file_of_its_kind(home, monkeypatch):
    monkeypatch.setenv("ASSAY_RUNTIME", "torch")
    with pytest.raises(CommandFailed, match=r"llama\.cpp loads GGUF files and tiny-llama is none"):
        measured("--compare", "llama.cpp")
    monkeypatch.setattr("app.models.benchmark._gguf_of", lambda choice: home / "x.gguf")
    monkeypatch.setattr("importlib.util.find_spec", _without("xllamacpp"))
    with pytest.raises(LlamaCppMissing, match="make dev"):
        measured("--compare", "llama.cpp")


def _without(package):
    import importlib.util

    found = importlib.util.find_spec
    return lambda name, *rest: None if name == package else found(name, *rest)
