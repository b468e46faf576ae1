"""Guards against addresses that point inside: resolves a host's name, and decides whether the result is on the
internet.

Called when an address is entered, and again on each connection, because the name may resolve to another address by
then.
"""

from __future__ import annotations

import ipaddress
import socket

from kafkaml.errors import RefusedError

__all__ = ["AddressRefused", "addresses_of", "is_outside"]

# IPv6 addresses that lead to the IPv4 address in their last four bytes.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
# Public IPv6 addresses, and those of them that contain an arbitrary IPv4 address (6to4).
_GIVEN = ipaddress.ip_network("2000::/3")
_WRAPPED = ipaddress.ip_network("2002::/16")
_FOR_EXAMPLES = ipaddress.ip_network("3fff::/20")


class AddressRefused(RefusedError):
    """The address is not one that may be connected to."""


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses that a host's name resolves to now; raises AddressRefused when there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(
            f"there is no address for {host[:100]!r}", hint="look for a typing error; the platform must resolve it"
        ) from None
    # A link-local address carries its interface after a percent sign.
    return sorted({str(info[4][0]).partition("%")[0] for info in found})


def is_outside(text: str) -> bool:
    """Whether an address is on the internet, not private, local or otherwise special."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in _TRANSLATED:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif address not in _GIVEN or address in _WRAPPED or address in _FOR_EXAMPLES:
            return False
    return address.is_global and not address.is_multicast
