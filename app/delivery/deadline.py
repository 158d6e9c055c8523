"""A connection with one deadline for all it does, however slowly the other side does its part.

The timeout of a socket begins anew with each byte that arrives: who sends one now and then keeps
its reader for ever.
"""

import io
import socket
import time
from collections.abc import Sequence
from typing import Any


class Deadline:
    """A moment from which on nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds left, more than 0.

        Raises:
            TimeoutError: there are none.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


def connected(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address of a host that answers.

    Looking the name up takes as long as the system's resolver lets it.

    Raises:
        OSError: none answers in time, or there is none.
        UnicodeError: a part of the name is empty or too long.
    """
    return connected_to(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), deadline)


def connected_to(places: Sequence[tuple[Any, ...]], deadline: Deadline) -> socket.socket:
    """Connect to the first of these places, as `getaddrinfo` gives them, that answers.

    Raises:
        OSError: none answers in time, or there is none.
    """
    failure = OSError("the name has no address")
    for number, (family, kind, protocol, _, place) in enumerate(places):
        # A share for each: one that does not answer leaves some for the next.
        seconds = deadline.left() / (len(places) - number)
        try:
            return _connected(socket.socket(family, kind, protocol), place, seconds)
        except OSError as error:
            failure = error
    raise failure


def _connected(sock: socket.socket, place: Any, seconds: float) -> socket.socket:  # noqa: ANN401 - differs by family
    try:
        sock.settimeout(seconds)
        sock.connect(place)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


class TimedSocket:
    """As much of a socket as `http.client` uses, with a deadline; all raise TimeoutError at it."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(self._deadline.left())
            rest = rest[self._sock.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What comes, as a file."""
        return io.BufferedReader(_Arriving(self._sock, self._deadline))

    def close(self) -> None:
        """End the connection."""
        self._sock.close()


class _Arriving(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer; its type is of Python 3.12
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)
