"""What several stories share."""

import pytest

from generation.engines.loading import BUNDLED_MODEL, load_engine


@pytest.fixture(scope="session")
def prepared_models(tmp_path_factory):
    """A folder of prepared models, to link into a home that is not about preparing them."""
    folder = tmp_path_factory.mktemp("prepared") / "models"
    folder.mkdir()
    load_engine(BUNDLED_MODEL, models=folder)
    return folder
