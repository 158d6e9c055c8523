"""An index on disk: whole generations of files, one of them named by a manifest.

<folder>/<generation>/… and <folder>/manifest.json, written last: it names the generation and the
hashes of its files. A generation that no manifest names is as good as none.
"""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from retrieval.errors import ProjectionTorn
from retrieval.originals import sha256_of

_MANIFEST = "manifest.json"
# No process takes so long between making a generation and naming it in the manifest.
_ABANDONED_SECONDS = 3600
_BLOCK_BYTES = 1 << 20


def write_generation(folder: Path, facts: Mapping[str, Any], write: Callable[[Path], None]) -> None:
    """Write files and make them the current ones in `folder` in a single step.

    Several processes may do so at once: one of them is the last.

    Args:
        facts: what the manifest says beside the files.
        write: puts the files into the empty folder it is given.
    """
    generation = folder / f"{int(time.time())}-{secrets.token_hex(4)}"
    generation.mkdir(parents=True)
    write(generation)
    files = sorted(path for path in generation.iterdir() if path.is_file())
    for path in files:
        _sync(path)
    hashes = {path.name: _sha256_of_file(path) for path in files}
    manifest = {**facts, "generation": generation.name, "sha256": hashes}
    manifest["checksum"] = _checksum(manifest)
    partial = generation / _MANIFEST
    partial.write_bytes(json.dumps(manifest, indent=2, sort_keys=True).encode())
    _sync(partial)
    replaced = _current(folder)
    partial.replace(folder / _MANIFEST)
    for other in folder.iterdir():
        # Any other may be one that another process is writing at this moment.
        if other != generation and (other.name == replaced or _is_abandoned(other)):
            shutil.rmtree(other, ignore_errors=True)


def read_manifest(folder: Path) -> tuple[Mapping[str, Any], Path]:
    """The manifest, and the folder of the files it names, each with the bytes that were written.

    Raises:
        ProjectionTorn: missing, cut short, or not what was written.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        if manifest.pop("checksum", None) != _checksum(manifest):
            raise ProjectionTorn(folder / _MANIFEST, "its bytes are not those written")
        generation = folder / str(manifest["generation"])
        for name, expected in manifest["sha256"].items():
            if _sha256_of_file(generation / name) != expected:
                raise ProjectionTorn(generation / name, "its bytes are not those written")
    except FileNotFoundError as error:
        raise ProjectionTorn(folder, f"{Path(error.filename).name} is missing") from error
    except OSError as error:
        raise ProjectionTorn(folder, f"it cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProjectionTorn(folder / _MANIFEST, "it is not a manifest") from error
    return manifest, generation


def facts_of(folder: Path) -> Mapping[str, Any]:
    """What the manifest says, the files unread; empty when there is none that can be believed."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        if manifest.pop("checksum", None) == _checksum(manifest):
            return dict(manifest)
    except (OSError, ValueError, AttributeError):
        pass
    return {}


def _checksum(manifest: Mapping[str, Any]) -> str:
    return sha256_of(json.dumps(manifest, sort_keys=True).encode())


def _sha256_of_file(path: Path) -> str:
    """By blocks: a file may be larger than the memory."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _current(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _MANIFEST).read_bytes())["generation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_abandoned(generation: Path) -> bool:
    """Whether a process was killed before it named this generation in the manifest."""
    try:
        age = time.time() - generation.stat().st_mtime
    except OSError:  # gone meanwhile
        return False
    return generation.is_dir() and age > _ABANDONED_SECONDS


def _sync(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())
