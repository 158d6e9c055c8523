"""Another encoder is brought in beside the one there is, and can be gone back from."""

import json
from dataclasses import dataclass

import pytest
from click.testing import CliRunner

import retrieval.encoder_loading
from app.bootstrap import Assay
from app.cli.encoder import encoder as encoder_command
from app.cli.terminal import Terminal
from app.encoders import embed_missing, known_encoders
from app.settings import read_settings
from ingestion.pipeline import Ingester
from retrieval.errors import EncoderChanged, TextTooLong
from retrieval.types import Mode
from tests.component.library import texts
from tests.fakes import PlainReader, WordEncoder


@dataclass
class Breaking(WordEncoder):
    """Breaks off after some texts, as a process that is killed does."""

    after: int = 2

    def encode(self, given, **options):
        if self.encoded >= self.after:
            raise MemoryError
        return super().encode(given, **options)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with documents read by `old`; `new` and `narrow` can be loaded too."""
    made = {
        "old": WordEncoder("old:1", dimension=64),
        "new": WordEncoder("new:1", dimension=32),
        "narrow": WordEncoder("narrow:1", limit_tokens=3),
    }
    monkeypatch.setattr(retrieval.encoder_loading, "load_encoder", lambda model: made[model])
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "settings.toml").write_text('encoder = "old"\n')
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.txt").write_text(f"The lease {number} ends in May. The rent is due.")
    assay = Assay(read_settings())
    ingester = Ingester(assay.store, lambda: assay.encoder, PlainReader())
    ingester.ingest([folder], collection=assay.store.ensure_collection("docs"))
    assay.vectors.save()
    assay.close()
    return made


def run(*arguments: str, code: int = 0) -> dict:
    result = CliRunner().invoke(encoder_command, [*arguments, "--json"], obj=Terminal())
    if code:
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def found(mode: Mode = Mode.DENSE) -> list[str]:
    assay = Assay(read_settings())
    try:
        everything = assay.access.everything()
        return texts(assay.searcher.search("lease 3", readable=everything, k=1, mode=mode))
    finally:
        assay.close()


def test_there_and_back_without_embedding_twice(home):
    assert "lease 3" in found()[0]
    used = run("use", "new")
    assert (used["encoder"], used["embedded"]) == ("new:1", 5)
    assert read_settings().encoder == "new"
    assert "lease 3" in found()[0]
    listed = run("list")
    assert listed["configured"] == "new"
    assert [(e["fingerprint"], e["vectors"], e["passages"]) for e in listed["encoders"]] == [
        ("new:1", 5, 5),
        ("old:1", 5, 5),
    ]
    assert run("use", "old")["embedded"] == 0
    assert "lease 3" in found()[0]


def test_one_that_cannot_read_the_passages_changes_nothing(home):
    with pytest.raises(TextTooLong):
        run("use", "narrow", code=1)
    assert read_settings().encoder == "old"
    assert "lease 3" in found()[0]


def test_stopped_half_way_the_old_one_answers_and_the_rest_is_made_later(home, monkeypatch):
    monkeypatch.setattr("app.encoders._PASSAGES_AT_ONCE", 2)
    home["new"] = Breaking("new:1", dimension=32)
    with pytest.raises(MemoryError):
        run("use", "new", code=1)
    assert read_settings().encoder == "old"
    assert "lease 3" in found()[0]
    home["new"] = WordEncoder("new:1", dimension=32)
    assert run("use", "new")["embedded"] == 3
    assert "lease 3" in found()[0]


def test_vectors_are_never_mixed(home):
    """A passage the configured encoder has not read stops the search, whoever else has read it."""
    assay = Assay(read_settings())
    other = Assay(read_settings().model_copy(update={"encoder": "new"}))
    with pytest.raises(EncoderChanged):
        other.vectors.current()
    told = []
    assert embed_missing(assay, home["new"], on_progress=lambda *seen: told.append(seen)) == 5
    assert told == [(5, 5)]
    assert all(one.is_complete for one in known_encoders(assay))
    assert len(other.vectors.current()) == len(assay.vectors.current()) == 5
    assert other.vectors.current().dimension == 32
    assay.close()
    other.close()


def test_only_one_that_is_not_asked_can_be_forgotten(home):
    run("use", "new")
    for name, reason in (("new:1", "is the one that is searched with"), ("x", "no encoder 'x'")):
        with pytest.raises(Exception, match=reason):
            run("forget", name, code=1)
    assert run("forget", "old:1") == {"removed": 5}
    assert [one["fingerprint"] for one in run("list")["encoders"]] == ["new:1"]
    assert run("use", "old")["embedded"] == 5


def test_a_variable_that_would_win_is_named(home, monkeypatch):
    monkeypatch.setenv("ASSAY_ENCODER", "old")
    with pytest.raises(Exception, match="ASSAY_ENCODER is set in the environment"):
        run("use", "new", code=1)
