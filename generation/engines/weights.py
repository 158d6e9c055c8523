"""What a model's weights are known by: the SHA-256 of the file they come from."""

import hashlib
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from generation.errors import EngineMissing

# In every folder that was prepared from another model: where its weights come from.
SOURCE_FILE = "source.json"


def weights_sha256(place: Path, models: Path) -> str:
    """The SHA-256 of what a model was made from.

    Of the GGUF file, also for the folder it was unpacked to; else of the safetensors file, or of
    the list that `sha256sum *.safetensors` prints when there are several.

    Args:
        place: a GGUF file, or a transformers folder.
        models: where digests are kept.

    Raises:
        EngineMissing: there are no weights in the folder.
    """
    if place.is_file():
        return file_sha256(place, models)
    source = place / SOURCE_FILE
    if source.is_file():
        return str(json.loads(source.read_text(encoding="utf-8"))["weights_sha256"])
    files = weight_files(place)
    digests = [file_sha256(file, models) for file in files]
    if len(digests) == 1:
        return digests[0]
    lines = (f"{digest}  {file.name}\n" for digest, file in zip(digests, files, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model's folder, by name.

    Raises:
        EngineMissing: there are none.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise EngineMissing(folder.name, "there is no safetensors file in it")
    return files


def file_sha256(path: Path, models: Path) -> str:
    """The SHA-256 of a file, read anew only when it changed: weights take seconds to minutes.

    Kept under `models`. A file is taken for unchanged while its place, size and times are.
    """
    real = path.resolve()
    state = real.stat()
    mark = [str(real), state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
    note = models / ".hashes" / f"{hashlib.sha256(str(real).encode()).hexdigest()[:32]}.json"
    try:
        kept = json.loads(note.read_text(encoding="utf-8"))
        if kept["file"] == mark:
            return str(kept["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no note, or one of another version: the file is read
    with real.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    _keep(note, {"file": mark, "sha256": digest})
    return digest


def _keep(note: Path, what: dict[str, object]) -> None:
    # It only saves time: a folder that cannot be written is no reason to fail.
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        partial = note.with_name(f".{note.name}.{os.getpid()}.{secrets.token_hex(4)}")
        partial.write_text(json.dumps(what), encoding="utf-8")
        partial.replace(note)
