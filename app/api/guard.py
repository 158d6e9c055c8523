"""What holds for every request and every response, whatever the route.

A request must be for a host that is ours, small, and, when a browser's cookie would speak for
somebody, sent by our own pages. A response carries headers that let a browser load nothing from
elsewhere and keep nothing.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import RequestRefused

LARGEST_BODY_BYTES = 1_000_000

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: under it browsers send `Origin: null` with our own forms, and where there is
    # no TLS that header is all that tells our pages from others. Other hosts get nothing.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_NAMES = ("localhost", "*.localhost")


def add_headers(headers: MutableHeaders, path: str) -> None:
    """Set the security headers of the response to a request for `path`."""
    for name, value in _HEADERS.items():
        # A response may bring a policy of its own: a report, which is a file and no page.
        headers.setdefault(name, value)
    # Static files may be kept but are asked about each time: after an update none is stale.
    headers["Cache-Control"] = "no-cache" if path.startswith("/static/") else "no-store"


class Guard:
    """The layer of the application that every request must pass.

    Args:
        allowed_hosts: see `Services`.
        session_cookie: the cookie by which a browser speaks for somebody.
        login_path: forms of this page, and of those below it, need no cookie but must not be sent
            by other sites either.
        upload_path: what is posted here may be large; its route reads the body, piece by piece.
        explain: makes the response that tells about a refusal.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: tuple[str, ...],
        session_cookie: str,
        login_path: str,
        upload_path: str,
        explain: Callable[[Request, RequestRefused], Response],
    ) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts
        self._session_cookie = session_cookie
        self._login_path = login_path
        self._upload_path = upload_path
        self._explain = explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is not for us; pass on the rest with its whole body, but for uploads."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no route speaks anything else
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        request = Request(scope)
        try:
            check_host(request.headers, self._allowed_hosts)
            self._check_origin(request)
            is_upload = request.method == "POST" and request.url.path == self._upload_path
            passed_on = receive if is_upload else await _whole_body(request.headers, receive)
        except RequestRefused as refusal:
            await self._explain(request, refusal)(scope, receive, send_with_headers)
            return
        await self._app(scope, passed_on, send_with_headers)

    def _check_origin(self, request: Request) -> None:
        # A page of another site cannot set this header here, so it proves what an origin proves.
        if request.method in _SAFE_METHODS or "authorization" in request.headers:
            return
        speaks_for_somebody = self._session_cookie in request.cookies
        path = request.url.path
        is_login = path == self._login_path or path.startswith(f"{self._login_path}/")
        if speaks_for_somebody or is_login:
            check_same_origin(request.headers)


def check_host(headers: Headers, allowed_hosts: tuple[str, ...]) -> None:
    """Refuse a request for a name that is not ours.

    Another site can point its own name at this machine and have a browser ask us things under
    that name (DNS rebinding). It cannot do so with a numeric address: those are taken.

    Raises:
        RequestRefused: the host is missing or unknown.
    """
    host = headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if _is_address(name) or any(_matches(name, known) for known in (*_OWN_NAMES, *allowed_hosts)):
        return
    raise RequestRefused(
        421, f"this server does not answer for the host {host[:100]!r}; add it to the allowed hosts"
    )


def check_same_origin(headers: Headers) -> None:
    """Refuse what another site made a browser send.

    Raises:
        RequestRefused: the browser says that it comes from elsewhere, or says nothing.
    """
    site = headers.get("sec-fetch-site")  # sent where there is TLS, and to this machine itself
    if site is not None:
        if site in {"same-origin", "none"}:
            return
        raise RequestRefused(403, "this request was sent by another site; open Assay and try again")
    origin = headers.get("origin", "")
    # Without the scheme: a proxy in front of us may have ended TLS.
    if origin and urlsplit(origin).netloc.lower() == headers.get("host", "").lower():
        return
    raise RequestRefused(
        403,
        "this request does not say that it comes from this site (no Sec-Fetch-Site, "
        f"Origin {origin[:100]!r}); programs use an API key instead of a session",
    )


def _matches(name: str, known: str) -> bool:
    if known.startswith("*."):
        return name.endswith(known[1:].lower())
    return known == "*" or name == known.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _whole_body(headers: Headers, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """Read the body, and return a `receive` that hands it over and then what comes after it.

    Raises:
        RequestRefused: it is larger than the limit.
    """
    too_large = RequestRefused(
        413, f"the request is larger than {LARGEST_BODY_BYTES:,} bytes; send less at once"
    )
    announced = headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > LARGEST_BODY_BYTES:
        raise too_large
    body = bytearray()
    more_body = True
    while more_body:
        message = await receive()
        if message["type"] != "http.request":  # gone before it was all there
            break
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY_BYTES:
            raise too_large
        more_body = message.get("more_body", False)
    is_handed_over = False

    async def replay() -> Message:
        nonlocal is_handed_over
        if is_handed_over:
            return await receive()
        is_handed_over = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return replay
