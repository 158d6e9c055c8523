"""Whether a server that fails is still asked. Pure: times are given, in seconds of any one clock.

A breaker is *closed* while the server is asked as usual. After some failures in a row it *opens*:
nobody asks. When its wait is over it is *half open*: one request may try, and the next state is
what becomes of it. Each trial that fails doubles the wait, up to a limit (Nygard, Release It!).
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class Phase(StrEnum):
    """The three states of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and how long it waits.

    Args:
        failures: it opens after so many in a row, at least 1.
        wait_seconds: from there to the first trial, more than 0.
        longest_wait_seconds: between two trials, at least `wait_seconds`.
        trial_seconds: a trial nobody heard of for so long is lost, and another may begin.

    Raises:
        ValueError: a number is out of range.
    """

    failures: int = 3
    wait_seconds: float = 10.0
    longest_wait_seconds: float = 300.0
    trial_seconds: float = 180.0

    def __post_init__(self) -> None:
        if self.failures < 1 or not 0 < self.wait_seconds <= self.longest_wait_seconds:
            raise ValueError(
                f"a breaker opens after at least 1 failure and waits for longer than 0 seconds, "
                f"at most its longest wait; it was given {self}"
            )

    def wait_after(self, failed_trials: int) -> float:
        """Seconds until the next trial, after so many that failed."""
        # The exponent is bounded: no float is larger than 2 ** 1023.
        return min(self.wait_seconds * 2.0 ** min(failed_trials, 64), self.longest_wait_seconds)


@dataclass(frozen=True, slots=True)
class Breaker:
    """A state; every method returns the next one.

    `failures` are those in a row. Unless it is closed, `since` is when it opened, `until` when a
    trial may begin, `cause` the last failure in words, and `failed_trials` counts those in a row;
    while it is half open, `trial_since` is when the trial began.
    """

    policy: BreakerPolicy = BreakerPolicy()
    phase: Phase = Phase.CLOSED
    failures: int = 0
    cause: str = ""
    since: float = 0.0
    until: float = 0.0
    failed_trials: int = 0
    trial_since: float = 0.0

    def may_ask(self, now: float) -> bool:
        """Whether a request would be let through."""
        if self.phase is Phase.OPEN:
            return now >= self.until
        if self.phase is Phase.HALF_OPEN:
            return now >= self.trial_since + self.policy.trial_seconds
        return True

    @property
    def is_trying(self) -> bool:
        """Whether a trial is under way."""
        return self.phase is Phase.HALF_OPEN

    def asked(self, now: float) -> "Breaker":
        """A request goes out, which `may_ask`. It is a trial unless the breaker is closed."""
        if self.phase is Phase.CLOSED:
            return self
        return replace(self, phase=Phase.HALF_OPEN, trial_since=now)

    def succeeded(self, *, was_trial: bool) -> "Breaker":
        """The server answered as it should."""
        if self.phase is Phase.CLOSED or (was_trial and self.phase is Phase.HALF_OPEN):
            return Breaker(self.policy)
        return self  # a request from before it opened; the trial decides

    def failed(self, now: float, cause: str, *, was_trial: bool) -> "Breaker":
        """The server failed."""
        failures = self.failures + 1
        if self.phase is Phase.CLOSED:
            if failures < self.policy.failures:
                return replace(self, failures=failures, cause=cause)
            until = now + self.policy.wait_after(0)
            return Breaker(self.policy, Phase.OPEN, failures, cause, since=now, until=until)
        if not was_trial or self.phase is Phase.OPEN:
            return self  # a request from before it opened; it tells nothing new
        failed_trials = self.failed_trials + 1
        return replace(
            self,
            phase=Phase.OPEN,
            failures=failures,
            cause=cause,
            until=now + self.policy.wait_after(failed_trials),
            failed_trials=failed_trials,
        )

    def abandoned(self, *, was_trial: bool) -> "Breaker":
        """A request was given up before anything was known; another may try in its place."""
        if not was_trial or self.phase is not Phase.HALF_OPEN:
            return self
        return replace(self, phase=Phase.OPEN)

    def retry_seconds(self, now: float) -> float:
        """Until a request would be let through; 0 when one would now."""
        if self.may_ask(now):
            return 0.0
        if self.phase is Phase.HALF_OPEN:
            # The trial's result is worth waiting for a moment, not for as long as it may take.
            return min(self.policy.wait_seconds, self.trial_since + self.policy.trial_seconds - now)
        return self.until - now

    def told(self, now: float) -> str:
        """The state in words; empty while it is closed."""
        if self.phase is Phase.CLOSED:
            return ""
        ago = round(now - self.since)
        trial = "is being tried again now"
        if self.phase is Phase.OPEN:
            trial = f"is tried again in {max(round(self.until - now), 0)} seconds"
        return (
            f"it has not been asked for {ago} seconds, since it failed {self.failures} times in a "
            f"row ({self.cause}), and {trial}"
        )
