"""`importlib.metadata` knows Assay only where it was installed; a checkout may not be."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def metadata_folder(folder: Path) -> Path | None:
    """A folder for the import path that tells Assay's version; None when it is installed."""
    try:
        version("assay")
    except PackageNotFoundError:
        pass
    else:
        return None
    information = folder / "assay-0.0.0.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: assay\nVersion: 0.0.0\n")
    return folder
