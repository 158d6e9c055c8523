"""How much memory there is, and whether it is enough for a conversion."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from generation.errors import NotConvertible

_FLOAT32_BYTES = 4
# Conversion holds the weights twice in float32; beside them, the libraries themselves. Seen for
# SmolLM2-135M: 1.95 GB at most, files that are mapped into memory included.
_COPIES = 2
_ELSE_BYTES = 1_000_000_000


def require_memory(files: Sequence[Path]) -> None:
    """Make sure that weights can be converted before it is tried.

    Args:
        files: safetensors.

    Raises:
        NotConvertible: there is not enough, and how much there would have to be.
    """
    needed = conversion_bytes(parameters(files))
    free = available_memory()
    if free is not None and free < needed:
        raise NotConvertible(
            f"converting it takes {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free;"
            " convert it on a larger machine and copy the models folder, or stop something else"
        )


def conversion_bytes(parameters: int) -> int:
    """Memory that converting a model takes at most, in bytes."""
    return _COPIES * _FLOAT32_BYTES * parameters + _ELSE_BYTES


def parameters(files: Sequence[Path]) -> int:
    """How many numbers safetensors files hold, by their headers."""
    total = 0
    for path in files:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        total += sum(
            math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__"
        )
    return total


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes this process may still take: of the machine, or within the limits of its cgroups.

    Memory that only caches files counts as available. None where the system does not say.

    Args:
        root: of the file system; another one in tests.
    """
    known = [
        found for found in (_free_of_machine(root), *_free_in_groups(root)) if found is not None
    ]
    return max(min(known), 0) if known else None


def _free_of_machine(root: Path) -> int | None:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    kilobytes = sizes.get("MemAvailable")
    return int(kilobytes[0]) * 1024 if kilobytes else None


def _free_in_groups(root: Path) -> list[int | None]:
    """What is left in the group of this process and in each that holds it; versions 2 and 1."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    left = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in {"", "memory"}:
            mount = root / "sys/fs/cgroup" / controllers
            inside = mount / path.strip("/")
            # In a container the path can be that of the host: then the mount is the group itself.
            groups = [inside, *inside.parents] if inside.is_dir() else [mount]
            left += [_free_in_group(group) for group in groups if group.is_relative_to(mount)]
    return left


def _free_in_group(group: Path) -> int | None:
    for limit_name, used_name in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            limit = (group / limit_name).read_text(encoding="ascii").strip()
            used = int((group / used_name).read_text(encoding="ascii"))
            statistics = (group / "memory.stat").read_text(encoding="ascii")
        except (OSError, ValueError):
            continue
        if limit == "max":
            return None
        caches = [line.split() for line in statistics.splitlines()]
        # Pages of files that were not used lately are given back under pressure.
        dropped = {name: int(size) for name, size in caches}.get("inactive_file", 0)
        return int(limit) - used + dropped
    return None
