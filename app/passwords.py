"""What a password must be, and how one is made up. Pure."""

import hashlib
import secrets
import unicodedata

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024  # hashing something longer would be work that anybody can order

# Without letters and digits that look alike: it is read from a screen and typed.
_PASSWORD_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105 - not a password


def generate_password() -> str:
    """A password of 79 bits that can be read out and typed, like `kf3p-x7qw-mm2t-9hze`."""
    return "-".join("".join(secrets.choice(_PASSWORD_ALPHABET) for _ in range(4)) for _ in range(4))


def normalised(password: str) -> str:
    """One form for what keyboards send in several, like é (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def secret_hash(secret: str) -> str:
    """What is kept of a random text of 256 bits, as keys and sessions have: its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()
