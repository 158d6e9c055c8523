"""Opens the product for a command."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.cli.terminal import progress
from app.logs import log_as

if TYPE_CHECKING:
    from app.bootstrap import Assay

# What takes less is not worth a bar.
_BAR_AFTER_SECONDS = 0.5


def open_assay(*, is_server: bool = False) -> "Assay":
    """The wired product of the configured home folder.

    A command shows with a bar how far the first preparation of a model is; a server, and a command
    that nobody watches, log it.
    """
    from app.bootstrap import Assay
    from app.settings import read_settings

    settings = read_settings()
    if settings.log_format != "text":  # which it is from the start
        log_as(settings.log_format)
    has_bar = sys.stderr.isatty() and not is_server
    return Assay(settings, preparation_bar if has_bar else None)


@contextmanager
def preparation_bar() -> Iterator[Callable[[str, float], None]]:
    """Show how far the preparation of a model is, while there is one."""
    with progress("Preparing the model", 1.0, after_seconds=_BAR_AFTER_SECONDS) as show:
        yield lambda step, share: show(share, step)


def readable_by(assay: "Assay", principal: str | None, collection: str | None) -> frozenset[int]:
    """The collections a command reads: the operator's all, a principal's own, or one of them."""
    return assay.readable_by(principal, collection)
