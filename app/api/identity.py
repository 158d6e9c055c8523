"""Who sent a request: the session cookie of a browser, or the API key of a program."""

import hashlib

from fastapi import Request
from itsdangerous import BadSignature, Signer
from starlette.responses import Response

from app.accounts import SESSION_LIMIT, Accounts
from app.errors import NotLoggedIn
from retrieval.types import Principal


class Identity:
    """Reads and writes the session cookie; looks up sessions and keys.

    The cookie holds the session's token, signed: what we did not hand out is refused without a
    look into SQL. `Lax`, not `Strict`: a link to Assay from elsewhere finds its reader logged in.
    What changes something is checked for its origin (see `guard`).
    """

    def __init__(self, accounts: Accounts, secret: bytes, *, is_secure: bool) -> None:
        self._accounts = accounts
        self._signer = Signer(
            secret, salt="assay.session", key_derivation="hmac", digest_method=hashlib.sha256
        )
        self._is_secure = is_secure
        # Under this prefix a browser takes the cookie only over TLS and for this very host.
        self.cookie_name = "__Host-assay_session" if is_secure else "assay_session"

    def requester(self, request: Request) -> Principal:
        """Who is asking. An Authorization header is never passed over for a cookie.

        Raises:
            NotLoggedIn: nobody we know.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            scheme, _, key = authorization.partition(" ")
            found = self._accounts.principal_of_key(key.strip()) if key else None
            if scheme.lower() != "bearer" or found is None:
                raise NotLoggedIn("the API key is unknown or revoked; make one with `assay key`")
            return found
        token = self.token(request)
        found = self._accounts.session(token) if token else None
        if found is None:
            raise NotLoggedIn(
                "log in, or send an API key as `Authorization: Bearer assay_...`"
                if token is None
                else "the session has ended; log in again"
            )
        return found

    def token(self, request: Request) -> str | None:
        """The session token of the request's cookie; None without one that we signed."""
        try:
            return self._signer.unsign(request.cookies.get(self.cookie_name, "")).decode()
        except (BadSignature, UnicodeError):
            return None

    def remember(self, response: Response, token: str) -> None:
        """Have the browser send this session's token from now on."""
        response.set_cookie(
            self.cookie_name,
            self._signer.sign(token).decode(),
            max_age=int(SESSION_LIMIT.total_seconds()),
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",
        )

    def forget(self, response: Response) -> None:
        """Have the browser drop the cookie."""
        response.delete_cookie(
            self.cookie_name, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )
