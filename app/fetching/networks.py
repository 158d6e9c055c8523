"""Which addresses may be connected to. Pure."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.delivery.addresses import Address, embedded_ipv4, is_public

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Public by its number, and yet the inside of a cloud: it tells machines their secrets.
_METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})


@dataclass(frozen=True, slots=True)
class Networks:
    """The public internet, and the networks that an operator has named besides."""

    named: tuple[Network, ...] = ()

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Networks":
        """Networks as `10.0.0.0/8` or `fd00::/8`.

        Raises:
            ValueError: one of them is none.
        """
        return cls(tuple(ipaddress.ip_network(text) for text in texts))

    def allow(self, address: Address) -> bool:
        """Whether to connect to an address; one of IPv6 that stands for one of IPv4 is as that."""
        inner = embedded_ipv4(address) or address
        if any(inner in network or address in network for network in self.named):
            return True
        return is_public(address) and inner not in _METADATA
