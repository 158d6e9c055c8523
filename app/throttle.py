"""How fast passwords may be guessed: counted in SQL, by browser, by name and by network.

Who logged in before from a browser has an allowance of that browser's own there, which nobody
else can use up. Everybody else shares three: of the name from their network, of the name from
everywhere, and of the network for all names. So a stranger elsewhere keeps nobody out of an
account who has used it from the same browser, and nobody at all for longer than a minute at a time.

Names and networks are kept as keyed hashes, for an hour: a password may be typed as a name.
"""

import hashlib
import ipaddress
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, func, insert, select

from app.errors import TooManyAttempts
from app.schema import login_attempts
from retrieval.database import writing

_LONGEST = timedelta(hours=1)
_MOST_ROWS = 30_000


class Limit(NamedTuple):
    """After `attempts` in `within`, one more each time `pause` has passed since the last."""

    attempts: int
    within: timedelta
    pause: timedelta
    whose: str


_MINUTE = timedelta(minutes=1)
OF_BROWSER = Limit(5, _MINUTE, _MINUTE, "with this name")
OF_NAME_THERE = OF_BROWSER
OF_NAME = Limit(100, _LONGEST, _MINUTE, "with this name")
OF_NETWORK = Limit(30, timedelta(minutes=10), _MINUTE, "from your network")


class Caller(NamedTuple):
    """Where an attempt comes from.

    `address` is the client's; empty when it is not known. `browser` is a text that this browser
    was given when somebody logged in with it, and `knows` the number of that user.
    """

    address: str = ""
    browser: str = ""
    knows: int | None = None


class Throttle:
    """Counts attempts, for all processes of a home folder; restarts forget nothing.

    Args:
        key: what names and networks are hashed with; asked for when first needed.
    """

    def __init__(self, engine: Engine, key: Callable[[], bytes]) -> None:
        self._engine = engine
        self._key = key

    def begin(self, name: str, caller: Caller, user_id: int | None, now: datetime) -> "Begun":
        """Count an attempt before the password is looked at: those sent at once count as well.

        Args:
            user_id: whose name it is, if anybody's.
            now: naive UTC.

        Raises:
            TooManyAttempts: it is one too many; it is not counted, and says how long to wait.
        """
        limits = self._limits(name, caller, user_id)
        with writing(self._engine) as sql:
            _sweep(sql, now)
            for key, limit in limits.items():
                wait = _wait(_newest(sql, key, limit), limit, now)
                if wait > timedelta(0):
                    seconds = max(1, math.ceil(wait.total_seconds()))
                    raise TooManyAttempts(limit.attempts, limit.whose, seconds)
            rows = [{"key": key, "at": now} for key in limits]
            made = insert(login_attempts).returning(login_attempts.c.id)
            numbers = sql.execute(made, rows).scalars().all()
        return Begun(next(iter(limits)), tuple(numbers))

    def succeeded(self, begun: "Begun") -> None:
        """Forgive the browser, or the name at its network, what failed; the attempt was none."""
        with writing(self._engine) as sql:
            sql.execute(
                delete(login_attempts).where(
                    (login_attempts.c.key == begun.key) | login_attempts.c.id.in_(begun.numbers)
                )
            )

    def _limits(self, name: str, caller: Caller, user_id: int | None) -> Mapping[str, Limit]:
        if user_id is not None and caller.knows == user_id:
            return {self._hashed("browser", str(user_id), caller.browser): OF_BROWSER}
        network = network_of(caller.address)
        limits = {
            self._hashed("name there", name, network): OF_NAME_THERE,
            self._hashed("name", name): OF_NAME,
        }
        if network:
            limits[self._hashed("network", network)] = OF_NETWORK
        return limits

    def _hashed(self, *parts: str) -> str:
        hashed = hashlib.blake2b(key=self._key()[:64], digest_size=16)
        for part in parts:
            hashed.update(f"{len(part)}:{part}".encode())
        return hashed.hexdigest()


class Begun(NamedTuple):
    """An attempt that was counted: under which key first, and as which rows."""

    key: str
    numbers: tuple[int, ...]


def network_of(address: str) -> str:
    """What one subscriber has: an IPv4 address, or the /64 of an IPv6 address.

    Empty for this very machine, where a proxy may be that speaks for everybody, and for what is no
    address.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    found = mapped or found
    if found.is_loopback:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))


def _wait(newest: Sequence[datetime], limit: Limit, now: datetime) -> timedelta:
    """How long to wait, given the newest attempts, the newest first; 0 or less: not at all."""
    if len(newest) < limit.attempts or newest[0] - newest[-1] > limit.within:
        return timedelta(0)
    return newest[0] + limit.pause - now


def _newest(sql: Connection, key: str, limit: Limit) -> Sequence[datetime]:
    query = select(login_attempts.c.at).where(login_attempts.c.key == key)
    newest_first = query.order_by(login_attempts.c.id.desc()).limit(limit.attempts)
    return sql.execute(newest_first).scalars().all()


def _sweep(sql: Connection, now: datetime) -> None:
    """Let go of what counts no more, and of the oldest of too much."""
    newest = sql.execute(select(func.max(login_attempts.c.id))).scalar() or 0
    sql.execute(
        delete(login_attempts).where(
            (login_attempts.c.at <= now - _LONGEST) | (login_attempts.c.id <= newest - _MOST_ROWS)
        )
    )
