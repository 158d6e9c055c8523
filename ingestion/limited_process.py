"""A child process of ours that works on untrusted bytes, with limits and a watchdog.

It gets requests on its standard input and replies with JSON of limited length, which is never
unpickled. The limits it puts on itself are in `reader_process`.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ingestion.errors import ReaderCrashed

LIMIT_MEMORY_BYTES = 2 << 30
_START_SECONDS = 60
# A child that is given little of a busy machine may take so many times its limit, as long as it
# gets this share of it each time: one that waits for nothing gets none.
_MOST_PERIODS = 10
_WORKING_SHARE = 0.01
# Isolated mode ignores the environment and the working folder, so that neither can plant a
# module; the folder our packages are in is given by hand and works for a checkout as well.
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from {module} import main; main()"
# How a process ends by what it does itself. SIGKILL is somebody else's doing, or want of memory.
_FAULTS = frozenset(
    {
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSEGV,
        signal.SIGXCPU,
        signal.SIGXFSZ,
    }
)
_ROOT = str(Path(__file__).resolve().parent.parent)


class LimitedProcess:
    """A child process; started when first needed, again after each crash.

    Use it as a context manager and from one thread at a time: Linux ends the child with the
    thread that started it.

    Args:
        module: whose `main` the child runs.
        limit_reply_bytes: a longer reply ends the child.
    """

    def __init__(self, module: str, *, limit_reply_bytes: int, limit_memory_bytes: int) -> None:
        self._module = module
        self._limit_reply_bytes = limit_reply_bytes
        self._limit_memory_bytes = limit_memory_bytes
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, None when there is no child."""
        return self._process.pid if self._process else None

    def ask(
        self, request: dict[str, object], data: bytes, seconds: float, *, is_patient: bool = False
    ) -> Any:  # noqa: ANN401
        """Send a request with the bytes it is about; give the reply, untrusted JSON.

        Args:
            is_patient: on a machine too busy to give it `seconds` of a processor in that time, let
                it go on for up to ten times as long. Only where /proc tells how much it got.

        Raises:
            ReaderCrashed: it ran out of time or memory, or ended. The next gets a new one.
        """
        process = self._running()
        header = json.dumps(request).encode()
        message = [len(header).to_bytes(4) + header, data]
        return self._exchange(process, message, seconds, is_patient=is_patient)

    def listen(self, seconds: float, *, is_patient: bool = False) -> Any:  # noqa: ANN401
        """Another reply to the last request. Takes and raises what `ask` does."""
        return self._exchange(self._running(), [], seconds, is_patient=is_patient)

    def close(self) -> None:
        """End the child; a later `read` starts another."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()  # closes the pipes and waits

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process and self._process.poll() is not None:
            self.close()  # it ended between two files: no file's fault
        if self._process is None:
            start = _START.format(module=self._module)
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and code
                [sys.executable, "-I", "-c", start, _ROOT, str(self._limit_memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8"},
                cwd="/",
            )
            if self._exchange(self._process, [], _START_SECONDS) != {"ready": True}:
                self.close()
                raise ReaderCrashed("the reader's process did not start; is the install complete?")
        return self._process

    def _exchange(
        self,
        process: subprocess.Popen[bytes],
        message: list[bytes],
        seconds: float,
        *,
        is_patient: bool = False,
    ) -> Any:  # noqa: ANN401  # untrusted JSON
        """Send and receive; a watchdog kills a child that takes too long, which ends the wait."""
        watchdog = _Watchdog(process, seconds, periods=_MOST_PERIODS if is_patient else 1)
        try:
            payload = self._payload(process, message)
        except BaseException:  # interrupted: what comes next from this child would be stale
            self.close()
            raise
        finally:
            watchdog.stop()
        if watchdog.has_bitten or payload is None:
            code = self._end_of(process)
            if watchdog.has_bitten or code == -signal.SIGXCPU:
                raise ReaderCrashed(
                    f"reading took longer than the limit of {seconds:g} seconds; split it, or try "
                    "again when the machine is less busy",
                    is_files_fault=True,
                )
            raise ReaderCrashed(
                f"brought the reader down ({_end_in_words(code)})",
                is_files_fault=-code in _FAULTS,
            )
        try:
            return json.loads(payload)
        except (ValueError, RecursionError) as error:
            self.close()
            raise ReaderCrashed("the reader's reply made no sense") from error

    def _payload(self, process: subprocess.Popen[bytes], message: list[bytes]) -> bytes | None:
        """The reply's bytes; None when the child ended. Raises when it replies with too much."""
        assert process.stdin and process.stdout  # noqa: S101  # both are pipes
        try:
            for part in message:
                process.stdin.write(part)
            process.stdin.flush()
        except OSError:  # it ended while the file was on its way
            return None
        header = process.stdout.read(8)
        length = int.from_bytes(header)
        if len(header) < 8:
            return None
        if length > self._limit_reply_bytes:
            self.close()
            raise ReaderCrashed(
                f"made the reader reply with {length:,} bytes and the limit is "
                f"{self._limit_reply_bytes:,}",
                is_files_fault=True,
            )
        payload = process.stdout.read(length)
        return payload if len(payload) == length else None

    def _end_of(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for a child that closed its end, or end it; give its exit code."""
        try:
            code = process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self.close()
        return code


def processor_seconds(pid: int) -> float | None:
    """How much of a processor a process has had so far; None where the system does not tell."""
    try:
        # The name, in parentheses, may hold anything; the times are the 14th and 15th field.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def is_starved(got: float | None, *, since_last_look: float | None, limit: float) -> bool:
    """Whether a process is slow because it gets little of the processor, and not by itself.

    Args:
        got: seconds of a processor for this file so far; None if not known, as the next.
        since_last_look: how much of that in the last `limit` seconds.
        limit: seconds of a processor that a file may take.
    """
    if got is None or since_last_look is None or got >= limit:
        return False
    return since_last_look >= _WORKING_SHARE * limit


class _Watchdog:
    """Kills a process that runs past its time, which may be a few periods of `seconds`."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float, *, periods: int) -> None:
        self.has_bitten = False
        self._process = process
        self._seconds = seconds
        self._periods = periods
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Call it off. Afterwards it has bitten or never will: it cannot hit the next file."""
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        start = before = processor_seconds(self._process.pid)
        for _ in range(self._periods):
            if self._is_over.wait(self._seconds):
                return
            now = processor_seconds(self._process.pid)
            if not is_starved(
                _difference(now, start),
                since_last_look=_difference(now, before),
                limit=self._seconds,
            ):
                break
            before = now
        self.has_bitten = True
        self._process.kill()


def _difference(later: float | None, earlier: float | None) -> float | None:
    return None if later is None or earlier is None else later - earlier


def _end_in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
    return f"{name}: killed, perhaps for want of memory" if name == "SIGKILL" else name
