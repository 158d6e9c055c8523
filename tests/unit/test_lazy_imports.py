"""Pure modules and `--help` load no model, index, database or web library."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "faiss",
    "sqlalchemy",
    "fastapi",
    "alembic",
    "ragas",
}


def loaded_by(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `code`."""
    tail = (
        "\nimport sys, json; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + tail], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_pure_modules_load_nothing_heavy():
    loaded = loaded_by(
        "import retrieval.fusion, retrieval.types, retrieval.sentences, retrieval.errors\n"
        "import ingestion.chunking, ingestion.changes\n"
        "import generation.prompt, generation.citations\n"
        "import evals.metrics.retrieval, evals.metrics.estimate, evals.groundedness\n"
        "import evals.scoring, evals.summary, evals.comparing.comparison, evals.gating.gates\n"
        "import app.cli"
    )
    assert loaded & HEAVY == set()
    assert "retrieval" in loaded  # the question was put to the right interpreter


@pytest.mark.parametrize(
    "command",
    [
        *("", "ingest", "search", "user add", "status", "verify", "bench groundedness"),
        *("eval", "eval run", "eval gate", "eval schedule add"),
    ],
)
def test_help_loads_nothing_heavy(command):
    loaded = loaded_by(
        "import sys\n"
        f"sys.argv = ['assay', *{command.split()!r}, '--help']\n"
        "from app.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert done.code in (0, None), done.code"
    )
    assert loaded & HEAVY == set()
    assert "click" in loaded


def test_this_test_can_fail():
    assert "sqlalchemy" in loaded_by("import retrieval.schema") & HEAVY
