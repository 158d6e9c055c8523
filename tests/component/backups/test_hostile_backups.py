"""Files that are no whole backup are refused, and change nothing."""

import hashlib
import io
import json
import os
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from app.archive import read_backup
from app.errors import BackupRefused, CommandFailed
from tests.component.backups.homes import check, files_under, restore, rows_of


def blocks(file: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(file) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar.getmembers()]


def packed(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    for header, content in members:
        header.size = len(content) if header.isreg() else 0
        out.write(header.tobuf(format=tarfile.GNU_FORMAT))
        out.write(content if header.isreg() else b"")
        out.write(bytes(-header.size % 512))
    return out.getvalue() + bytes(1024)


def named(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header


def with_first_original(members, header: tarfile.TarInfo, content: bytes = b"evil"):
    return packed([members[0], (header, content), *members[1:]])


def with_json(members, index: int, **changes: object) -> bytes:
    header, content = members[index]
    changed = json.dumps(json.loads(content) | changes).encode()
    return packed([*members[:index], (header, changed), *members[index:][1:]])


def with_database(members, *statements: str) -> bytes:
    """Another database, described by the manifest as it is."""
    path = Path(os.environ["PYTEST_SCRATCH"]) / "changed.db"
    path.write_bytes(members[-2][1])
    with closing(sqlite3.connect(path, isolation_level=None)) as sql:
        for statement in statements:
            sql.execute(statement)
    content = path.read_bytes()
    manifest = json.loads(members[-1][1]) | {
        "database_bytes": len(content),
        "database_sha256": hashlib.sha256(content).hexdigest(),
    }
    return packed(
        [*members[:-2], (members[-2][0], content), (members[-1][0], json.dumps(manifest).encode())]
    )


def sparse_bomb(members) -> bytes:
    header = named("originals/ab/" + "ab" * 32, b"S")
    return packed(members[:1])[:-1024] + header.tobuf(format=tarfile.GNU_FORMAT) + bytes(2048)


def huge_member(members) -> bytes:
    header = named("assay.db")
    header.size = 1 << 60
    return packed(members[:1])[:-1024] + header.tobuf(format=tarfile.GNU_FORMAT) + bytes(2048)


def huge_json(members) -> bytes:
    return packed([(named("assay-backup.json"), b"[" * 70_000)])


LONG = "a/" * 200
HOSTILE = {
    "empty file": (lambda m: b"", "is not a backup"),
    "text": (
        lambda m: b"Dear diary, " * 500,
        "is not a backup that `assay backup` made; if it was",
    ),
    "zeros": (lambda m: bytes(10_240), "is not a backup"),
    "gzip": (lambda m: b"\x1f\x8b\x08" + bytes(2000), "compressed or encrypted, undo that"),
    "another tar": (lambda m: packed([(named("a.txt"), b"a")]), "is not a backup"),
    "cut in a header": (lambda m: packed(m)[:-1024][:1600], "cut short"),
    "cut in the database": (lambda m: packed(m)[:-40_000], "cut short: 'assay.db' has"),
    "cut before the manifest": (lambda m: packed(m[:-1]), "'manifest.json' is missing"),
    "cut at the end": (lambda m: packed(m)[:-600], "cut short: it ends after"),
    "cut a block before the end": (lambda m: packed(m)[:-512], "does not end where a backup does"),
    "something behind the end": (lambda m: packed(m) + b"x", "does not end where"),
    "two manifests": (lambda m: packed([*m, m[-1]]), "after its end"),
    "path traversal": (
        lambda m: with_first_original(m, named("../../evil")),
        "has the member '../../evil', which no backup",
    ),
    "absolute path": (lambda m: with_first_original(m, named("/tmp/evil")), "'/tmp/evil'"),
    "almost an original": (
        lambda m: with_first_original(m, named("originals/ab/../" + "ab" * 31)),
        "which no backup",
    ),
    "symbolic link": (
        lambda m: with_first_original(
            m, named("originals/00/" + "00" * 32, tarfile.SYMTYPE, "/etc/passwd")
        ),
        "is not a plain file",
    ),
    "hard link": (
        lambda m: with_first_original(m, named("assay.db", tarfile.LNKTYPE, "/etc/passwd")),
        "is not a plain file",
    ),
    "device": (lambda m: with_first_original(m, named("assay.db", tarfile.CHRTYPE)), "plain file"),
    "folder": (lambda m: with_first_original(m, named("originals", tarfile.DIRTYPE)), "plain file"),
    "long name in a header of its own": (
        lambda m: with_first_original(m, named(LONG)),
        "is not a plain file",
    ),
    "sparse bomb": (sparse_bomb, "is not a plain file"),
    "size beyond the file": (huge_member, "cut short: 'assay.db' has 1,152,921,504,606,846,976"),
    "endless JSON": (huge_json, "'assay-backup.json' has 70,000 bytes"),
    "deep JSON": (
        lambda m: packed([(m[0][0], b"[" * 60_000), *m[1:]]),
        "'assay-backup.json' is not understood",
    ),
    "original of another content": (
        lambda m: packed([m[0], (m[1][0], m[1][1] + b"!"), *m[2:]]),
        "is not what its name says",
    ),
    "originals out of order": (lambda m: packed([m[0], m[2], m[1], *m[3:]]), "out of order"),
    "original twice": (lambda m: packed([m[0], m[1], *m[1:]]), "out of order"),
    "original missing": (lambda m: packed([m[0], *m[2:]]), "originals is 2, and its manifest says"),
    "original missing and not counted": (
        lambda m: with_json(
            [m[0], *m[2:]],
            -1,
            originals=2,
            originals_bytes=sum(len(content) for _, content in m[2:4]),
        ),
        "lacks originals",
    ),
    "database changed": (
        lambda m: packed([*m[:-2], (m[-2][0], m[-2][1].replace(b"May", b"Mai")), m[-1]]),
        "database_sha256 is",
    ),
    "no database": (lambda m: packed([*m[:-2], m[-1]]), "which no backup has there"),
    "not a database": (
        lambda m: packed(
            [
                *m[:-2],
                (m[-2][0], b"x" * 5000),
                (
                    m[-1][0],
                    json.dumps(
                        json.loads(m[-1][1])
                        | {
                            "database_bytes": 5000,
                            "database_sha256": hashlib.sha256(b"x" * 5000).hexdigest(),
                        }
                    ).encode(),
                ),
            ]
        ),
        "holds a damaged database",
    ),
    "wrong count": (lambda m: with_json(m, -1, documents=2), "another number of documents"),
    "unknown field": (
        lambda m: with_json(m, -1, colour="red"),
        "'manifest.json' is not understood",
    ),
    "negative count": (lambda m: with_json(m, -1, users=-1), "not understood .users"),
    "manifest of another backup": (
        lambda m: with_json(m, -1, created_at="2020-01-01T00:00:00Z"),
        "created_at is",
    ),
    "later format": (
        lambda m: with_json(m, 0, format=2, assay="3.1.4"),
        "has format 2 and this version of Assay reads format 1; use Assay 3.1.4 or newer",
    ),
    "later schema": (
        lambda m: with_json(m, 0, schema_version="9999", assay="3.1.4"),
        "schema 9999, and this version knows up to .*; install Assay 3.1.4 or newer",
    ),
    "a schema it does not have": (
        lambda m: with_json([m[0], *m[1:]], 0, schema_version="0000"),
        "schema_version is 0000",
    ),
    "a trigger of somebody else": (
        lambda m: with_database(
            m,
            "CREATE TRIGGER evil AFTER INSERT ON principals BEGIN "
            "UPDATE principals SET is_administrator = 1; END",
        ),
        "Assay did not make .its trigger 'evil' differs",
    ),
    "a trigger less": (
        lambda m: with_database(m, "DROP TRIGGER passages_lexical_insert"),
        "'passages_lexical_insert' differs",
    ),
    "a view of endless rows": (
        lambda m: with_database(
            m,
            "CREATE VIEW everything AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
            "FROM n) SELECT i FROM n",
        ),
        "Assay did not make",
    ),
    "a document less": (
        lambda m: with_database(m, "PRAGMA foreign_keys = ON", "DELETE FROM documents WHERE id=1"),
        "another number of documents",
    ),
    "a row that hangs in the air": (
        lambda m: with_database(m, "DELETE FROM documents WHERE id = 1"),
        "a row refers to one that is not there",
    ),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_is_not_a_whole_backup_is_refused_and_changes_nothing(
    file, tmp_path, content, reason, monkeypatch
):
    monkeypatch.setenv("PYTEST_SCRATCH", str(tmp_path))
    hostile = tmp_path / "hostile.backup"
    hostile.write_bytes(content(blocks(file)))
    home = tmp_path / "home"
    before = files_under(home), rows_of(home / "assay.db")
    with pytest.raises(BackupRefused, match=reason) as refused:
        restore(hostile, home, replace=True)
    assert "nothing was changed" in str(refused.value)
    assert str(refused.value).startswith(str(hostile))
    with pytest.raises(BackupRefused, match=reason):
        check(hostile, home)
    assert (files_under(home), rows_of(home / "assay.db")) == before
    with pytest.raises(BackupRefused, match=reason):
        restore(hostile, tmp_path / "new")
    assert files_under(tmp_path / "new") == {}


def test_no_flipped_bit_goes_unnoticed(file, tmp_path):
    content = file.read_bytes()
    # Every 397th byte: headers, padding, contents, JSON; a prime, so that all of a block is met.
    for position in range(0, len(content), 397):
        flipped = bytearray(content)
        flipped[position] ^= 0x10
        (tmp_path / "flipped").write_bytes(flipped)
        try:
            manifest = read_backup(tmp_path / "flipped").manifest
        except BackupRefused:
            continue
        pytest.fail(f"bit at {position} of {len(content)} unnoticed: {manifest}")


def test_every_length_but_the_right_one_is_refused(file, tmp_path):
    content = file.read_bytes()
    for length in [*range(0, len(content), 4_001), len(content) - 1]:
        (tmp_path / "cut").write_bytes(content[:length])
        with pytest.raises(BackupRefused):
            read_backup(tmp_path / "cut")


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "pipe"):
        with pytest.raises(CommandFailed, match="is not a file that can be read"):
            restore(path, tmp_path / "home")
