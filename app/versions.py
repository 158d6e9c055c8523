"""What names the code and the encoder that make answers, on any machine."""

import hashlib
from collections.abc import Iterable
from importlib import metadata, resources
from pathlib import Path

# The packages that make answers.
ANSWERING = ("retrieval", "generation")
_SUFFIXES = frozenset({".py", ".txt", ".json"})
_DIGITS = 16


def code_version() -> str:
    """What answers, in short: the version and a hash of the code, "0.1.0+3f9a1c0b2d4e5f60"."""
    code = digest_of(file for package in ANSWERING for file in sources(package))
    return f"{metadata.version('assay')}+{code}"


def encoder_pin(fingerprint: str) -> str:
    """The encoder's fingerprint, which names its model, without where that lies."""
    from generation.engines.loading import display_name  # heavy; whoever has an answer has it

    model, _, weights = fingerprint.rpartition(":")
    return f"{display_name(model)}:{weights}" if model else fingerprint


def sources(package: str) -> list[Path]:
    """The files of a package that decide what it does, in a fixed order."""
    folder = Path(str(resources.files(package)))
    return sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES)


def digest_of(files: Iterable[Path]) -> str:
    """A hash of files, each with its name."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.parent.name}/{file.name}\0".encode())
        with file.open("rb") as content:
            whole.update(hashlib.file_digest(content, "sha256").digest())
    return whole.hexdigest()[:_DIGITS]
