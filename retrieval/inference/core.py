"""The one `openvino.Core` of a process."""

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from retrieval.inference.quiet import keep_openvino_quiet

if TYPE_CHECKING:
    import openvino


_MAKING = Lock()


def openvino_core() -> "openvino.Core":
    """What reads and compiles graphs; never given up. Models load in several threads at once.

    Its processor plugin lays out a stack for signal handlers in the thread that loads it, and takes
    it away in the thread that lets go of it last. When these are two threads, the first is left
    with a stack that is gone, and Ctrl-C ends the process with a segmentation fault.
    """
    with _MAKING:
        return _core()


@cache
def _core() -> "openvino.Core":
    keep_openvino_quiet()
    import openvino

    return openvino.Core()
