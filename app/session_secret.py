"""The key that signs session cookies: a file in the home folder."""

import secrets
from contextlib import suppress
from pathlib import Path

_BYTES = 32


def session_secret(path: Path) -> bytes:
    """The key's bytes, 32; made on first use, readable by its owner alone."""
    if path.exists() and path.stat().st_size != _BYTES:
        path.unlink()  # cut short, by a full disk or a power cut: anybody could sign with it
    if not path.exists():
        # Written aside and linked into place: another process never reads half a key.
        partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        partial.touch(mode=0o600)
        partial.write_bytes(secrets.token_bytes(_BYTES))
        with suppress(FileExistsError):
            path.hardlink_to(partial)
        partial.unlink()
    return path.read_bytes()
