"""`assay models`, the settings it writes, and what it says of memory: over small real models."""

import dataclasses
import json
import os
import stat

import pytest
from click.testing import CliRunner

from app.cli.models import models as models_command
from app.cli.terminal import Terminal
from app.engines import EngineChoice, RemoteModel, load_chosen
from app.errors import BadSetting, CommandFailed
from app.models.choosing import Wanted, changes_for, choice_with, require_fit, wanted_of
from app.models.fitting import MARGIN_BYTES, fit_of
from app.models.inventory import prepared_models, remove
from app.models.listing import listed, not_used
from app.models.self_test import NAMES, self_test
from app.models.sizes import parameters_of, size_of
from app.preparing import Preparation
from app.settings import read_settings
from app.settings_file import changed_toml, read_kept, write_kept
from generation.decoding import Decoding
from generation.engines.loading import display_name, load_engine, resolved_runtime
from generation.engines.openvino.memory import available_memory
from generation.engines.preparing import OverallProgress
from generation.engines.weights import weights_sha256
from generation.errors import EngineMissing
from generation.groundedness.types import Judgement, ResponseJudgement, SentenceJudgement
from generation.types import Verdict
from tests.models import chat_model


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("ASSAY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    # No test sees the caches of whoever runs it.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "no cache"))


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    return chat_model(tmp_path_factory.mktemp("small") / "tiny-llama", "llama")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, llama):
    """A models folder in which the small model is converted."""
    folder = tmp_path_factory.mktemp("prepared") / "models"
    engine = load_engine(str(llama), models=folder, runtime="openvino", cache_mb=64)
    engine.close()
    return folder


def assay_models(*arguments, given=""):
    done = CliRunner().invoke(models_command, arguments, obj=Terminal(), input=given)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


class Agreeing:
    """A verifier that finds everything supported."""

    version = "agreeing"

    def verify(self, claims):
        judged = SentenceJudgement(0, 1, Judgement(Verdict.SUPPORTED, 1.0, ()))
        return [ResponseJudgement(1.0, False, False, (judged,)) for _ in claims]


# --- settings.toml ----------------------------------------------------------------------------


def test_the_file_says_what_the_environment_does_not(tmp_path, monkeypatch):
    home = tmp_path / "home"
    write_kept(home, {"port": 9000, "model": "somebody/a-model"})
    assert (read_settings().port, read_settings().model) == (9000, "somebody/a-model")
    monkeypatch.setenv("ASSAY_PORT", "9001")
    monkeypatch.setenv("ASSAY_MODEL", "")
    assert (read_settings().port, read_settings().model) == (9001, "somebody/a-model")


def test_what_else_is_in_the_file_stays_and_only_its_owner_reads_it(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("# ours\nport = 9000  # not 8000\n\n[decoding]\ntemperature = 0.5\n")
    write_kept(tmp_path, {"model": 'a "quoted" \\ model', "engines": ["local"]})
    assert file.read_text() == (
        '# ours\nport = 9000  # not 8000\nmodel = "a \\"quoted\\" \\\\ model"\n'
        'engines = ["local"]\n\n[decoding]\ntemperature = 0.5\n'
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    write_kept(tmp_path, {"model": None, "port": 1})
    assert read_kept(tmp_path).values == {
        "port": 1,
        "engines": ["local"],
        "decoding": {"temperature": 0.5},
    }


def test_a_file_that_cannot_be_changed_by_line_is_left_alone(tmp_path):
    file = tmp_path / "settings.toml"
    text = 'engines = [\n  "local",\n]\n'
    file.write_text(text)
    with pytest.raises(CommandFailed, match="set engines in it by hand"):
        write_kept(tmp_path, {"engines": ["remote"]})
    assert file.read_text() == text
    assert changed_toml("", {"a": None}) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("modell = 'x'", "modell in .*there is no such setting.*model"),
        ("home = '/elsewhere'", "home in .*there is no such setting"),
        ("port = 70000", "port in settings.toml: .*it is 70000"),
        ("port = ", "it cannot be read"),
        ("engines = ['remote']", "ASSAY_REMOTE_URL"),
        ("engines = []", "ASSAY_ENGINES"),
        ("engines = ['local', 'local']", "each once"),
        ("decoding = {temprature = 1}", "unknown are temprature; known are max_tokens"),
        ("decoding = {temperature = 3}", "temperature is 3.0; it must be in"),
        ("cache_mb = 1", "cache_mb"),
        ("remote_seconds = inf", "remote_seconds"),
        ("runtime = 'cuda'", "runtime"),
        ("precision = 'int3'", "precision"),
        ("answers_at_once = 0", "answers_at_once"),
    ],
)
def test_an_impossible_file_is_refused_by_name(tmp_path, text, reason):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "settings.toml").write_text(text)
    with pytest.raises(BadSetting, match=reason):
        read_settings()


def test_a_secret_that_others_may_read_is_refused_and_never_said(tmp_path):
    home = tmp_path / "home"
    file = write_kept(home, {"remote_key": "s3cret", "remote_url": "http://127.0.0.1:9/v1"})
    settings = read_settings()
    assert settings.remote_key.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings) + repr(settings.engine_choice)
    file.chmod(0o640)
    with pytest.raises(BadSetting, match="chmod 600") as refused:
        read_settings()
    assert "s3cret" not in str(refused.value)
    file.chmod(0o600)
    file.write_text("remote_key = 77")
    with pytest.raises(BadSetting, match="remote_key") as refused:
        read_settings()
    assert "77" not in str(refused.value)


def test_decoding_comes_as_a_table_or_as_json(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text("[decoding]\ntemperature = 0.5\nstop = ['###']\n")
    assert read_settings().decoding == Decoding(temperature=0.5, stop=("###",))
    monkeypatch.setenv("ASSAY_DECODING", '{"num_beams": 4}')
    assert read_settings().decoding == Decoding(num_beams=4)
    monkeypatch.setenv("ASSAY_DECODING", '{"num_beams": 4, "temperature": 1}')
    with pytest.raises(BadSetting, match=r"ASSAY_DECODING.*beam search"):
        read_settings()


def test_the_server_is_asked_first_unless_the_order_says_otherwise(monkeypatch):
    assert read_settings().engine_choice.order == ("local",)
    monkeypatch.setenv("ASSAY_REMOTE_URL", "http://127.0.0.1:9/v1")
    choice = read_settings().engine_choice
    assert (choice.order, choice.name) == (("remote", "local"), "127.0.0.1:9")
    monkeypatch.setenv("ASSAY_ENGINES", '["local", "remote"]')
    assert read_settings().engine_choice.name == "SmolLM2-135M-Instruct"


# --- Loading ----------------------------------------------------------------------------------


def test_auto_is_openvino_here_and_torch_for_what_has_an_encoder(tmp_path, llama, monkeypatch):
    monkeypatch.setattr("generation.engines.loading.has_cuda", lambda: False)
    t5 = chat_model(tmp_path / "tiny-t5", "t5")
    assert resolved_runtime("auto", llama) == "openvino"
    assert resolved_runtime("auto", t5) == "torch"
    assert resolved_runtime("openvino", t5) == "openvino"
    monkeypatch.setattr("generation.engines.loading.has_cuda", lambda: True)
    assert resolved_runtime("auto", llama) == "torch"


def test_what_openvino_cannot_run_runs_with_torch_and_the_log_says_so(tmp_path, caplog):
    # Its layers see only the last tokens.
    gemma = chat_model(tmp_path / "tiny-gemma", "gemma2")
    engine = load_engine(str(gemma), models=tmp_path / "models", cache_mb=64)
    assert engine.info.runtime == "torch"
    assert "tiny-gemma runs with torch, which is slower" in caplog.text


def test_an_engine_says_what_it_is(llama, prepared):
    told = []
    choice = EngineChoice(("local",), str(llama), prepared, "openvino", cache_mb=64)
    engine = load_chosen(choice, lambda *progress: told.append(progress))
    info = engine.info
    engine.close()
    assert (info.name, info.runtime, info.precision, info.device) == (
        "tiny-llama", "openvino", "int8", "CPU",
    )  # fmt: skip
    assert info.weights == weights_sha256(llama, prepared)
    assert told == []  # it was prepared before


def test_the_progress_of_a_preparation_only_grows_and_ends_whole():
    told = []
    overall = OverallProgress(lambda stage, share: told.append((stage, share)))
    overall("fetching x/y", 0.5)
    overall("looking for the converted model", 0.0)
    for stage in ("loading the model", "tracing the model", "comparing with torch"):
        overall(stage, 0.0)
    overall("waiting for another process that prepares the model", 0.0)
    overall("rounding the weights", 1.0)
    overall("comparing with torch", 1.0)
    shares = [share for _, share in told[1:]]
    assert told[0] == ("fetching x/y", 0.5)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_the_log_says_how_far_a_preparation_is_and_how_long_it_takes():
    lines, now = [], [0.0]
    preparation = Preparation(lines.append, lambda: now[0])
    assert preparation.text is None
    with preparation as told:
        told("tracing the model", 0.0)
        now[0] = 10.0
        told("tracing the model", 0.05)  # neither a tenth nor a quarter of a minute further
        told("rounding the weights", 0.4)
        assert preparation.text == (
            "the model is being prepared for this machine, 40%; this is done once"
        )
    assert preparation.text is None
    assert lines == [
        "preparing the model for this machine, once: tracing the model",
        "preparing the model: rounding the weights, 40%, about 15 s left",
    ]


def test_the_hash_of_weights_is_that_of_sha256sum(tmp_path):
    one = tmp_path / "one"
    one.mkdir()
    (one / "model.safetensors").write_bytes(b"abc")
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert weights_sha256(one, tmp_path) == weights_sha256(one / "model.safetensors", tmp_path)
    assert weights_sha256(one, tmp_path) == abc
    (one / "more.safetensors").write_bytes(b"")
    assert weights_sha256(one, tmp_path) != abc
    with pytest.raises(EngineMissing, match="no safetensors"):
        weights_sha256(tmp_path, tmp_path)


def test_a_missing_model_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no model")
    for model, reason in (
        ("/nowhere/model.gguf", "no such file or folder"),
        ("/nowhere/model", "no such file or folder"),
        (str(tmp_path), r"no config\.json"),
        (str(tmp_path / "notes.txt"), "not in the GGUF format"),
    ):
        with pytest.raises(EngineMissing, match=f"{model}.*{reason}"):
            load_engine(model, models=tmp_path)
    assert display_name("/a/secret/tiny.gguf") == "tiny"


# --- What fits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runtime", "precision", "weights"),
    [
        ("openvino", "int4", 700),
        ("openvino", "int8", 1100),
        ("openvino", "float32", 4000),
        ("torch", "int8", 4000),
    ],
)
def test_what_a_model_takes_is_its_weights_the_cache_and_a_margin(runtime, precision, weights):
    fit = fit_of(1000, runtime=runtime, precision=precision, cache_mb=1, available=10)
    assert fit.needed == weights + (1 << 20) + MARGIN_BYTES
    assert fit.fits is False
    enough = dataclasses.replace(fit, available=fit.needed)
    assert enough.fits is True
    assert dataclasses.replace(fit, available=None).fits is None
    assert fit_of(
        None, runtime=runtime, precision=precision, cache_mb=1, available=10
    ).fits is None  # fmt: skip


def memory(root, available_kb, groups=None, cgroup="0::/"):
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable: {available_kb} kB\n")
    (root / "proc/self/cgroup").write_text(cgroup + "\n")
    for group, (limit, used, cached) in (groups or {}).items():
        folder = root / "sys/fs/cgroup" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")
    return available_memory(root)


def test_available_is_what_the_machine_or_the_narrowest_group_leaves(tmp_path):
    assert memory(tmp_path / "a", 100) == 100 * 1024
    assert memory(tmp_path / "b", 100, {"": ("5000", 3000, 500)}) == 2500
    assert memory(tmp_path / "c", 100, {"": ("max", 3000, 500)}) == 100 * 1024
    inner = {"": ("9000", 1000, 0), "x/y": ("4000", 3900, 0)}
    assert memory(tmp_path / "d", 100, inner, "0::/x/y") == 100
    assert memory(tmp_path / "e", 100, {"": ("5000", 6000, 0)}) == 0
    assert available_memory(tmp_path / "nowhere") is None


def test_the_first_version_of_groups_counts_too(tmp_path):
    folder = tmp_path / "sys/fs/cgroup/memory"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("7000")
    (folder / "memory.usage_in_bytes").write_text("1000")
    (folder / "memory.stat").write_text("inactive_file 1\n")
    assert memory(tmp_path, 100, cgroup="4:memory:/") == 6001


def test_parameters_are_read_from_the_files_alone(tmp_path, llama):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(llama)
    # Weights that two layers share lie in the file once, and are counted once by torch, too.
    assert parameters_of(llama) == sum(one.numel() for one in model.parameters())
    assert parameters_of(tmp_path) is None
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 20)
    assert parameters_of(tmp_path) is None
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    assert parameters_of(tmp_path / "bad.gguf") is None
    assert size_of(tmp_path) == 24


# --- Choosing ---------------------------------------------------------------------------------

HERE = EngineChoice(("local",), "a", None)
THERE = RemoteModel("http://x/v1", "m", "key", 30.0)


def test_what_is_typed_is_a_server_a_file_or_a_name(tmp_path):
    assert wanted_of("https://host/v1") == Wanted(url="https://host/v1")
    assert wanted_of(str(tmp_path / ".." / tmp_path.name)) == Wanted(model=str(tmp_path))
    assert wanted_of("org/model") == Wanted(model="org/model")


def test_a_new_model_is_asked_first_and_the_others_stay():
    both = dataclasses.replace(HERE, order=("remote", "local"), remote=THERE)
    assert changes_for(HERE, Wanted(model="b")) == {"engines": ["local"], "model": "b"}
    assert changes_for(both, Wanted(model="b", precision="int4")) == {
        "engines": ["local", "remote"],
        "model": "b",
        "precision": "int4",
    }
    assert changes_for(HERE, Wanted(url="http://y/v1")) == {
        "engines": ["remote", "local"],
        "remote_url": "http://y/v1",
        "remote_model": None,
        "remote_key": None,
    }


def test_a_key_goes_to_no_other_server():
    both = dataclasses.replace(HERE, order=("remote", "local"), remote=THERE)
    assert "remote_key" not in changes_for(both, Wanted(url="http://x/v1", at_server="n"))
    assert changes_for(both, Wanted(url="http://y/v1"))["remote_key"] is None
    assert choice_with(both, Wanted(url="http://y/v1")).remote.key is None


def test_what_does_not_fit_is_refused_with_both_numbers(llama, prepared, monkeypatch):
    from app.models.choosing import local_of

    monkeypatch.setattr("app.models.choosing.available_memory", lambda: 1_000_000)
    local = local_of(EngineChoice(("local",), str(llama), prepared, "openvino"))
    with pytest.raises(CommandFailed, match=r"needs about 1,7\d\d MB, 1 MB are available.*int4"):
        require_fit(local)


# --- The commands -----------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, prepared, llama, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(prepared)
    monkeypatch.setenv("ASSAY_RUNTIME", "openvino")
    monkeypatch.setenv("ASSAY_CACHE_MB", "64")
    return home


def test_use_tries_writes_and_list_shows(home, llama):
    code, out = assay_models("use", str(llama), "--json")
    done = json.loads(out.splitlines()[-1])
    assert (code, done["model"], done["overridden_by"]) == (0, "tiny-llama", [])
    assert read_settings().model == str(llama)
    code, out = assay_models("list", "--json")
    shown = json.loads(out)
    [engine] = shown["engines"]
    assert (engine["kind"], engine["model"], engine["state"]) == ("local", "tiny-llama", "ready")
    assert (engine["runtime"], engine["precision"], engine["problem"]) == ("openvino", "int8", None)
    assert engine["parameters"] == parameters_of(llama)
    [folder] = shown["prepared"]
    assert (folder["precision"], folder["in_use"]) == ("int8", True)
    assert shown["cached"] == []
    code, out = assay_models("list")
    assert "1. local: tiny-llama" in out
    assert "   ready" in out


def test_use_writes_nothing_when_it_cannot_be_loaded(home):
    with pytest.raises(EngineMissing):
        assay_models("use", "/nowhere/model")
    with pytest.raises(Exception, match=r"127\.0\.0\.1:9"):
        assay_models("use", "http://127.0.0.1:9/v1")
    assert assay_models("use", "org/model", "--name", "x")[0] == 2
    assert not (home / "settings.toml").exists()


def test_use_says_when_the_environment_wins(home, llama, monkeypatch):
    monkeypatch.setenv("ASSAY_MODEL", "SmolLM2-135M-Instruct")
    _code, out = assay_models("use", str(llama), "--json")
    assert json.loads(out.splitlines()[-1])["overridden_by"] == ["ASSAY_MODEL"]


def test_prune_removes_what_no_configured_model_is_loaded_from(tmp_path, home, prepared, llama):
    (home / "models").unlink()
    models = home / "models"
    models.mkdir()
    [kept] = prepared_models(prepared)
    (models / kept.folder.name).symlink_to(kept.folder)
    old = models / "other-openvino-int4-0000"
    old.mkdir()
    (old / "openvino_model.xml").write_text("<net/>")
    (old / "source.json").write_text('{"precision": "int4", "weights_sha256": "00"}')
    write_kept(home, {"model": str(llama)})
    with pytest.raises(CommandFailed, match="1 folders, 0 MB, stay; add --yes"):
        assay_models("prune", "--json")
    assert old.exists()
    code, _out = assay_models("prune", given="y\n")
    assert (code, old.exists()) == (0, False)
    assert (models / kept.folder.name).exists()
    assert assay_models("prune")[1] == "nothing to do\n"


def test_of_two_conversions_of_the_same_weights_the_newest_is_used(tmp_path, llama):
    models = tmp_path / "models"
    weights = weights_sha256(llama, models)
    for name, made_at in (("first", 1000), ("second", 2000)):
        folder = models / name
        folder.mkdir(parents=True)
        (folder / "openvino_model.xml").write_text("<net/>")
        note = {"precision": "int8", "weights_sha256": weights}
        (folder / "source.json").write_text(json.dumps(note))
        os.utime(folder, (made_at, made_at))
    choice = EngineChoice(("local",), str(llama), models, "openvino")
    idle = not_used([choice], prepared_models(models))
    assert [one.folder.name for one in idle] == ["first"]
    [shown] = listed(choice, prepared_models(models))
    assert shown.state == "ready"
    remove(idle[0])
    assert [one.folder.name for one in prepared_models(models)] == ["second"]
    assert prepared_models(tmp_path / "nowhere") == []


def test_what_was_unpacked_from_a_gguf_file_and_converted_is_in_use(tmp_path):
    file, models = tmp_path / "one.gguf", tmp_path / "models"
    file.write_bytes(b"GGUF")
    weights = weights_sha256(file, models)
    unpacked = models / f"one-{weights[:16]}"
    for folder in (unpacked, models / f"{unpacked.name}-openvino-int8-00"):
        folder.mkdir()
        note = {"precision": "int8", "weights_sha256": weights}
        (folder / "source.json").write_text(json.dumps(note))
    (unpacked / "model.safetensors").write_bytes(b"other bytes than the GGUF file's")
    (folder / "openvino_model.xml").write_text("<net/>")
    choice = EngineChoice(("local",), str(file), models, "openvino")
    assert not_used([choice], prepared_models(models)) == []
    [shown] = listed(choice, prepared_models(models))
    assert shown.state == "ready"


def test_the_self_test_tries_everything(llama, prepared):
    engine = load_engine(str(llama), models=prepared, runtime="openvino", cache_mb=64)
    checks = {check.name: check for check in self_test(engine, Agreeing)}
    engine.close()
    assert tuple(checks) == NAMES
    for name in ("window", "greedy", "sampling", "cancel", "beam search", "reuse", "evidence"):
        assert checks[name].passed, checks[name]


def test_the_self_test_finds_an_engine_that_does_not_keep_its_word(llama, prepared):
    class Forgetful:
        """Ignores stop strings, cancellation and seeds."""

        def __init__(self, engine):
            self.info, self.context_tokens = engine.info, engine.context_tokens
            self.count_tokens, self._engine, self._asked = engine.count_tokens, engine, 0

        def stream(self, messages, decoding, *, is_cancelled):
            self._asked += 1
            decoding = dataclasses.replace(
                decoding, stop=(), seed=None if decoding.seed is None else self._asked
            )
            yield from self._engine.stream(messages, decoding, is_cancelled=lambda: False)

    engine = load_engine(str(llama), models=prepared, runtime="openvino", cache_mb=64)
    checks = {check.name: check for check in self_test(Forgetful(engine), Agreeing)}
    engine.close()
    assert [name for name, check in checks.items() if check.passed is False] == [
        "sampling", "stop", "cancel",
    ]  # fmt: skip


def test_the_test_command_says_each_check_and_exits_accordingly(home, llama):
    code, out = assay_models("test", str(llama), "--json")
    done = json.loads(out.splitlines()[-1])
    [tested] = done["models"]
    assert tested["model"] == "tiny-llama"
    assert [check["name"] for check in tested["checks"]] == ["load", *NAMES]
    # It writes nonsense, which no evidence supports.
    failed = [check["name"] for check in tested["checks"] if check["passed"] is False]
    assert "evidence" in failed
    assert (code, done["passed"]) == (1, False)


def test_a_conversation_with_a_server_that_is_not_there_is_refused_by_name(monkeypatch):
    choice = EngineChoice(("remote",), "x", None, remote=RemoteModel("http://a b/v1", "m", None, 1))
    with pytest.raises(BadSetting, match="ASSAY_REMOTE_URL"):
        load_chosen(choice, lambda *_: None)
    nowhere = RemoteModel("http://127.0.0.1:9/v1", "m", None, 1.0)
    [shown] = listed(EngineChoice(("remote",), "x", None, remote=nowhere), [])
    assert (shown.name, shown.state) == ("m", "not reachable")
    assert shown.problem is not None
