"""Which disks and shares hang in the file tree, and where; known on Linux only."""

import re
from collections.abc import Mapping
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
_REMOTE_KINDS = frozenset("nfs nfs4 cifs smb3 smbfs 9p afs ceph glusterfs vboxsf prl_fs".split())


def disks_below(folder: Path, mounts: Path = MOUNTS) -> frozenset[str]:
    """Absolute paths inside a folder where something else is mounted."""
    return frozenset(
        place
        for place in _kinds(mounts)
        if Path(place).is_relative_to(folder) and Path(place) != folder
    )


def is_remote(folder: Path, mounts: Path = MOUNTS) -> bool:
    """Whether other machines write in a folder or below, of which our file system tells nothing."""
    kinds = _kinds(mounts)
    places = [str(place) for place in (folder, *folder.parents)]
    own = next((kinds[place] for place in places if place in kinds), "")
    inside = (kinds[place] for place in disks_below(folder, mounts))
    return any(kind in _REMOTE_KINDS or kind.startswith("fuse.") for kind in (own, *inside))


def _kinds(mounts: Path) -> Mapping[str, str]:
    """The kind of file system by where it is mounted."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return {}
    kinds = {}
    for line in lines:
        _, place, kind, *_ = line.split(" ")
        kinds[re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place)] = kind
    return kinds
