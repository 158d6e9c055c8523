"""Requests to one server: streamed, bounded, and given up at once when nobody waits any more.

httpx2 rather than OpenAI's own client: it is installed with transformers anyway and is what that
client is made of. Streaming, server-sent events with a limit and a strict taking apart of failures
are all in it; retries and time-outs must know of tokens, which that client's do not. The client
runs on an event loop in one thread, because only there a request can be stopped in each of its
states: while it connects, while it waits for the first byte, and between two.

Proxies and passwords of the environment (HTTPS_PROXY, .netrc) are not used: the one address that
is set is the one that is spoken to. Redirects are not followed.
"""

import asyncio
import contextlib
import json
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from generation.engines.remote.openai_protocol import END, Failure, refusal

if TYPE_CHECKING:
    import httpx2

_LONGEST_EVENT = 1 << 20
_LONGEST_REPLY = 4 << 20
_LONGEST_REFUSAL = 1 << 16
# After the last event: how long, and how much, a server may take to end its reply so that the
# connection can be used again.
_DRAIN_SECONDS = 0.5
_DRAIN_EVENTS = 4
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Event:
    """Data of one server-sent event."""

    data: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream is over; `is_whole` if the server said so."""

    is_whole: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole body of a reply with status 200."""

    text: str

    def json(self) -> object:
        """What it says; None when that is no JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


Item = Event | Ended | Reply | Failure
_Put = Callable[[Item], None]


class Call:
    """A request on its way. Whoever made it must `cancel` it in the end."""

    def __init__(self) -> None:
        self._items: SimpleQueue[Item] = SimpleQueue()
        self._future: Future[None] | None = None

    def next(self, seconds: float) -> Item | None:
        """What came next; None when nothing has within so many seconds."""
        try:
            return self._items.get(timeout=max(seconds, 0))
        except Empty:
            return None

    def cancel(self) -> None:
        """Close the connection, unless the reply was read to its end."""
        if self._future is not None:
            self._future.cancel()


class HttpCalls:
    """Makes requests for any thread. The thread of its own begins with the first of them.

    Args:
        headers: sent with each; never shown.
        connect_seconds: until a connection stands, TLS included.
    """

    def __init__(self, headers: Mapping[str, str], *, connect_seconds: float) -> None:
        self._headers = dict(headers)
        self._connect_seconds = connect_seconds
        self._starting = threading.Lock()
        self._worker: _Worker | None = None

    def stream(self, url: str, body: Mapping[str, Any], *, most_bytes: int) -> Call:
        """Post JSON. There come events, `most_bytes` altogether, then `Ended`; or a failure."""
        return self._begun(
            lambda client, put: _stream(client, url, body, put, most_bytes=most_bytes)
        )

    def fetch(self, url: str, body: Mapping[str, Any] | None = None) -> Call:
        """Get JSON, or post a body. There comes one reply or failure."""
        return self._begun(lambda client, put: _fetch(client, url, body, put))

    def close(self) -> None:
        """Stop every request, and the thread. The next request begins anew."""
        with self._starting:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    def _begun(
        self, make: Callable[["httpx2.AsyncClient", _Put], Coroutine[Any, Any, None]]
    ) -> Call:
        with self._starting:
            if self._worker is None:
                self._worker = _Worker(self._headers, self._connect_seconds)
                # Also when the process ends; a thread that is cut off there makes noise.
                weakref.finalize(self, self._worker.stop)
            worker = self._worker
        call = Call()
        call._future = worker.run(lambda client: make(client, call._items.put))
        return call


def checked_address(url: str) -> str:
    """The address of a server, if it is one.

    Raises:
        ValueError: it is none, or holds a name, a query or a fragment. It is not repeated.
    """
    parts = urlsplit(url)
    is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname)
    if not is_whole or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("the address of the model's server is none (http://host:port/v1)")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "the address of the model's server has a name, a query or a fragment in it; its key "
            "goes into ASSAY_REMOTE_KEY"
        )
    return url


class _Worker:
    """The thread, its event loop, and the client with its open connections."""

    def __init__(self, headers: Mapping[str, str], connect_seconds: float) -> None:
        self._ready: Future[tuple[asyncio.AbstractEventLoop, httpx2.AsyncClient]] = Future()
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(headers, connect_seconds)),
            name="remote-engine",
            daemon=True,
        )
        self._thread.start()

    def run(
        self, make: Callable[["httpx2.AsyncClient"], Coroutine[Any, Any, None]]
    ) -> "Future[None]":
        loop, client = self._ready.result()
        return asyncio.run_coroutine_threadsafe(make(client), loop)

    def stop(self) -> None:
        loop, _ = self._ready.result()
        with contextlib.suppress(RuntimeError):  # it has stopped already
            if self._stopping is not None:
                loop.call_soon_threadsafe(self._stopping.set)
        if self._thread is not threading.current_thread():
            self._thread.join(_STOP_SECONDS)

    async def _serve(self, headers: Mapping[str, str], connect_seconds: float) -> None:
        try:
            client = _client(headers, connect_seconds)
        except Exception as error:  # noqa: BLE001 - raised again where somebody waits for it
            self._ready.set_exception(error)
            return
        async with client:
            self._stopping = asyncio.Event()
            self._ready.set_result((asyncio.get_running_loop(), client))
            await self._stopping.wait()
            calls = asyncio.all_tasks() - {asyncio.current_task()}
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)


def _client(headers: Mapping[str, str], connect_seconds: float) -> "httpx2.AsyncClient":
    import httpx2

    return httpx2.AsyncClient(
        headers={
            "User-Agent": "assay",
            "Accept-Encoding": "identity",  # what is packed has no size until it is unpacked
            **headers,
        },
        # Whoever waits for a call decides how long: only that side knows what a token is.
        timeout=httpx2.Timeout(None, connect=connect_seconds, write=connect_seconds),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=8),
        follow_redirects=False,
        # Proxies and .netrc: no. Certificates that the operator trusts (SSL_CERT_FILE): yes.
        trust_env=False,
        verify=httpx2.create_ssl_context(trust_env=True),
    )


async def _stream(
    client: "httpx2.AsyncClient",
    url: str,
    body: Mapping[str, Any],
    put: _Put,
    *,
    most_bytes: int,
) -> None:
    import httpx2

    async def read() -> None:
        headers = {"Accept": "text/event-stream"}
        async with client.stream("POST", url, json=dict(body), headers=headers) as response:
            if refused := await _refused(response):
                put(refused)
                return
            read_bytes = 0
            events = aiter(httpx2.EventSource(response, max_event_size=_LONGEST_EVENT))
            async for event in events:
                if event.data.strip() == END:
                    put(Ended(is_whole=True))
                    await _drain(events)
                    return
                read_bytes += len(event.data)
                if read_bytes > most_bytes:
                    put(Failure(f"it sent more than {most_bytes} bytes for one answer"))
                    return
                put(Event(event.data))
            put(Ended(is_whole=False))

    await _telling(read, put)


async def _fetch(
    client: "httpx2.AsyncClient", url: str, body: Mapping[str, Any] | None, put: _Put
) -> None:
    async def read() -> None:
        method = "GET" if body is None else "POST"
        async with client.stream(
            method, url, json=None if body is None else dict(body)
        ) as response:
            if refused := await _refused(response):
                put(refused)
                return
            text = await _beginning(response, _LONGEST_REPLY + 1)
            if len(text) > _LONGEST_REPLY:
                put(Failure(f"it sent more than {_LONGEST_REPLY} bytes"))
            else:
                put(Reply(text.decode("utf-8", "replace")))

    await _telling(read, put)


async def _telling(read: Callable[[], Coroutine[Any, Any, None]], put: _Put) -> None:
    """Read, and say what goes wrong; a request that is cancelled says nothing."""
    import httpx2

    try:
        await read()
    except httpx2.SSEError as error:
        put(Failure(f"it does not answer with events ({error})"))
    except (httpx2.ConnectTimeout, httpx2.ConnectError) as error:
        put(Failure(f"it cannot be reached ({_words(error)})", is_retryable=True))
    except httpx2.TransportError as error:
        put(Failure(f"the connection broke off ({_words(error)})", is_retryable=True))
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
        put(Failure(f"it does not answer as it should ({_words(error)})"))
    except Exception as error:  # noqa: BLE001 - somebody waits for this call and must be told
        put(Failure(f"asking it failed ({_words(error)})"))


async def _refused(response: "httpx2.Response") -> Failure | None:
    if response.status_code != 200:
        body = await _beginning(response, _LONGEST_REFUSAL)
        text = body.decode("utf-8", "replace")
        return refusal(response.status_code, response.headers.get("retry-after"), text)
    if response.headers.get("content-encoding", "identity") != "identity":
        return Failure("it packs its replies, which it was not asked to")
    return None


async def _beginning(response: "httpx2.Response", most_bytes: int) -> bytes:
    """The first bytes of a body, as they were sent."""
    found = bytearray()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STOP_SECONDS):
            async for part in response.aiter_raw():
                found += part
                if len(found) >= most_bytes:
                    break
    return bytes(found[:most_bytes])


async def _drain(events: Any) -> None:  # noqa: ANN401 - an iterator of the library's events
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            for _ in range(_DRAIN_EVENTS):
                if await anext(events, None) is None:
                    return


def _words(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
