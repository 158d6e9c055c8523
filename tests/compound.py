"""Writes OLE compound files, [MS-CFB] version 3, so that tests can make old Office files."""

_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SECTOR = 512
_CUTOFF = 4096  # smaller streams would go to a second, finer allocation; ours are padded instead


def compound(streams: dict[str, bytes]) -> bytes:
    """A compound file with these streams; `a/b` lies in the storage `a`.

    Streams are padded with zero bytes to 4,096.
    """
    names = sorted(
        {"/".join(p.split("/")[:n]) for p in streams for n in range(1, p.count("/") + 2)}
    )
    data = b""
    places: dict[str, tuple[int, int]] = {}
    for name, content in streams.items():
        padded = content.ljust(_CUTOFF, b"\0")
        places[name] = (len(data) // _SECTOR, len(padded))
        data += padded.ljust(-(-len(padded) // _SECTOR) * _SECTOR, b"\0")
    entries = [_entry("Root Entry", 5, _child(names, ""), _FREE, _END, 0)]
    for name in names:
        start, size = places.get(name, (0, 0))
        kind = 2 if name in places else 1
        sibling = _next_sibling(names, name)
        entries.append(_entry(name.split("/")[-1], kind, _child(names, name), sibling, start, size))
    directory = b"".join(entries).ljust(-(-len(entries) // 4) * _SECTOR, b"\0")
    return _file(data, places, directory)


def _child(names: list[str], folder: str) -> int:
    inside = [n for n in names if n.rpartition("/")[0] == folder]
    return names.index(inside[0]) + 1 if inside else _FREE


def _next_sibling(names: list[str], name: str) -> int:
    folder = name.rpartition("/")[0]
    inside = [n for n in names if n.rpartition("/")[0] == folder]
    at = inside.index(name) + 1
    return names.index(inside[at]) + 1 if at < len(inside) else _FREE


def _entry(name: str, kind: int, child: int, right: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    head = encoded.ljust(64, b"\0") + len(encoded).to_bytes(2, "little") + bytes([kind, 1])
    links = b"".join(n.to_bytes(4, "little") for n in (_FREE, right, child))
    rest = bytes(36) + start.to_bytes(4, "little") + size.to_bytes(8, "little")
    return head + links + rest


def _file(data: bytes, places: dict[str, tuple[int, int]], directory: bytes) -> bytes:
    data_sectors, directory_sectors = len(data) // _SECTOR, len(directory) // _SECTOR
    fat_sectors = 1
    while fat_sectors * 128 < data_sectors + directory_sectors + fat_sectors:
        fat_sectors += 1
    fat = list(range(1, data_sectors + directory_sectors + 1))
    for start, size in places.values():
        fat[start + -(-size // _SECTOR) - 1] = _END
    fat[-1] = _END
    fat += [_FAT] * fat_sectors
    fat += [_FREE] * (fat_sectors * 128 - len(fat))
    first_fat = data_sectors + directory_sectors
    listed = [first_fat + n for n in range(fat_sectors)]
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
        + b"".join(n.to_bytes(2, "little") for n in (0x3E, 3, 0xFFFE, 9, 6)) + bytes(6)
        + b"".join(
            n.to_bytes(4, "little")
            for n in (0, fat_sectors, data_sectors, 0, _CUTOFF, _END, 0, _END, 0)
        )
        + b"".join(n.to_bytes(4, "little") for n in listed + [_FREE] * (109 - fat_sectors))
    )  # fmt: skip
    return header + data + directory + b"".join(n.to_bytes(4, "little") for n in fat)
