"""Requests to the provider. Nothing else is ever contacted, and redirects are not followed.

Proxies and passwords of the environment (HTTPS_PROXY, .netrc) are not used: the address that is
set is the one that is spoken to. Certificates that the operator trusts (SSL_CERT_FILE) are.
"""

import json
import logging
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from app.oidc.errors import ProviderDown, ProviderWrong

if TYPE_CHECKING:
    import ssl

    import httpx2

_SECONDS = 10.0
_LONGEST_REPLY = 1 << 20
_logger = logging.getLogger(__name__)


class Said(NamedTuple):
    """What the provider said: a JSON object, with the status it came with."""

    status: int
    body: Mapping[str, Any]


class Asking:
    """Asks the provider of this name, at addresses the caller knows to be its own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def get(self, url: str) -> Said:
        """Get a JSON object. Raises as `post`."""
        return self._asked("GET", url)

    def post(
        self, url: str, form: Mapping[str, str], *, login: tuple[str, str] | None = None
    ) -> Said:
        """Post a form, as `login` if given, and get a JSON object.

        Raises:
            ProviderDown: it cannot be reached, takes longer than ten seconds, or says that it has
                trouble (a status from 500).
            ProviderWrong: the reply is no JSON object, a redirect, or more than a megabyte.
        """
        return self._asked("POST", url, form, login)

    def _asked(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        login: tuple[str, str] | None = None,
    ) -> Said:
        import httpx2

        data = None if form is None else dict(form)
        try:
            with (
                self._client() as client,
                client.stream(method, url, data=data, auth=login) as response,
            ):
                status, text = response.status_code, _read(response)
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, TimeoutError) as error:
            _logger.error("%s cannot be asked (%s %s): %s", self._name, method, url, error)
            raise ProviderDown(self._name) from error
        if status >= 500:
            _logger.error("%s answered %s %s with %d", self._name, method, url, status)
            raise ProviderDown(self._name)
        body = _object(text)
        if body is None or 300 <= status < 400:
            _logger.error("%s answered %s %s with no JSON, %d", self._name, method, url, status)
            raise ProviderWrong(self._name, "does not answer as an OpenID provider does")
        return Said(status, body)

    def _client(self) -> "httpx2.Client":
        import httpx2

        return httpx2.Client(
            # What is packed has no size until it is unpacked.
            headers={
                "User-Agent": "assay",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
            timeout=_SECONDS,
            follow_redirects=False,
            trust_env=False,
            verify=self._trusted,
        )

    @cached_property
    def _trusted(self) -> "ssl.SSLContext":
        import httpx2

        return httpx2.create_ssl_context(trust_env=True)


def _read(response: "httpx2.Response") -> bytes | None:
    """The body; None when it is longer than we read.

    Raises:
        TimeoutError: it comes too slowly.
    """
    begun, found = time.monotonic(), bytearray()
    for part in response.iter_raw():
        found += part
        if len(found) > _LONGEST_REPLY:
            return None
        if time.monotonic() - begun > _SECONDS:
            raise TimeoutError("it sends too slowly")
    return bytes(found)


def _object(text: bytes | None) -> Mapping[str, Any] | None:
    try:
        found = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
