"""Read untrusted files in a child process with limits, so that the worst one costs only itself.

The child has a memory limit, a time limit, no network where the kernel allows to take it away,
and cannot write a file. What it replies is untrusted too: it is parsed as JSON, never unpickled,
and checked into a `ParsedDocument`.
"""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ingestion.errors
from ingestion.errors import FileRejected, FileTooLarge, ReaderCrashed
from ingestion.types import Block, BlockKind, ParsedDocument

LIMIT_BYTES = 200_000_000
LIMIT_CHARACTERS = 50_000_000
LIMIT_MEMORY_BYTES = 2 << 30
TIMEOUT_SECONDS = 120
_START_SECONDS = 60
# Isolated mode ignores the environment and the working folder, so that neither can plant a
# module; the folder our packages are in is given by hand and works for a checkout as well.
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from ingestion.reader_process import main; main()"
)
_ROOT = str(Path(__file__).resolve().parent.parent)
# JSON of text and blocks: four bytes a character, and short blocks around every few of them.
_REPLY_BYTES_PER_CHARACTER = 16
_SMALLEST_REPLY_LIMIT = 1_000_000
_LONGEST_TITLE = 1_000
# One for each page whose text is recognised; then a file that pretends to go on is given up.
_MOST_SIGNS_OF_LIFE = 500


class ReaderProcess:
    """A child process that reads files; started when first needed, again after each crash.

    Use it as a context manager and from one thread at a time: Linux ends the child with the
    thread that started it.
    """

    def __init__(
        self,
        *,
        limit_bytes: int = LIMIT_BYTES,
        limit_characters: int = LIMIT_CHARACTERS,
        limit_memory_bytes: int = LIMIT_MEMORY_BYTES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._limit_characters = limit_characters
        self._limit_memory_bytes = limit_memory_bytes
        self._timeout_seconds = timeout_seconds
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

    def read(self, name: str, data: bytes) -> ParsedDocument:
        """Read a file in the child.

        Raises:
            FileRejected: as `read_document`, or the file or its text is over a limit.
            ReaderCrashed: it ran out of time or memory, or brought the child down. The next file
                gets a new child.
        """
        if len(data) > self._limit_bytes:
            raise FileTooLarge("bytes", len(data), self._limit_bytes, "split the file")
        process = self._running()
        request = {
            "name": name,
            "bytes": len(data),
            "seconds": int(self._timeout_seconds) + 1,
            "characters": self._limit_characters,
        }
        header = json.dumps(request).encode()
        message = len(header).to_bytes(4) + header
        reply = self._exchange(process, [message, data], self._timeout_seconds)
        for _ in range(_MOST_SIGNS_OF_LIFE):
            if reply != {"alive": True}:
                break
            reply = self._exchange(process, [], self._timeout_seconds)
        return self._outcome(reply)

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
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and code
                [sys.executable, "-I", "-c", _START, _ROOT, str(self._limit_memory_bytes)],
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
        self, process: subprocess.Popen[bytes], message: list[bytes], seconds: float
    ) -> Any:  # noqa: ANN401  # untrusted JSON
        """Send and receive; a watchdog kills a child that takes too long, which ends the wait."""
        watchdog = _Watchdog(process, seconds)
        try:
            payload = self._payload(process, message)
        except BaseException:  # interrupted: what comes next from this child would be stale
            self.close()
            raise
        finally:
            watchdog.stop()
        if watchdog.has_bitten or payload is None:
            code = self._end_of(process)
            if watchdog.has_bitten:
                raise ReaderCrashed(f"reading took longer than the limit of {seconds:g} seconds")
            raise ReaderCrashed(f"brought the reader down ({_end_in_words(code)})")
        try:
            return json.loads(payload)
        except (ValueError, RecursionError) as error:
            self.close()
            raise ReaderCrashed("the reader's reply made no sense") from error

    def _payload(self, process: subprocess.Popen[bytes], message: list[bytes]) -> bytes | None:
        """The reply's bytes; None when the child ended or replies with more than it may."""
        assert process.stdin and process.stdout  # noqa: S101  # both are pipes
        try:
            for part in message:
                process.stdin.write(part)
            process.stdin.flush()
        except OSError:  # it ended while the file was on its way
            return None
        header = process.stdout.read(8)
        length = int.from_bytes(header)
        limit = max(_SMALLEST_REPLY_LIMIT, _REPLY_BYTES_PER_CHARACTER * self._limit_characters)
        if len(header) < 8 or length > limit:
            return None
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

    def _outcome(self, reply: object) -> ParsedDocument:
        match reply:
            case {"document": dict(fields)}:
                return self._document(fields)
            case {"rejected": [str(kind), str(reason)]}:
                raise _rejection(kind, reason)
            case {"failed": str(reason)}:
                self.close()  # a new child: this one's memory may be full or its libraries upset
                raise ReaderCrashed(reason[:_LONGEST_TITLE])
        self.close()
        raise ReaderCrashed("the reader's reply made no sense")

    def _document(self, fields: dict[str, Any]) -> ParsedDocument:
        try:
            return _parsed(fields, self._limit_characters)
        except (KeyError, TypeError, ValueError) as error:
            self.close()
            raise ReaderCrashed(f"the reader's reply made no sense ({error})") from error


class _Watchdog:
    """Kills a process that runs past its time."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.has_bitten = False
        self._process = process
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Call it off. Afterwards it has bitten or never will: it cannot hit the next file."""
        self._timer.cancel()
        self._timer.join()

    def _bite(self) -> None:
        self.has_bitten = True
        self._process.kill()


def _end_in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
    reasons = {"SIGKILL": "killed, perhaps for want of memory", "SIGXCPU": "too much time"}
    return f"{name}: {reasons[name]}" if name in reasons else name


def _rejection(kind: str, reason: str) -> FileRejected:
    """The child's error once more, with its words; an unknown kind stays a `FileRejected`."""
    found = getattr(ingestion.errors, kind, None)
    if not (isinstance(found, type) and issubclass(found, FileRejected)):
        found = FileRejected
    # Not `found(reason)`: some build their message from other arguments, and it is built already.
    error = found.__new__(found)
    error.args = (reason,)
    return error


def _parsed(fields: dict[str, Any], limit_characters: int) -> ParsedDocument:
    """Check a reply into a document; offsets are checked by `ParsedDocument` itself."""
    title, media_type, text = fields["title"], fields["media_type"], fields["text"]
    if not (isinstance(title, str) and isinstance(media_type, str) and isinstance(text, str)):
        raise TypeError("title, media type and text must be strings")
    if len(title) > _LONGEST_TITLE or len(media_type) > 100 or len(text) > limit_characters:
        raise ValueError("a field is too long")
    f"{title}{media_type}{text}".encode()  # raises ValueError on what no store could keep
    return ParsedDocument(title, media_type, text, tuple(map(_block, fields["blocks"])))


def _block(row: object) -> Block:
    match row:
        case [str(kind), int(start), int(end), int(level), None | int() as page] if (
            0 <= level <= 6 and (page is None or page >= 1)
        ):
            return Block(BlockKind(kind), start, end, level, page)
    raise ValueError("a block is not [kind, start, end, level, page]")
