"""Opens the product for a command."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.bootstrap import Assay


def open_assay() -> "Assay":
    """The wired product of the configured home folder."""
    from app.bootstrap import Assay
    from app.settings import read_settings

    return Assay(read_settings())


def readable_by(assay: "Assay", principal: str | None, collection: str | None) -> frozenset[int]:
    """The collections a command reads: the operator's all, a principal's own, or one of them."""
    return assay.readable_by(principal, collection)
