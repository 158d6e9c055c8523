"""Whether the product says that it can answer, and what it closes."""

from types import SimpleNamespace

import pytest

from app.bootstrap import Assay
from app.settings import Settings

URL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("order", "trouble", "is_ready"),
    [
        (("remote",), "it failed 3 times", False),
        (("remote",), None, True),
        (("remote", "local"), "it failed 3 times", True),
    ],
)
def test_a_server_that_is_left_alone_cannot_answer_until_it_is_asked_again(
    tmp_path, order, trouble, is_ready
):
    assay = Assay(Settings(home=tmp_path, engines=order, remote_url=URL))
    closed = []
    made = SimpleNamespace(trouble=trouble, close=lambda: closed.append(1))
    assay.__dict__.update(_engine=made, _answerer=object())

    assert assay.readiness().ready is is_ready
    made.trouble = None
    assert assay.readiness().ready

    assay.close()
    assert closed == [1]


def test_what_was_never_loaded_is_not_loaded_to_be_closed(tmp_path):
    assay = Assay(Settings(home=tmp_path))
    assay.close()
    assert "_engine" not in assay.__dict__
