"""Whether an address is one that everybody on the internet may reach."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

# All that is given out of IPv6 so far. What is outside leads to a network's own machines: site
# local addresses (fec0::/10), local translators (64:ff9b:1::/48), multicast, …
_GIVEN_OUT = IPv6Network("2000::/3")
_TRANSLATED = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_IPV4_BITS = 0xFFFF_FFFF


def is_public(address: Address) -> bool:
    """Whether an address is public. `is_global` of Python 3.11 says so of too many.

    An IPv6 address that stands for an IPv4 address (mapped, RFC 4291; translated, RFC 6052; 6to4,
    RFC 3056) is as public as that.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    inner = embedded_ipv4(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and address in _GIVEN_OUT


def embedded_ipv4(address: Address) -> IPv4Address | None:
    """The IPv4 address that one of IPv6 stands for, if it does."""
    if isinstance(address, IPv4Address):
        return None
    if address in _TRANSLATED:
        return IPv4Address(int(address) & _IPV4_BITS)
    return address.ipv4_mapped or address.sixtofour
