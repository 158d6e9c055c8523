"""From a transformers folder to an OpenVINO one, over small models of random weights."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from generation.engines.conversion import made_once, require_round_trips
from generation.engines.openvino.checking import (
    EXACT,
    TOLERANCES,
    Reference,
    require_agreement,
)
from generation.engines.openvino.memory import parameters, require_memory
from generation.engines.openvino.model import MODEL_FILE, converted_model
from generation.engines.weights import SOURCE_FILE, file_sha256, weights_sha256
from generation.errors import EngineMissing, NotConvertible
from retrieval.inference.core import openvino_core
from retrieval.inference.quiet import keep_openvino_quiet
from tests.models import chat_model

keep_openvino_quiet()

ROOT = Path(__file__).parents[2]
CONVERTED = ("llama", "smollm3", "qwen2", "qwen3", "phi3", "gpt2")
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "vocab_size": 400,
}
Folder = Callable[..., Path]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """`folder_of(kind)`: a model of a family; the same folder for the same kind."""
    return cache(lambda kind: chat_model(tmp_path_factory.mktemp("models") / kind, kind))


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory, folder_of: Folder) -> Folder:
    """`converted(kind, precision)`, made once."""
    models = tmp_path_factory.mktemp("converted")
    return cache(
        lambda kind, precision: converted_model(folder_of(kind), models, precision=precision)
    )


def family(folder: Path, kind: str, **changed: Any) -> Path:
    """A model of a family that is not among the shared ones, or is set otherwise."""
    import transformers

    config = getattr(transformers, f"{kind}Config")(**SIZES | changed)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = AutoModelForCausalLM.from_config(config)
        for weights in model.parameters():
            if weights.ndim >= 2:
                torch.nn.init.normal_(weights, std=0.35)
    model.save_pretrained(folder)
    base = chat_model(folder.with_name(f"{folder.name}-tokenizer"), "llama")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((base / name).read_bytes())
    return folder


def difference(folder: Path) -> float:
    return float(json.loads((folder / SOURCE_FILE).read_text())["difference"])


@pytest.mark.parametrize("kind", CONVERTED)
def test_a_family_is_converted_to_what_torch_computes(converted, kind):
    folder = converted(kind, "float32")
    names = {path.name for path in folder.iterdir()}
    assert {MODEL_FILE, "openvino_model.bin", "config.json", "tokenizer.json", SOURCE_FILE} <= names
    assert not any(name.endswith(".safetensors") for name in names)
    assert difference(folder) <= TOLERANCES["float32"]


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("Llama", {"tie_word_embeddings": True}),
        ("Llama", {"attention_bias": True, "mlp_bias": True, "head_dim": 24}),
        ("Llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}}),
        (
            "Llama",
            {
                "rope_parameters": {
                    "rope_type": "llama3",
                    "rope_theta": 5e5,
                    "factor": 8.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 64,
                }
            },
        ),
        (
            "Qwen2",
            {
                "rope_parameters": {
                    "rope_type": "yarn",
                    "rope_theta": 1e6,
                    "factor": 4.0,
                    "original_max_position_embeddings": 64,
                }
            },
        ),
        ("Gemma", {"head_dim": 16}),
        ("Olmo2", {}),
        ("Granite", {"logits_scaling": 4.0, "attention_multiplier": 0.1}),
    ],
)
def test_a_variant_is_converted_to_what_torch_computes(tmp_path, kind, changed):
    folder = family(tmp_path / "model", kind, **changed)
    found = converted_model(folder, tmp_path / "models", precision="float32")
    assert difference(found) <= TOLERANCES["float32"]


def test_the_cache_follows_beams(converted, folder_of):
    """Two rows are read, then swapped: each goes on from what the other had read."""
    graph = openvino_core().compile_model(
        str(converted("qwen2", "float32") / MODEL_FILE), "CPU", EXACT
    )
    request = graph.create_infer_request()
    rows = numpy.array([[5, 6, 7, 8], [9, 10, 11, 12]], dtype=numpy.int64)
    last = numpy.array([[13], [14]], dtype=numpy.int64)
    _read(request, rows, past=0, beams=[0, 1])
    found = _read(request, last, past=4, beams=[1, 0])
    model = AutoModelForCausalLM.from_pretrained(folder_of("qwen2"), dtype=torch.float32)
    whole = numpy.concatenate([rows[::-1], last], axis=1)
    with torch.inference_mode():
        expected = model(input_ids=torch.from_numpy(whole.copy())).logits[:, -1].numpy()
    assert numpy.allclose(found[:, -1], expected, atol=1e-4 * expected.std())


def _read(request: Any, tokens: Any, *, past: int, beams: list[int]) -> Any:
    end = past + tokens.shape[1]
    positions = numpy.arange(past, end, dtype=numpy.int64)[None].repeat(len(tokens), 0)
    given = {
        "input_ids": tokens,
        "attention_mask": numpy.ones((len(tokens), end), dtype=numpy.int64),
        "position_ids": positions,
        "beam_idx": numpy.array(beams, dtype=numpy.int32),
    }
    return request.infer(given)["logits"].copy()


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_fewer_bits_take_less_space_and_differ_more(tmp_path, kind):
    # Wide enough for groups of columns in four bits.
    if kind == "llama":
        folder = family(tmp_path / "model", "Llama", hidden_size=96, intermediate_size=192)
    else:
        folder = family(tmp_path / "model", "GPT2", n_embd=96, n_head=4, n_layer=2)
    made = [
        converted_model(folder, tmp_path / "models", precision=precision)
        for precision in ("float32", "float16", "int8", "int4")
    ]
    sizes = [(each / "openvino_model.bin").stat().st_size for each in made]
    assert sizes == sorted(sizes, reverse=True)
    # Four bits and what their groups need: less than 5/8 of eight; embeddings keep eight.
    assert sizes[3] < sizes[2] < sizes[1] * 0.6 < sizes[0] * 0.35
    found = [difference(each) for each in made]
    assert found == sorted(found)
    assert 0 < found[2] < TOLERANCES["int8"]
    assert found[3] < TOLERANCES["int4"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("mistral", "only the last 32 tokens"),
        ("gemma3_text", "only the last 32 tokens"),
        ("gemma2", "softcap|last 32 tokens"),
        ("lfm2", "LinearAttentionLayer"),
        ("t5", "an encoder and a decoder"),
        ("bart", "an encoder and a decoder"),
    ],
)
def test_what_openvino_would_compute_otherwise_is_refused(tmp_path, folder_of, kind, reason):
    with pytest.raises(NotConvertible, match=reason):
        converted_model(folder_of(kind), tmp_path, precision="float32")
    assert not [path for path in tmp_path.iterdir() if path.is_dir() and path.name != ".hashes"]


def test_positions_by_distance_are_refused(tmp_path):
    """BLOOM adds to each score how far a token is away."""
    folder = family(tmp_path / "model", "Bloom", n_layer=2, n_head=4)
    with pytest.raises(NotConvertible):
        converted_model(folder, tmp_path / "models", precision="float32")


def test_a_refusal_is_remembered(tmp_path, folder_of):
    told: list[str] = []
    for _ in range(2):
        with pytest.raises(NotConvertible, match="last 32 tokens"):
            converted_model(
                folder_of("mistral"),
                tmp_path,
                precision="int8",
                on_progress=lambda stage, _share: told.append(stage),
            )
    assert told == ["loading the model"]


def test_a_wide_enough_window_is_kept_to(tmp_path):
    folder = family(
        tmp_path / "model", "Mistral", sliding_window=2048, max_position_embeddings=4096
    )
    found = converted_model(folder, tmp_path / "models", precision="float32")
    assert json.loads((found / "config.json").read_text())["max_position_embeddings"] == 2048
    assert json.loads((folder / "config.json").read_text())["max_position_embeddings"] == 4096


@pytest.mark.parametrize(("original", "is_refused"), [(128, True), (2048, False)])
def test_angles_that_change_with_the_length_are_kept_to_the_shorter(tmp_path, original, is_refused):
    angles = {
        "rope_type": "longrope",
        "rope_theta": 1e4,
        "factor": 2.0,
        "short_factor": [1.0] * 8,
        "long_factor": [2.0] * 8,
        "original_max_position_embeddings": original,
    }
    folder = family(
        tmp_path / "model",
        "Phi3",
        max_position_embeddings=4096,
        original_max_position_embeddings=original,
        rope_parameters=angles,
        pad_token_id=1,
    )
    if is_refused:
        with pytest.raises(NotConvertible, match="change at 128 tokens"):
            converted_model(folder, tmp_path / "models", precision="float32")
        return
    found = converted_model(folder, tmp_path / "models", precision="float32")
    assert json.loads((found / "config.json").read_text())["max_position_embeddings"] == 2048


def test_a_graph_that_computes_something_else_is_refused(converted):
    path = converted("llama", "float32") / MODEL_FILE
    tokens = numpy.arange(5, 25, dtype=numpy.int64)
    other = numpy.random.default_rng(1).normal(size=(20, 400)).astype(numpy.float32)
    with pytest.raises(NotConvertible, match=r"reading 20 tokens at once .* limit is 1\.0"):
        require_agreement(path, [Reference(tokens, other)], TOLERANCES["int4"])


def test_it_is_made_once_and_again_when_the_model_changes(tmp_path):
    folder = chat_model(tmp_path / "model", "llama")
    told: list[str] = []

    def convert() -> Path:
        told.clear()
        return converted_model(
            folder,
            tmp_path / "models",
            precision="float32",
            on_progress=lambda stage, _share: told.append(stage),
        )

    first = convert()
    assert told[0] == "loading the model"
    assert told[-1] == "comparing with torch"
    assert convert() == first
    assert told == []
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"rms_norm_eps": 1e-3}))
    assert convert() != first
    assert told


def test_it_says_what_it_was_made_from(converted, folder_of, tmp_path):
    source = json.loads((converted("llama", "float32") / SOURCE_FILE).read_text())
    assert source["weights_sha256"] == file_sha256(
        folder_of("llama") / "model.safetensors", tmp_path
    )
    assert source["precision"] == "float32"
    # Of several files it is that of the list of theirs, as sha256sum prints it.
    several = tmp_path / "several"
    several.mkdir()
    for name in ("b", "a"):
        (several / f"{name}.safetensors").write_bytes(name.encode())
    listed = subprocess.run(
        "sha256sum *.safetensors | sha256sum",
        shell=True,
        cwd=several,
        capture_output=True,
        text=True,
        check=True,
    )
    assert weights_sha256(several, tmp_path) == listed.stdout.split()[0]


def test_a_file_is_read_anew_when_it_changes(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    first = file_sha256(path, tmp_path)
    assert file_sha256(path, tmp_path) == first
    path.write_bytes(b"two")
    assert file_sha256(path, tmp_path) != first
    # A note that was cut short is no reason to fail.
    for note in (tmp_path / ".hashes").iterdir():
        note.write_text("{")
    path.write_bytes(b"one")
    assert file_sha256(path, tmp_path) == first


def test_a_folder_without_weights_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineMissing, match=r"'empty'.* no safetensors"):
        converted_model(tmp_path / "empty", tmp_path, precision="int8")


def test_what_takes_more_memory_than_there_is_is_not_begun(tmp_path):
    header = json.dumps(
        {"w": {"shape": [1 << 30, 1 << 20], "dtype": "F32"}, "__metadata__": {"format": "pt"}}
    ).encode()
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    assert parameters([file, file]) == 1 << 51
    with pytest.raises(NotConvertible, match=r"takes 9007200\.3 GB of memory and .* are free"):
        require_memory([file])


MAKING = """
import sys, time
from pathlib import Path
from generation.engines.conversion import made_once

def make(partial):
    (partial / "begun").write_text("")
    print("making", flush=True)
    time.sleep(float(sys.argv[2]))
    (partial / "whole").write_text("")

print(made_once(Path(sys.argv[1]), make), flush=True)
"""


def _making(folder: Path, seconds: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", MAKING, str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_of_two_processes_one_makes_it_and_the_other_waits(tmp_path):
    folder = tmp_path / "models" / "one"
    both = [_making(folder, 0.5) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].split() for process in both]
    assert sorted(said, key=len) == [[str(folder)], ["making", str(folder)]]
    assert sorted(path.name for path in folder.iterdir()) == ["begun", "whole"]


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    folder = tmp_path / "models" / "one"
    process = _making(folder, 60)
    assert process.stdout is not None
    assert process.stdout.readline() == "making\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert not folder.exists()
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [".one.partial"]
    seen: list[list[Path]] = []
    made_once(folder, lambda partial: seen.append(list(partial.iterdir())))
    assert seen == [[]]
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == ["one"]


def test_what_fails_leaves_nothing(tmp_path):
    def fail(partial: Path) -> None:
        (partial / "begun").write_text("")
        raise NotConvertible("no")

    with pytest.raises(NotConvertible):
        made_once(tmp_path / "one", fail)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_tokenizer_that_loses_text_is_refused(folder_of):
    tokenizer = AutoTokenizer.from_pretrained(folder_of("llama"))
    require_round_trips(tokenizer, "model.gguf")
    # As a release of transformers made them: bytes are shown as their symbols.
    tokenizer.backend_tokenizer.decoder = None
    with pytest.raises(EngineMissing, match=r"model\.gguf.* reads its tokenizer wrongly"):
        require_round_trips(tokenizer, "model.gguf")


WATCHED = """
import os, sys
from pathlib import Path
home, folder, models, stand_in = sys.argv[1:]
# As if Intel's package were installed: it would be found here.
sys.path.insert(0, stand_in)
happened = []

def watch(event, args):
    if event.startswith("socket."):
        happened.append(event)
    if event == "open" and isinstance(args[0], str) and args[0].startswith(home):
        happened.append(f"open {args[0]} {args[1]}")
    if event in ("os.mkdir", "subprocess.Popen"):
        if str(args[0]).startswith(home) or event != "os.mkdir":
            happened.append(f"{event} {args[0]}")

sys.addaudithook(watch)
from generation.engines.openvino.model import converted_model
print(converted_model(Path(folder), Path(models), precision="int8"))
print("HAPPENED", happened)
print("FILES", sorted(os.listdir(home)))
"""


def test_converting_sends_nothing_and_leaves_nothing_at_home(tmp_path, folder_of):
    home, stand_in = tmp_path / "home", tmp_path / "site"
    home.mkdir()
    package = stand_in / "openvino_telemetry"
    (package / "backend").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('telemetry was imported')")
    environment = os.environ | {"HOME": str(home), "HF_HOME": str(tmp_path / "hub")}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(WATCHED),
            *(str(part) for part in (home, folder_of("llama"), tmp_path / "models", stand_in)),
        ],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "HAPPENED []" in done.stdout
    assert "FILES []" in done.stdout
