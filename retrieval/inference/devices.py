"""What this machine computes with, as far as that can be told without importing torch."""

from pathlib import Path


def may_have_cuda() -> bool:
    """Whether there may be a GPU that torch can use; only then is it worth asking torch itself."""
    # Outside Linux nothing tells. WSL has its GPU under another name.
    if not Path("/proc/version").exists():
        return True
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


def has_cuda() -> bool:
    """Whether torch finds a GPU; it is only imported where there may be one."""
    if not may_have_cuda():
        return False
    import torch

    return torch.cuda.is_available()
