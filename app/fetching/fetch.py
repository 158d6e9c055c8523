"""Gets what is at an address, from nowhere but where it may be got from.

The name is looked up once for a connection, every address it has is checked, and one of those is
connected to: no second look-up could give another. Redirects are addresses like any other.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin

from app.delivery.deadline import Deadline, TimedSocket, connected_to
from app.errors import UrlRefused
from app.fetching.body import body_of
from app.fetching.networks import Networks
from app.fetching.url_list import Url, url_of
from ingestion.errors import FileRejected, NotFetched

LIMIT_BYTES = 100_000_000
LIMIT_SECONDS = 120.0
MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOCKED = "; if it wants a log-in, download it and add the file"
_GONE = "; what was brought in from it before is kept"
_ADVICE = MappingProxyType({401: _LOCKED, 403: _LOCKED, 404: _GONE, 410: _GONE})
_TRY_AGAIN = frozenset({408, 425, 429})


class _KeptSocket(TimedSocket):
    """One that `http.client` may call closed while it still reads from it."""

    def close(self) -> None:
        """Nothing: who has opened it closes it."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said by which it knows a version of a page; empty where it said nothing."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was there. `content` is None when it is as it was."""

    content: bytes | None
    validators: Validators


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Gets pages within limits; the time is for one page with all its redirects."""

    networks: Networks
    limit_bytes: int = LIMIT_BYTES
    limit_seconds: float = LIMIT_SECONDS

    def get(self, url: Url, known: Validators) -> Fetched:
        """What is at an address now.

        Raises:
            FileRejected: it may not be got, is not there, or is too large.
            NotFetched: it might be got another time.
        """
        deadline = Deadline(self.limit_seconds)
        here, been = url, {url.text}
        for _ in range(MOST_REDIRECTS + 1):
            try:
                answer = self._ask(here, known, deadline)
            except FileRejected as error:
                if here is url:
                    raise
                raise FileRejected(f"it leads on to {here.text}: {error}") from error
            except TimeoutError as error:
                raise NotFetched(
                    f"{here.host} took longer than the limit of {self.limit_seconds:g} seconds"
                ) from error
            except ssl.SSLCertVerificationError as error:
                raise FileRejected(f"{here.host}: {error.verify_message}") from error
            except http.client.HTTPException as error:
                raise NotFetched(f"{here.host} answered no HTTP: {type(error).__name__}") from error
            except OSError as error:
                raise NotFetched(f"{here.host}: {error.strerror or error}") from error
            if isinstance(answer, Fetched):
                return answer
            here = _next(here, answer)
            if here.text in been:
                raise FileRejected(
                    f"it leads back to {here.text}, as pages do that want a cookie or a log-in; "
                    "download it and add the file"
                )
            been.add(here.text)
        raise FileRejected(f"it leads on more than {MOST_REDIRECTS} times; list where it leads")

    def _ask(self, url: Url, known: Validators, deadline: Deadline) -> "Fetched | str":
        """What is there, or the address it leads on to."""
        with self._connected(url, deadline) as connection:
            connection.request("GET", url.target, headers=_headers(known))
            reply = connection.getresponse()
            if reply.status in _REDIRECTS:
                return reply.headers.get("Location") or ""
            said = Validators(
                reply.headers.get("ETag") or "", reply.headers.get("Last-Modified") or ""
            )
            if reply.status == 304 and known != Validators():
                return Fetched(None, said)
            _check_status(url, reply.status)
            return Fetched(body_of(reply, self.limit_bytes), said)

    @contextmanager
    def _connected(self, url: Url, deadline: Deadline) -> Iterator[http.client.HTTPConnection]:
        """A connection to an address of the host, all of which are allowed."""
        sock = connected_to(self._places(url), deadline)
        try:
            connection = http.client.HTTPConnection(url.host, url.port)
            if url.is_https:
                context = ssl.create_default_context()
                connection = http.client.HTTPSConnection(url.host, url.port, context=context)
                sock.settimeout(deadline.left())
                sock = context.wrap_socket(sock, server_hostname=url.host)
            connection.sock = _KeptSocket(sock, deadline)
            yield connection
        finally:
            sock.close()

    def _places(self, url: Url) -> Sequence[tuple[Any, ...]]:
        try:
            places = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise FileRejected(f"{url.host!r} is no name of a host") from error
        for *_, place in places:
            address = ipaddress.ip_address(str(place[0]).partition("%")[0])
            if not self.networks.allow(address):
                raise FileRejected(
                    f"{url.host} is at {address}, which is not on the public internet; if that is "
                    "meant, name its network in ASSAY_URL_NETWORKS"
                )
        return places


def _headers(known: Validators) -> dict[str, str]:
    headers = {"User-Agent": "assay", "Accept": "*/*", "Accept-Encoding": "identity"}
    if known.etag:
        headers["If-None-Match"] = known.etag
    elif known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return headers


def _next(here: Url, location: str) -> Url:
    if not location.strip():
        raise FileRejected("it leads on, and the server does not say where")
    try:
        there = url_of(urljoin(here.text, location))
    except (UrlRefused, ValueError) as error:
        raise FileRejected(f"it leads on to {location[:200]!r}, which is no address") from error
    if here.is_https and not there.is_https:
        raise FileRejected(f"it leads on from https to {there.text}, which anybody can change")
    return there


def _check_status(url: Url, status: int) -> None:
    if status == 200:
        return
    if status >= 500 or status in _TRY_AGAIN:
        raise NotFetched(f"{url.host} answered {status}")
    raise FileRejected(f"{url.host} answered {status}{_ADVICE.get(status, '')}")
