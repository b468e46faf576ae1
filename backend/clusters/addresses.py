"""Which addresses of clusters are allowed: an address that somebody enters could point at anything inside.

Asked when an address is entered, and again whenever it is connected to, because a name may mean another place by then.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from backend.config.environment import environment
from kafkaml.errors import RefusedError

__all__ = ["AddressRefused", "check_address"]

_FORM = re.compile(r"https://[^\s/?#@\\]+(/[A-Za-z0-9._~/-]*)?")
_HTTPS_PORT = 443
# IPv6 addresses that lead to the IPv4 address in their last four bytes.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(RefusedError):
    """The address is not one that may be connected to."""


def check_address(url: str) -> None:
    """Raise AddressRefused for what is no https address, and for one inside that no setting allows."""
    if not _FORM.fullmatch(url):
        raise AddressRefused(f"{url[:100]!r} is not an address of a cluster's API: expected https://host:port")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or _HTTPS_PORT
    except ValueError:
        raise AddressRefused(f"{url[:100]!r} has no host, or no port from 1 to 65535") from None
    allowed = {each.strip().lower() for each in environment().allowed_clusters.split(",")}
    if "*" in allowed or host in allowed or f"{host}:{port}" in allowed:
        return
    inside = [address for address in _addresses(host, port) if not _is_outside(address)]
    if inside:
        raise AddressRefused(
            f"{host} is an address inside ({inside[0]})",
            hint=f"whoever runs the platform can allow it: KML_ALLOWED_CLUSTERS={host}",
        )


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(
            f"there is no address for {host[:100]!r}", hint="look for a typing error; the platform must resolve it"
        ) from None
    # A link-local address carries its interface behind a percent sign.
    return sorted({str(each[4][0]).partition("%")[0] for each in found})


def _is_outside(text: str) -> bool:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in _TRANSLATED:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.is_global and not address.is_multicast
