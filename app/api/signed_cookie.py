"""Small values that a browser keeps for us and cannot change."""

import hashlib
from typing import Any

from fastapi import Request
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.responses import Response

from app.api.services import Services


class SignedCookie:
    """A JSON value in a cookie, out of reach of scripts, good for `max_age` seconds.

    Signed, not encrypted: it is the browser's to read. `salt` keeps the kinds apart.
    """

    def __init__(self, services: Services, name: str, *, max_age: int, salt: str) -> None:
        self._serializer = URLSafeTimedSerializer(
            services.session_secret,
            salt=salt,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
        self._is_secure = services.secure_cookies
        # Under this prefix a browser takes the cookie only over TLS and for this very host.
        self._name = f"__Host-assay_{name}" if self._is_secure else f"assay_{name}"
        self._max_age = max_age

    def put(self, response: Response, value: object) -> None:
        """Have the browser keep a value."""
        response.set_cookie(
            self._name,
            str(self._serializer.dumps(value)),
            max_age=self._max_age,
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",
        )

    def value(self, request: Request) -> Any:  # noqa: ANN401 - whatever was put in
        """What it keeps; None without it, when it is too old, and when we did not sign it."""
        try:
            return self._serializer.loads(
                request.cookies.get(self._name, ""), max_age=self._max_age
            )
        except BadData:
            return None

    def drop(self, response: Response) -> None:
        """Have the browser drop it."""
        response.delete_cookie(
            self._name, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )
