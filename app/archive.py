"""The backup file: a plain tar of a label, originals, database and manifest, read with suspicion.

```text
assay-backup.json            label: format, versions, time; first, to refuse others at once
originals/ab/ab12…           each named by the SHA-256 of what is in it, in that order, once
assay.db                     the database, one file
manifest.json                counts and hashes. Last: without it the file is cut short
```

Nothing is compressed, so nothing can grow; other members than these, links among them, are refused,
and no path is ever made of a name that a file holds. In need, `tar -xf` unpacks it into a folder
that Assay can use as its home.
"""

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from app.errors import BackupRefused

FORMAT = 1
LABEL, DATABASE, MANIFEST = "assay-backup.json", "assay.db", "manifest.json"

_BLOCK = tarfile.BLOCKSIZE
_PIECE_BYTES = 1 << 20
_LARGEST_JSON_BYTES = 1 << 16
_ORIGINAL = re.compile(r"originals/([0-9a-f]{2})/(\1[0-9a-f]{62})")
_CUT_SHORT = "is cut short"
_UNKNOWN = "is not a backup that `assay backup` made"
_ADVICE = "if it was compressed or encrypted, undo that first"

_Count = Field(ge=0, le=1 << 62)


class Label(BaseModel):
    """What a backup says of itself first. A later format may say more."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    format: int = Field(ge=1)
    assay: str = Field(min_length=1, max_length=100, pattern=r"^[\w.+!-]+$")
    schema_version: str = Field(pattern=r"^\d{4}$")
    created_at: AwareDatetime


class Manifest(Label):
    """What a backup holds. Each value is checked against what is there."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    documents: int = _Count
    passages: int = _Count
    users: int = _Count
    originals: int = _Count
    originals_bytes: int = _Count
    originals_missing: int = _Count
    database_bytes: int = _Count
    database_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


_Json = TypeVar("_Json", bound=Label)
OnBytes = Callable[[int], object]


def _nothing(_: int) -> None:
    """Nobody wants to know."""


class Contents(NamedTuple):
    """A backup that was read to its end: every hash is right."""

    manifest: Manifest
    originals: frozenset[str]
    bytes: int


class ArchiveWriter:
    """Writes members one after the other to a file that can be cut back."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def add_json(self, name: str, value: Label) -> None:
        """Add a label or a manifest."""
        content = value.model_dump_json(indent=1).encode()
        self.add(name, io.BytesIO(content), len(content))

    def add_original(self, sha256: str, path: Path, on_bytes: OnBytes = _nothing) -> int | None:
        """Add an original and return its length; None, adding nothing, if it is not intact.

        Raises:
            FileNotFoundError: it is not there.
        """
        position = self._out.tell()
        with path.open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            found = self.add(f"originals/{sha256[:2]}/{sha256}", source, size, on_bytes)
        if found == sha256:
            return size
        self._out.seek(position)
        self._out.truncate()
        return None

    def add(
        self, name: str, source: BinaryIO, size: int, on_bytes: OnBytes = _nothing
    ) -> str | None:
        """Add `size` bytes of `source`; return their SHA-256, None if there were fewer."""
        header = tarfile.TarInfo(name)
        header.size = size
        header.mode = 0o600
        self._out.write(header.tobuf(format=tarfile.GNU_FORMAT))
        digest = hashlib.sha256()
        left = size
        while left and (piece := source.read(min(left, _PIECE_BYTES))):
            digest.update(piece)
            self._out.write(piece)
            left -= len(piece)
            on_bytes(len(piece))
        self._out.write(bytes(-size % _BLOCK))
        return None if left else digest.hexdigest()

    def restart(self) -> None:
        """Begin again, with nothing written."""
        self._out.seek(0)
        self._out.truncate()

    def finish(self) -> None:
        """Write the end, and see all of it onto the disk."""
        self._out.write(bytes(2 * _BLOCK))
        self._out.flush()
        os.fsync(self._out.fileno())


def read_label(path: Path) -> Label:
    """Read what a backup says of itself.

    Raises:
        BackupRefused: it is none, or of a later format.
    """
    with path.open("rb") as source:
        return _Reader(path, source).label()


def read_backup(
    path: Path,
    *,
    database_to: Path | None = None,
    originals_to: Path | None = None,
    on_bytes: OnBytes = _nothing,
) -> Contents:
    """Read a backup to its end and check every hash, unpacking what there is a place for.

    What the database holds is not looked at.

    Args:
        database_to: a file that is not there yet.
        originals_to: an empty folder; it will be as the one of a home.
        on_bytes: told of every piece, how long it is.

    Raises:
        BackupRefused: it is none, cut short, changed, or holds what no backup does.
    """
    with path.open("rb") as source:
        return _Reader(path, source, on_bytes).contents(database_to, originals_to)


class _Member(NamedTuple):
    name: str
    size: int


class _Reader:
    """Reads the members in their order, each of them once."""

    def __init__(self, path: Path, source: BinaryIO, on_bytes: OnBytes = _nothing) -> None:
        self._path, self._source, self._on_bytes = path, source, on_bytes
        self._size = os.fstat(source.fileno()).st_size

    def label(self) -> Label:
        try:
            member = self._next()
        except BackupRefused:
            member = None
        if member is None or member.name != LABEL:
            raise BackupRefused(self._path, _UNKNOWN, _ADVICE)
        label = self._json(member, Label)
        if label.format != FORMAT:
            raise BackupRefused(
                self._path,
                f"has format {label.format} and this version of Assay reads format {FORMAT}",
                f"use Assay {label.assay} or newer",
            )
        return label

    def contents(self, database_to: Path | None, originals_to: Path | None) -> Contents:
        label = self.label()
        originals: set[str] = set()
        last, originals_bytes = "", 0
        member = self._next()
        while member and (named := _ORIGINAL.fullmatch(member.name)):
            sha256 = named[2]
            if sha256 <= last:
                raise self._refused(f"is damaged: {member.name!r} is out of order")
            target = originals_to / sha256[:2] / sha256 if originals_to else None
            if self._read(member, target) != sha256:
                raise self._refused(f"is damaged: {member.name!r} is not what its name says")
            originals.add(sha256)
            originals_bytes += member.size
            last, member = sha256, self._next()
        database = self._expect(member, DATABASE)
        database_sha256 = self._read(database, database_to)
        manifest = self._json(self._expect(self._next(), MANIFEST), Manifest)
        if member := self._next():
            raise self._refused(f"has the member {member.name[:80]!r} after its end")
        found = {
            "format": label.format,
            "assay": label.assay,
            "schema_version": label.schema_version,
            "created_at": label.created_at,
            "originals": len(originals),
            "originals_bytes": originals_bytes,
            "database_bytes": database.size,
            "database_sha256": database_sha256,
        }
        for name, value in found.items():
            if (said := getattr(manifest, name)) != value:
                raise self._refused(f"is damaged: {name} is {value}, and its manifest says {said}")
        return Contents(manifest, frozenset(originals), self._size)

    def _expect(self, member: _Member | None, name: str) -> _Member:
        if member is None:
            raise self._refused(f"{_CUT_SHORT}: {name!r} is missing")
        if member.name != name:
            raise self._refused(f"has the member {member.name[:80]!r}, which no backup has there")
        return member

    def _next(self) -> _Member | None:
        """The next member; None at the end, after which nothing may come."""
        block = self._source.read(_BLOCK)
        if block == bytes(_BLOCK):
            if self._source.read(_BLOCK + 1) != bytes(_BLOCK):
                raise self._refused("does not end where a backup does")
            return None
        if len(block) < _BLOCK:
            raise self._refused(f"{_CUT_SHORT}: it ends after {self._size:,} bytes")
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise self._refused("is damaged: what should be a member is none") from error
        # Plain files only: no link, no folder, no sparse file, no header that speaks of the next.
        if header.type != tarfile.REGTYPE:
            raise self._refused(f"has the member {header.name[:80]!r}, which is not a plain file")
        left = self._size - self._source.tell()
        if not 0 <= header.size <= left:
            raise self._refused(
                f"{_CUT_SHORT}: {header.name[:80]!r} has {header.size:,} bytes, {left:,} are there"
            )
        return _Member(header.name, header.size)

    def _pieces(self, member: _Member) -> Iterator[bytes]:
        left = member.size
        while left:
            piece = self._source.read(min(left, _PIECE_BYTES))
            if not piece:
                raise self._refused(f"{_CUT_SHORT}: {member.name!r} ends {left:,} bytes early")
            left -= len(piece)
            self._on_bytes(len(piece))
            yield piece
        padding = -member.size % _BLOCK
        if self._source.read(padding) != bytes(padding):
            raise self._refused(f"is damaged, or cut short, behind {member.name!r}")

    def _read(self, member: _Member, target: Path | None) -> str:
        """SHA-256 of a member, which is kept at `target`."""
        digest = hashlib.sha256()
        if target is None:
            for piece in self._pieces(member):
                digest.update(piece)
            return digest.hexdigest()
        target.parent.mkdir(exist_ok=True)
        with target.open("xb") as out:
            for piece in self._pieces(member):
                digest.update(piece)
                out.write(piece)
        return digest.hexdigest()

    def _json(self, member: _Member, kind: type[_Json]) -> _Json:
        if member.size > _LARGEST_JSON_BYTES:
            raise self._refused(f"is damaged: {member.name!r} has {member.size:,} bytes")
        try:
            return kind.model_validate_json(b"".join(self._pieces(member)))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise self._refused(
                f"is damaged: {member.name!r} is not understood ({where}: {first['msg']})"
            ) from error

    def _refused(self, reason: str) -> BackupRefused:
        return BackupRefused(self._path, reason)
