"""Decides which addresses of clusters are allowed, because an entered address could point at anything inside.

Called when an address is entered, and again on each connection, because the name may resolve to another address by
then.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from backend.api.addresses import AddressRefused, addresses_of, is_outside
from backend.config.environment import environment

__all__ = ["check_address"]

_FORM = re.compile(r"https://[^\s/?#@\\]+(/[A-Za-z0-9._~/-]*)?")
_HTTPS_PORT = 443


def check_address(url: str) -> None:
    """Raise AddressRefused for anything but an https address, and for an inside one that no setting allows."""
    if not _FORM.fullmatch(url):
        raise AddressRefused(f"{url[:100]!r} is not an address of a cluster's API: expected https://host:port")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or _HTTPS_PORT
    except ValueError:
        raise AddressRefused(f"{url[:100]!r} has no host, or no port from 1 to 65535") from None
    allowed = {part.strip().lower() for part in environment().allowed_clusters.split(",")}
    if "*" in allowed or host in allowed or f"{host}:{port}" in allowed:
        return
    inside = [address for address in addresses_of(host, port) if not is_outside(address)]
    if inside:
        raise AddressRefused(
            f"{host} is an address inside ({inside[0]})",
            hint=f"an administrator of the platform can allow it: KML_ALLOWED_CLUSTERS={host}",
        )
