"""A log-in at the provider: authorization code flow with PKCE, state and nonce.

OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE); RFC 9207 (the issuer names itself).
"""

import base64
import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hmac import compare_digest
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import quote, urlencode

from app.oidc.asking import Asking
from app.oidc.discovery import address_of, endpoints_of
from app.oidc.errors import AttemptLost, NotVouchedFor, ProviderBusy, ProviderWrong, SignOnFailed
from app.oidc.tokens import ATTEMPT_MINUTES, UnknownKey, keys_in, vouched
from app.oidc.types import Attempt, Endpoints, Provider, Reply, Vouched

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

# How long the provider's description and keys are taken for true; keys not so long when a token
# names one that is not among them.
_KNOWN_SECONDS = 3600.0
_RENEWED_SECONDS = 30.0
_FAILED_SECONDS = 3.0
_AT_ONCE = 8
_LONGEST_CODE = 4096
_logger = logging.getLogger(__name__)
_Value = TypeVar("_Value")


class OidcClient:
    """Speaks to the provider, for any thread. Asks it nothing before somebody wants to log in."""

    def __init__(self, provider: Provider, *, clock: Callable[[], float] = time.time) -> None:
        self.provider = provider
        self._clock = clock
        self._asking = Asking(provider.name)
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._described: _Remembered[Endpoints] = _Remembered()
        self._keys: _Remembered[KeySet] = _Remembered()

    def begin(self) -> tuple[str, Attempt]:
        """Where to send somebody, and what their browser must keep until it comes back.

        Raises:
            ProviderDown, ProviderWrong: see `Asking` and `endpoints_of`.
        """
        with self._turn():
            endpoints = self._endpoints()
        attempt = Attempt(*(secrets.token_urlsafe(32) for _ in range(3)))
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.provider.client_id,
                "redirect_uri": self.provider.redirect_uri,
                "scope": self.provider.scopes,
                "state": attempt.state,
                "nonce": attempt.nonce,
                "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
                "code_challenge_method": "S256",
            }
        )
        joint = "&" if "?" in endpoints.authorization else "?"
        return f"{endpoints.authorization}{joint}{query}", attempt

    def finish(self, attempt: Attempt | None, reply: Reply) -> Vouched:
        """Whom the provider vouches for.

        Args:
            attempt: what the browser kept; None when it has nothing, or nothing of use.

        Raises:
            SignOnFailed: any of its kinds but NoAccountHere.
        """
        state = "" if reply.state is None else reply.state
        if attempt is None or not compare_digest(state.encode(), attempt.state.encode()):
            raise AttemptLost(ATTEMPT_MINUTES)
        with self._turn():
            return self._finish(attempt, reply)

    def _finish(self, attempt: Attempt, reply: Reply) -> Vouched:
        endpoints = self._endpoints()
        # Another provider's reply in place of ours (mix-up).
        if reply.iss != self.provider.issuer and (endpoints.names_itself or reply.iss is not None):
            raise AttemptLost(ATTEMPT_MINUTES)
        if reply.error is not None:
            raise NotVouchedFor(self._refusal(reply.error))
        if not reply.code or len(reply.code) > _LONGEST_CODE:
            raise AttemptLost(ATTEMPT_MINUTES)
        token = self._exchanged(endpoints, reply.code, attempt)
        now = int(self._clock())
        try:
            return vouched(self.provider, token, self._key_set(endpoints), attempt, now)
        except UnknownKey:
            keys = self._key_set(endpoints, most_seconds=_RENEWED_SECONDS)
        try:
            return vouched(self.provider, token, keys, attempt, now)
        except UnknownKey as error:
            what = "sent a token that is not signed with one of its keys"
            raise ProviderWrong(self.provider.name, what) from error

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """A slow provider must not hold all threads of the server, nor strangers with its help."""
        if not self._turns.acquire(blocking=False):
            raise ProviderBusy(self.provider.name)
        try:
            yield
        finally:
            self._turns.release()

    def _exchanged(self, endpoints: Endpoints, code: str, attempt: Attempt) -> str:
        """The ID token for a code, which is good for once."""
        provider = self.provider
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": provider.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        login = None
        if provider.client_secret is None:
            form["client_id"] = provider.client_id
        else:  # RFC 6749, 2.3.1: both are encoded before they become a name and a password
            login = quote(provider.client_id, safe=""), quote(provider.client_secret, safe="")
        said = self._asking.post(endpoints.token, form, login=login)
        token, error = said.body.get("id_token"), said.body.get("error")
        if said.status == 200 and isinstance(token, str):
            return token
        _logger.error("%s gave no token: status %d, %s", provider.name, said.status, _word(error))
        if error == "invalid_grant":
            raise AttemptLost(ATTEMPT_MINUTES)
        raise ProviderWrong(provider.name, "does not take this server's client id and secret")

    def _refusal(self, error: str) -> str:
        name = self.provider.name
        if error == "access_denied":
            return f"the log-in at {name} was cancelled, or {name} does not let you in here"
        _logger.warning("%s refused a log-in: %s", name, _word(error))
        return f"{name} refused the log-in ({_word(error)}); try again, or ask an administrator"

    def _endpoints(self) -> Endpoints:
        address = address_of(self.provider.issuer)
        return self._described.value(
            lambda: endpoints_of(self.provider, self._asking.get(address).body)
        )

    def _key_set(self, endpoints: Endpoints, *, most_seconds: float = _KNOWN_SECONDS) -> "KeySet":
        return self._keys.value(
            lambda: keys_in(self.provider, self._asking.get(endpoints.keys).body), most_seconds
        )


class _Remembered(Generic[_Value]):
    """What the provider said, for a while; a failure too, so that not everybody waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[float, _Value] | None = None
        self._failed: tuple[float, SignOnFailed] | None = None

    def value(self, ask: Callable[[], _Value], most_seconds: float = _KNOWN_SECONDS) -> _Value:
        with self._lock:
            now = time.monotonic()
            if self._known is not None and now - self._known[0] <= most_seconds:
                return self._known[1]
            if self._failed is not None and now - self._failed[0] <= _FAILED_SECONDS:
                raise self._failed[1]
            try:
                found = ask()
            except SignOnFailed as error:
                self._failed = time.monotonic(), error
                raise
            self._known, self._failed = (time.monotonic(), found), None
            return found


def _word(code: object) -> str:
    """An error code of OAuth, if it is one: what a stranger typed is not repeated."""
    text = code if isinstance(code, str) else ""
    is_code = text.isascii() and text.replace("_", "").isalnum() and len(text) <= 40
    return text if is_code else "no code of OAuth"
