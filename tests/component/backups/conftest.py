"""A home, a backup of it, and an installed Assay."""

from pathlib import Path

import pytest

from tests.component.backups.homes import TEXTS, opened
from tests.installed import metadata_folder


@pytest.fixture(autouse=True)
def installed(tmp_path_factory, monkeypatch):
    if folder := metadata_folder(tmp_path_factory.mktemp("installed")):
        monkeypatch.syspath_prepend(folder)


@pytest.fixture
def assay(tmp_path):
    with opened(tmp_path / "home") as assay:
        for path, text in TEXTS.items():
            assay.publish(path, text)
        yield assay


@pytest.fixture
def file(assay, tmp_path) -> Path:
    """A backup of `assay`, which is not open any more."""
    file = tmp_path / "a.backup"
    assay.backup(file)
    assay.close()
    return file
