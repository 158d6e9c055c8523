"""A breaker that several threads share, on this machine's clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from generation.engines.remote.breaker import Breaker, BreakerPolicy
from generation.engines.remote.openai_protocol import Failure


@dataclass(frozen=True, slots=True)
class Permit:
    """A request may go out. Its result must be told."""

    is_trial: bool = False


class Circuit:
    """Lets requests through, hears what becomes of them, and says how things stand."""

    def __init__(
        self, policy: BreakerPolicy, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._lock = Lock()
        self._breaker = Breaker(policy)

    @property
    def state(self) -> Breaker:
        """How things stand."""
        return self._breaker

    def may_ask(self) -> bool:
        """Whether a request would be let through now."""
        return self._breaker.may_ask(self._clock())

    def asked(self) -> Permit | None:
        """Let a request through; None if none may go out."""
        with self._lock:
            now = self._clock()
            if not self._breaker.may_ask(now):
                return None
            self._breaker = self._breaker.asked(now)
            return Permit(is_trial=self._breaker.is_trying)

    def succeeded(self, permit: Permit) -> None:
        """The server answered as it should."""
        with self._lock:
            self._breaker = self._breaker.succeeded(was_trial=permit.is_trial)

    def failed(self, permit: Permit, failure: Failure) -> None:
        """It did not; if that is not the server's doing, it is well."""
        with self._lock:
            breaker, was_trial = self._breaker, permit.is_trial
            if failure.is_servers:
                breaker = breaker.failed(self._clock(), failure.reason, was_trial=was_trial)
            else:
                breaker = breaker.succeeded(was_trial=was_trial)
            self._breaker = breaker

    def abandoned(self, permit: Permit) -> None:
        """Nobody waited for the result."""
        with self._lock:
            self._breaker = self._breaker.abandoned(was_trial=permit.is_trial)

    def told(self) -> str:
        """How things stand in words; empty when the server is asked as usual."""
        return self._breaker.told(self._clock())

    def retry_seconds(self) -> float:
        """Until a request would be let through; 0 when one would now."""
        return self._breaker.retry_seconds(self._clock())
