"""How far the preparation of a model is: for the log, and for whoever asks the server."""

import time
from collections.abc import Callable

_LOG_EVERY_SHARE = 0.1
_LOG_EVERY_SECONDS = 15.0


class Preparation:
    """Takes what an engine's loading tells and says it in words, now and then in the log.

    Entered while an engine is loaded; before and after, nothing is being prepared.

    Args:
        log: takes a line.
        clock: seconds that only grow.
    """

    def __init__(
        self, log: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._clock = log, clock
        self._step: str | None = None
        self._share = self._begun = 0.0
        self._logged_share = self._logged_at = 0.0

    def __enter__(self) -> "Preparation":
        self._step = None
        return self

    def __exit__(self, *_: object) -> None:
        self._step = None

    def __call__(self, step: str, share: float) -> None:
        """A step, such as "rounding the weights", has come; `share` of the whole is done, 0 to 1.

        A smaller share than before is another preparation.
        """
        now = self._clock()
        if self._step is None or share < self._share:
            self._begun = now
            self._say(f"preparing the model for this machine, once: {step}", share, now)
        elif (
            share - self._logged_share >= _LOG_EVERY_SHARE
            or now - self._logged_at >= _LOG_EVERY_SECONDS
        ):
            left = self._time_left(share, now)
            self._say(f"preparing the model: {step}, {share:.0%}{left}", share, now)
        self._step, self._share = step, share

    @property
    def text(self) -> str | None:
        """In one sentence; None while nothing has to be prepared."""
        if self._step is None:
            return None
        return f"the model is being prepared for this machine, {self._share:.0%}; this is done once"

    def _say(self, line: str, share: float, now: float) -> None:
        self._log(line)
        self._logged_share, self._logged_at = share, now

    def _time_left(self, share: float, now: float) -> str:
        """What is left if it goes on as it went."""
        if not 0 < share < 1 or now <= self._begun:
            return ""
        seconds = (now - self._begun) * (1 - share) / share
        return f", about {max(round(seconds), 1)} s left"
