"""A small OpenID provider, real over HTTP: discovery, authorization, token and keys.

Somebody logs in by a button of its page. What it does wrong is said by changing its fields.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT, SECRET = "assay-tests", "a s:cret/é"
_PAGE = (
    "<!doctype html><title>Provider</title><h1>Provider</h1>"
    '<a id="in" href="{}">Log in</a> <a id="no" href="{}">Cancel</a>'
)


@cache
def _first_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


class TestProvider:
    """Its state. `claims` are put over those of the next tokens; None leaves one out."""

    __test__ = False

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.keys: list[Any] = [_first_key()]
        self.signs_with: Any = self.keys[0]
        self.algorithm = "RS256"
        self.described: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.user = {"sub": "248289761001", "preferred_username": "maria"}
        self.status = 200
        self.forge: Callable[[dict[str, Any]], str] | None = None
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def rotate(self) -> None:
        """Sign with a new key from now on, and publish it."""
        self.signs_with = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig"})
        self.algorithm = "ES256"
        self.keys.append(self.signs_with)

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
            **self.described,
        }

    def places(self, query: dict[str, str]) -> tuple[str, str]:
        """Where somebody goes who logs in, and who does not."""
        assert query["response_type"] == "code" and query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256" and "openid" in query["scope"].split()
        code = secrets.token_urlsafe(8)
        self._codes[code] = query
        back = query["redirect_uri"]
        common = {"state": query["state"], "iss": self.issuer}
        good = urlencode({"code": code, **common})
        return f"{back}?{good}", f"{back}?{urlencode({'error': 'access_denied', **common})}"

    def token(self, form: dict[str, str], login: str) -> tuple[int, dict[str, Any]]:
        """The reply of the token endpoint. A code is good for once."""
        name, _, secret = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")
        if (unquote(name), unquote(secret)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        begun = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            begun is None
            or begun["code_challenge"] != challenge
            or begun["redirect_uri"] != form.get("redirect_uri")
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": begun["nonce"],
            **self.user,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.signs_with.kid}
        if self.forge is not None:
            return 200, {"id_token": self.forge(claims)}
        token = jwt.encode(header, claims, self.signs_with, algorithms=[self.algorithm])
        return 200, {"id_token": token, "access_token": "x", "token_type": "Bearer"}


class _Handler(BaseHTTPRequestHandler):
    provider: TestProvider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self.provider.asked.append(address.path)
        if address.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            places = [place.replace("&", "&amp;") for place in self.provider.places(query)]
            self._send(200, _PAGE.format(*places).encode(), "text/html")
        elif address.path == "/keys":
            keys = [key.as_dict(private=False) for key in self.provider.keys]
            self._json(self.provider.status, {"keys": keys})
        else:
            self._json(self.provider.status, self.provider.description())

    def do_POST(self) -> None:
        self.provider.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self._json(*self.provider.token(form, self.headers.get("Authorization", "")))

    def _json(self, status: int, value: object) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def provider_running() -> Iterator[TestProvider]:
    """A provider at a port of its own."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.provider = TestProvider(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield handler.provider  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
