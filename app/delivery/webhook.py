"""Posts JSON to the one address the operator has set; never anywhere else."""

import hashlib
import hmac
import http.client
import ipaddress
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from app.errors import BadSetting, DeliveryFailed

_TIMEOUT_SECONDS = 10.0
_MOST_READ_BYTES = 65_536
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
    """Send a body, once. Redirects are not followed.

    Headers: `X-Assay-Delivery` is the same for the same result, however often it is sent. With a
    secret, `X-Assay-Signature` is `sha256=` and the HMAC-SHA256, in hex, of the header
    `X-Assay-Timestamp`, a full stop, and the body.

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
    connection = _connection(parts, timeout_seconds)
    try:
        connection.connect()
        _check_peer(webhook, parts, connection)
        connection.request("POST", target, body=body, headers=headers)
        response = connection.getresponse()
        response.read(_MOST_READ_BYTES)
    except (OSError, http.client.HTTPException) as error:
        # A certificate that is not trusted will not be in a second either.
        is_transient = not isinstance(error, ssl.SSLCertVerificationError)
        raise DeliveryFailed(
            f"webhook {webhook.host}: {_words_of(error)}", is_transient=is_transient
        ) from error
    finally:
        connection.close()
    _check_status(webhook, response.status)


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """What the receiver computes, too, and compares."""
    return "sha256=" + hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or not url.isascii() or not url.isprintable() or " " in url:
        raise BadSetting("ASSAY_WEBHOOK_URL", "it is no https address (https://host/path)")
    if parts.username is not None:
        raise BadSetting(
            "ASSAY_WEBHOOK_URL", "it has a user name; sign with ASSAY_WEBHOOK_SECRET instead"
        )
    return parts


def _connection(parts: SplitResult, timeout_seconds: float) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=timeout_seconds, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout_seconds)


def _check_peer(
    webhook: Webhook, parts: SplitResult, connection: http.client.HTTPConnection
) -> None:
    """Refuse an address nobody meant, before anything is sent: whatever the name led to."""
    reached = ipaddress.ip_address(connection.sock.getpeername()[0].partition("%")[0])
    if parts.scheme == "http" and reached.is_global:
        raise DeliveryFailed(
            f"webhook {webhook.host} is outside this network and its address is http; use https"
        )
    if not webhook.allows_private and not reached.is_global:
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


def _words_of(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
