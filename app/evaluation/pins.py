"""What a run ran on, as JSON: enough to make it again, and to say why two runs differ.

Nothing in it tells where files lie on this machine, and no setting that could hold a secret.
"""

from importlib import metadata, resources
from pathlib import Path

from app.versions import ANSWERING, digest_of, sources
from evals.types import Json, SuiteVersion
from generation.decoding import Decoding
from generation.types import EngineInfo

# The code that makes and scores answers. An edited checkout has the commit of one that is not.
_CODE = (*ANSWERING, "evals.metrics")
_DIGITS = 16


def code_pins() -> dict[str, Json]:
    """Which code runs: the version, the commit of a checkout, and a hash of what answers."""
    scoring = Path(str(resources.files("evals"))) / "scoring.py"
    return {
        "assay": metadata.version("assay"),
        "commit": commit_of(Path(str(resources.files("app"))).parent),
        "code": digest_of([*(file for package in _CODE for file in sources(package)), scoring]),
    }


def suite_pins(version: SuiteVersion) -> dict[str, Json]:
    """Which cases are asked."""
    return {"name": version.suite, "version": version.number, "digest": version.digest}


def decoding_pins(decoding: Decoding) -> dict[str, Json]:
    """How tokens are chosen; the seed is the run's. Stop strings only if there are any."""
    stop: dict[str, Json] = {"stop": list[Json](decoding.stop)} if decoding.stop else {}
    return {
        **stop,
        "max_tokens": decoding.max_tokens,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "top_k": decoding.top_k,
        "min_p": decoding.min_p,
        "repetition_penalty": decoding.repetition_penalty,
        "presence_penalty": decoding.presence_penalty,
        "frequency_penalty": decoding.frequency_penalty,
        "num_beams": decoding.num_beams,
        "length_penalty": decoding.length_penalty,
    }


def engine_pins(engine: EngineInfo) -> dict[str, Json]:
    """A chat model: its name, a hash of its weights, and how it is run; a server tells only names.

    Of its device only the kind: the same model on another GPU of the machine is the same.
    """
    return {
        "name": engine.name,
        "weights": None if engine.weights is None else engine.weights[:_DIGITS],
        "runtime": engine.runtime,
        "precision": engine.precision,
        "device": None if engine.device is None else engine.device.partition(":")[0].lower(),
    }


def commit_of(folder: Path) -> str | None:
    """The commit that is checked out in a folder; None when it is no checkout, or cannot be read.

    Read from git's own files, as gitrepository-layout(5) has them.
    """
    try:
        git = _git_folder(folder / ".git")
        head = _text(git / "HEAD")
        if not head.startswith("ref: "):
            return head or None
        # A worktree keeps its head and shares its branches.
        shared = git / "commondir"
        common = git / _text(shared) if shared.exists() else git
        return _ref(common, head.removeprefix("ref: "))
    except (OSError, ValueError):
        return None


def _git_folder(git: Path) -> Path:
    return git.parent / _text(git).removeprefix("gitdir: ") if git.is_file() else git


def _ref(git: Path, name: str) -> str | None:
    if (git / name).is_file():
        return _text(git / name)
    packed = git / "packed-refs"
    for line in _text(packed).splitlines() if packed.is_file() else ():
        commit, _, known = line.partition(" ")
        if known == name:
            return commit
    return None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
