"""Posts JSON to the one address the operator has set; never anywhere else."""

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from app.delivery.addresses import is_public
from app.delivery.deadline import Deadline, TimedSocket, connected
from app.errors import BadSetting, DeliveryFailed

_TIMEOUT_SECONDS = 10.0
_TRY_AGAIN = frozenset({408, 425, 429})
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that takes results. It may hold a secret: messages name its host only.

    Args:
        secret: signs what is sent, so that the receiver knows the sender; None: not signed.
        allows_private: addresses of this machine and of private networks are taken too, and for
            them http.

    Raises:
        BadSetting: the address cannot be one, or is not https.
    """

    url: str = field(repr=False)
    secret: bytes | None = field(default=None, repr=False)
    allows_private: bool = False

    def __post_init__(self) -> None:
        parts = _parts(self.url)
        if parts.scheme == "http" and not self.allows_private:
            raise BadSetting(
                "ASSAY_WEBHOOK_URL",
                "it is http, which anybody on the way can read; use https, or for an address of "
                "your own network set ASSAY_WEBHOOK_ALLOW_PRIVATE=true",
            )

    @property
    def host(self) -> str:
        """Where it goes, fit to be said."""
        return _parts(self.url).hostname or ""


def post(
    webhook: Webhook,
    body: bytes,
    *,
    delivery_id: str,
    clock: Callable[[], float] = time.time,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> None:
    """Send a body, once. Redirects are not followed; of the answer, only its head is read.

    Headers: `X-Assay-Delivery` is the same for the same result, however often it is sent. With a
    secret, `X-Assay-Signature` is `sha256=` and the HMAC-SHA256, in hex, of the header
    `X-Assay-Timestamp`, a full stop, and the body.

    Args:
        timeout_seconds: for all of it, once the host's name is looked up.

    Raises:
        DeliveryFailed: it was not taken; it says whether another attempt may help.
    """
    parts = _parts(webhook.url)
    stamp = str(int(clock()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "assay",
        "X-Assay-Delivery": delivery_id,
        "X-Assay-Timestamp": stamp,
    }
    if webhook.secret is not None:
        headers["X-Assay-Signature"] = signature(webhook.secret, stamp, body)
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    try:
        with closing(_connection(webhook, parts, Deadline(timeout_seconds))) as connection:
            connection.request("POST", target, body=body, headers=headers)
            status = connection.getresponse().status
    except (http.client.HTTPException, UnicodeError) as error:
        # Not its words, nor where it came from: an answer may repeat our address and what it holds.
        raise DeliveryFailed(
            f"webhook {webhook.host}: {type(error).__name__}",
            is_transient=not isinstance(error, UnicodeError),
        ) from None
    except OSError as error:
        # A certificate that is not trusted will not be in a second either.
        is_transient = not isinstance(error, ssl.SSLCertVerificationError)
        raise DeliveryFailed(
            f"webhook {webhook.host}: {error.strerror or error or type(error).__name__}",
            is_transient=is_transient,
        ) from error
    _check_status(webhook, status)


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """What the receiver computes, too, and compares."""
    return "sha256=" + hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")  # as looking it up does
    except ValueError:
        is_whole = False
    if not is_whole or not url.isascii() or not url.isprintable() or " " in url:
        raise BadSetting("ASSAY_WEBHOOK_URL", "it is no https address (https://host/path)")
    if parts.username is not None:
        raise BadSetting(
            "ASSAY_WEBHOOK_URL", "it has a user name; sign with ASSAY_WEBHOOK_SECRET instead"
        )
    return parts


def _connection(
    webhook: Webhook, parts: SplitResult, deadline: Deadline
) -> http.client.HTTPConnection:
    """Connect to an address that is meant. Nothing is sent before that is known."""
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    sock = connected(host, port, deadline)
    try:
        _check_peer(webhook, parts, sock)
        connection = http.client.HTTPConnection(host, port)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, context=context)
            sock.settimeout(deadline.left())
            sock = context.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise
    connection.sock = TimedSocket(sock, deadline)
    return connection


def _check_peer(webhook: Webhook, parts: SplitResult, sock: socket.socket) -> None:
    """Refuse an address nobody meant, before anything is sent: whatever the name led to."""
    reached = ipaddress.ip_address(sock.getpeername()[0].partition("%")[0])
    if parts.scheme == "http" and is_public(reached):
        raise DeliveryFailed(
            f"webhook {webhook.host} is outside this network and its address is http; use https"
        )
    if not webhook.allows_private and not is_public(reached):
        raise DeliveryFailed(
            f"webhook {webhook.host} is at {reached}, an address of this machine or of a private "
            "network; set ASSAY_WEBHOOK_ALLOW_PRIVATE=true if that is meant"
        )


def _check_status(webhook: Webhook, status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise DeliveryFailed(
            f"webhook {webhook.host} answered {status}: redirects are not followed; set "
            "ASSAY_WEBHOOK_URL to where it leads"
        )
    raise DeliveryFailed(
        f"webhook {webhook.host} answered {status}",
        is_transient=status >= 500 or status in _TRY_AGAIN,
    )
