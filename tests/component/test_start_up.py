"""With prepared models nothing that takes seconds to import is imported."""

import json
import os
import subprocess
import sys

import pytest

from generation.engines.loading import load_engine
from tests.models import chat_model

SLOW = {"torch", "transformers", "sentence_transformers", "accelerate", "scipy", "sklearn"}
# What a folder in which nothing has changed has no use for.
ONLY_FOR_NEWS = {"numpy", "faiss", "openvino", "tokenizers", "jinja2", "lxml", "alembic", "evals"}
TAIL = """
import json, sys
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A home folder with a document and a small model that was converted before."""
    base = tmp_path_factory.mktemp("start")
    model = chat_model(base / "tiny", "llama")
    load_engine(str(model), models=base / "home" / "models", runtime="openvino").close()
    (base / "lease.txt").write_text("The lease ends on 31 March 2027. The rent is 1,250 euros.")
    settings = {"ASSAY_HOME": str(base / "home"), "ASSAY_MODEL": str(model)}
    known = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    found = loaded_by(known | settings, "ingest", str(base / "lease.txt"))
    assert found & SLOW == set()
    return known | settings


def loaded_by(environment, *arguments):
    """What a command had imported at its end."""
    code = (
        "import sys\n"
        f"sys.argv = ['assay', *{list(arguments)!r}]\n"
        "from app.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert done.code in (0, None), done.code"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + TAIL],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_asking_a_question_imports_neither_torch_nor_transformers(environment):
    loaded = loaded_by(environment, "ask", "When does the lease end?")
    assert loaded & SLOW == set()
    assert {"openvino", "tokenizers", "faiss"} <= loaded  # it did ask


def test_a_folder_that_has_not_changed_loads_no_model_and_no_index_and_starts_no_reader(
    environment, tmp_path
):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "rent.txt").write_text("The rent of the second flat is 900 euros.")
    code = f"""
import sys
started = []
sys.addaudithook(lambda event, _: started.append(event) if event == "subprocess.Popen" else None)
sys.argv = ["assay", "ingest", {str(folder)!r}]
from app.cli import main
try:
    main()
except SystemExit as done:
    assert done.code in (0, None), done.code
print(len(started))
"""

    def ingested():
        done = subprocess.run(
            [sys.executable, "-c", code + TAIL],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        *said, started, loaded = done.stdout.splitlines()
        return said[0], int(started), set(json.loads(loaded))

    said, started, loaded = ingested()
    assert (said, started) == ("1 added", 1)
    assert {"numpy", "openvino", "tokenizers"} <= loaded  # what is looked for can be seen
    said, started, loaded = ingested()
    assert (said, started) == ("1 unchanged", 0)
    assert loaded & (SLOW | ONLY_FOR_NEWS) == set()
    assert "sqlalchemy" in loaded


def test_a_server_that_is_ready_has_imported_neither(environment):
    code = (
        "from app.bootstrap import Assay\n"
        "from app.settings import read_settings\n"
        "assay = Assay(read_settings())\n"
        "assay.warm_up()\n"
        "assert assay.readiness().ready, assay.readiness()\n"
        "assay.services()\n"
        "import app.api.application\n"
        "assay.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + TAIL],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout.splitlines()[-1])) & SLOW == set()


def test_this_test_can_fail():
    done = subprocess.run(
        [sys.executable, "-c", "import torch" + TAIL], capture_output=True, text=True, check=True
    )
    assert "torch" in json.loads(done.stdout.splitlines()[-1])
