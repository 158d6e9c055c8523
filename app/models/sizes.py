"""How many parameters a model has, from what its files say of themselves; nothing is loaded."""

import json
import math
import struct
from pathlib import Path

_LONGEST_HEADER = 100 << 20


def parameters_of(place: Path) -> int | None:
    """Parameters of a GGUF file, or of a folder with safetensors; None when they do not say.

    Numbers that lie in several places of a file, and buffers, are counted as they lie there.
    """
    try:
        if place.is_file():
            return _of_gguf(place)
        files = list(place.glob("*.safetensors"))
        return sum(map(_of_safetensors, files)) if files else None
    except (OSError, ValueError, LookupError, TypeError, struct.error):
        return None  # damaged, or of another kind: loading it says what is wrong


def _of_safetensors(file: Path) -> int:
    """From the header: its length in eight bytes, then JSON with the shape of each tensor."""
    with file.open("rb") as content:
        [length] = struct.unpack("<Q", content.read(8))
        if length > _LONGEST_HEADER:
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(content.read(length))
    return sum(
        math.prod(about["shape"]) for name, about in header.items() if name != "__metadata__"
    )


def _of_gguf(file: Path) -> int:
    from gguf import GGUFReader

    return sum(int(tensor.n_elements) for tensor in GGUFReader(file).tensors)


def size_of(place: Path) -> int:
    """Bytes of a file, or of all files in a folder; links count as what they lead to."""
    if place.is_file():
        return place.stat().st_size
    return sum(one.stat().st_size for one in place.rglob("*") if one.is_file())
