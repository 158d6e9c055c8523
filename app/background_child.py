"""Work that a server leaves to a child process, so that the chat stays quick."""

import logging
import subprocess
import sys
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

_LONGEST_WAIT_SECONDS = 3600.0
_STOP_SECONDS = 5.0
_GLANCE_SECONDS = 0.5
_ROOT = str(Path(__file__).resolve().parents[1])
# The folder of our packages is given by hand: a checkout need not be installed, and a package of
# the same name in the working folder shall not be taken for ours.
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from app.cli import main; main()"
_logger = logging.getLogger(__name__)


class BackgroundChild:
    """Looks now and then whether there is something to do, and has a child process do it.

    In a child: what crashes there does not reach the chat, and its memory is given back. The child
    ends with this process, on Linux even if that is killed; what it had begun is gone on with.

    Args:
        name: what it is about, for the log.
        start: starts the child. Linux ends it with the thread that started it.
        expected_codes: exit codes after which the next look comes as usual; after others each
            comes later than the one before.
    """

    def __init__(
        self,
        name: str,
        *,
        has_work: Callable[[], bool],
        start: "Callable[[], subprocess.Popen[bytes]]",
        look_seconds: float,
        expected_codes: Container[int],
    ) -> None:
        self._name = name
        self._has_work = has_work
        self._start = start
        self._look_seconds = look_seconds
        self._expected_codes = expected_codes
        self._stopping = Event()
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Look from now on, in a thread of its own."""
        self._thread = Thread(target=self.run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking, and end a child that runs."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2 * _STOP_SECONDS)

    def run(self) -> None:
        """Look until `stop`."""
        failures = 0
        while not self._stopping.is_set():
            code = self._look()
            failures = 0 if code in self._expected_codes else failures + 1
            pause = min(self._look_seconds * 2**failures, _LONGEST_WAIT_SECONDS)
            self._stopping.wait(pause)

    def _look(self) -> int:
        """Do what there is to do. Returns the child's exit code, 0 when there was nothing to do."""
        try:
            if not self._has_work():
                return 0
            return self._watch(self._start())
        except Exception:  # whatever it is, the next look may go well, and the chat goes on
            _logger.exception("%s: cannot look for what is to do", self._name)
            return -1

    def _watch(self, child: "subprocess.Popen[bytes]") -> int:
        """Wait for the child; end it when we are told to stop, or by Ctrl-C."""
        try:
            while not self._stopping.is_set():
                with suppress(subprocess.TimeoutExpired):
                    code = child.wait(timeout=_GLANCE_SECONDS)
                    if code not in self._expected_codes:
                        _logger.warning(
                            "%s: a child ended with code %d; another goes on", self._name, code
                        )
                    return code
        finally:
            _end(child)
        return 0


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def start_command(*command: str) -> "subprocess.Popen[bytes]":
    """Start a command of ours as a child. Its warnings go where ours go."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-P", "-c", _START, _ROOT, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
