"""OpenVINO without its telemetry."""

import sys


def keep_openvino_quiet() -> None:
    """Bar Intel's telemetry package from being imported; call this before importing openvino.

    The mere import of openvino reports itself to Google Analytics and leaves files in the user's
    home, unless the package openvino_telemetry cannot be imported: then openvino puts an empty one
    in its place. Our pins leave the package out, and this holds where it is installed all the same.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
