"""What several stories share."""

import pytest

from generation.engines.base import BUNDLED_MODEL
from generation.engines.loading import load_engine


@pytest.fixture(scope="session")
def prepared_models(tmp_path_factory):
    """A folder with the bundled model as it runs by default: unpacked, and for OpenVINO.

    To link into a home that is not about preparing it.
    """
    folder = tmp_path_factory.mktemp("prepared") / "models"
    folder.mkdir()
    engine = load_engine(BUNDLED_MODEL, models=folder, cache_mb=64)
    getattr(engine, "close", lambda: None)()
    return folder
