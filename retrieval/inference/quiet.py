"""Model libraries without their telemetry, bars and advice."""

import sys


def keep_openvino_quiet() -> None:
    """Bar Intel's telemetry package from being imported; call this before importing openvino.

    The mere import of openvino reports itself to Google Analytics and leaves files in the user's
    home, unless the package openvino_telemetry cannot be imported: then openvino puts an empty one
    in its place. Our pins leave the package out, and this holds where it is installed all the same.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


def keep_transformers_quiet() -> None:
    """Keep transformers' progress bars and advice off the terminal. Imports it."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
