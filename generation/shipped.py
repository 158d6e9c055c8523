"""Weights that are shipped with Assay: are they the ones that were?"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from generation.errors import ModelUnusable


def check_files(folder: Path, names: Sequence[str]) -> str:
    """Compare files of a model with its SHA256SUMS.

    Args:
        names: of every file that is read.

    Returns:
        The digest of SHA256SUMS, which stands for all of them: weights and calibration too.

    Raises:
        ModelUnusable: a file is missing, or is not the one that SHA256SUMS names.
    """
    try:
        sums = (folder / "SHA256SUMS").read_text(encoding="utf-8")
        named = {name: digest for digest, name in (line.split() for line in sums.splitlines())}
        for name in names:
            digest = named[name]
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != digest:
                raise ModelUnusable(
                    f"{folder / name} is not the file it should be: its SHA-256 begins with "
                    f"{found[:12]}, expected {digest[:12]}. Install Assay again."
                )
        return hashlib.sha256(sums.encode()).hexdigest()
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnusable(
            f"the bundled model in {folder} is incomplete ({error}). Install Assay again."
        ) from error
