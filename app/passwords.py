"""What a password must be, how one is made up, and how fast one may be guessed. Pure."""

import hashlib
import secrets
import threading
import unicodedata
from collections import deque
from datetime import datetime, timedelta

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024  # hashing something longer would be work that anybody can order

ATTEMPTS_ALLOWED = 5
ATTEMPTS_WINDOW = timedelta(minutes=1)
_NAMES_WATCHED = 10_000

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


class Attempts:
    """Attempts to log in by name, until one succeeds. Forgets the oldest of too many names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, deque[datetime]] = {}

    def wait_or_count(self, name: str, now: datetime) -> timedelta | None:
        """How long `name` must wait; None when it may try, which is then counted."""
        with self._lock:
            # Taken out and put back at the end: the name tried longest ago is always the first.
            times = self._times.pop(name, deque[datetime](maxlen=ATTEMPTS_ALLOWED))
            self._times[name] = times
            if len(times) == ATTEMPTS_ALLOWED and times[-1] - times[0] <= ATTEMPTS_WINDOW:
                wait = times[-1] + ATTEMPTS_WINDOW - now
                if wait > timedelta(0):
                    return wait
            times.append(now)
            if len(self._times) > _NAMES_WATCHED:
                del self._times[next(iter(self._times))]
            return None

    def forget(self, name: str) -> None:
        """Forgive a name what it failed."""
        with self._lock:
            self._times.pop(name, None)
