"""Makes this process give way to every other: what it does can wait, a reader's question cannot."""

import ctypes
import os
import platform
import signal
import sys
from contextlib import suppress

_NICENESS = 15
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_SET_IO_PRIORITY = {"x86_64": 251, "aarch64": 30}  # ioprio_set; glibc has no name for it
_THIS_PROCESS, _IDLE_CLASS = 1, 3 << 13
# Read once, when a library starts its threads: to be set before any is imported.
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
)


def give_way(*, threads: int = 1, niceness: int = _NICENESS) -> None:
    """Low priority for processor and disk, few threads, and no longer a life than the parent's.

    Call it before the model libraries are imported. What a system does not offer is left out.
    """
    for name in _THREADS:
        os.environ[name] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with suppress(OSError):
        os.nice(niceness)
    if sys.platform == "linux":
        system = ctypes.CDLL(None, use_errno=True)
        # It can be killed at any moment, and the next process goes on: nothing needs tidying.
        system.prctl(_DIE_WITH_PARENT, int(signal.SIGTERM))
        call = _SET_IO_PRIORITY.get(platform.machine())
        if call is not None:
            system.syscall(call, _THIS_PROCESS, 0, _IDLE_CLASS)
