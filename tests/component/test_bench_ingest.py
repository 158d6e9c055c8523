"""`assay bench ingest`: where the time of an ingestion goes."""

import json

import pytest
from click.testing import CliRunner

from app.cli.bench_ingestion import ingest
from app.cli.terminal import Terminal


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.txt").write_text(f"{name}\n\n" + "The rent is due on the first. " * 60)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(folder, *options):
    done = CliRunner().invoke(ingest, [str(folder), *options], obj=Terminal())
    assert done.exception is None, done.output
    return done.stdout


def test_the_stages_add_up_and_nothing_is_kept(folder, home):
    found = json.loads(run(folder, "--json").splitlines()[-1])
    assert (found["files"], found["indexed"], found["rejected"], found["failed"]) == (3, 2, 1, 0)
    assert sum(found["stages"].values()) == pytest.approx(found["seconds"], rel=0.01)
    assert all(seconds >= 0 for seconds in found["stages"].values())
    assert found["embedded"] + found["repeated"] == found["passages"] > 4
    assert found["repeated"] > 0
    rate = found["passages"] / found["seconds"]
    assert found["passages_per_second"] == pytest.approx(rate)
    assert not home.exists()


def test_people_are_told_each_share(folder):
    lines = run(folder).splitlines()
    assert lines[0].endswith("MB: 2 indexed, 1 rejected, 0 failed")
    shares = [line.split()[-1] for line in lines if line.startswith("  ")]
    assert len(shares) == 6
    assert sum(float(share.rstrip("%")) for share in shares) == pytest.approx(100, abs=0.5)
    assert any(line.startswith("once more, unchanged") for line in lines)
