"""What a provider says of itself (OpenID Connect Discovery 1.0), and which addresses are taken."""

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from app.oidc.errors import ProviderWrong
from app.oidc.types import Endpoints, Provider

WELL_KNOWN = "/.well-known/openid-configuration"


def address_of(issuer: str) -> str:
    """Where the provider describes itself (section 4)."""
    return issuer.rstrip("/") + WELL_KNOWN


def endpoints_of(provider: Provider, described: Mapping[str, Any]) -> Endpoints:
    """The addresses in a provider's description of itself.

    Raises:
        ProviderWrong: it is the description of another (section 4.3), or an address is missing or
            may not be used.
    """
    if described.get("issuer") != provider.issuer:
        raise ProviderWrong(
            provider.name, "calls itself by another address than ASSAY_OIDC_ISSUER has"
        )

    def address(name: str) -> str:
        url = described.get(name)
        if not isinstance(url, str) or not is_private_on_the_way(url):
            raise ProviderWrong(provider.name, f"has no {name} that is https")
        return url

    return Endpoints(
        address("authorization_endpoint"),
        address("token_endpoint"),
        address("jwks_uri"),
        described.get("authorization_response_iss_parameter_supported") is True,
    )


def is_private_on_the_way(url: str) -> bool:
    """Whether nobody on the way can read what is sent there: https, or this very machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if not host or not url.isascii() or not url.isprintable() or " " in url or parts.username:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
