"""Which addresses may receive events: those whose host a setting names. Checked when one is entered and before each
request.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from backend.api.addresses import AddressRefused, addresses_of, is_outside
from backend.config.environment import environment

__all__ = ["check_target"]

_FORM = re.compile(r"https?://[^\s/?#@\\]+(/[^\s#\\]*)?")
_PORTS = {"http": 80, "https": 443}


def check_target(url: str) -> str:
    """Return the host or address to connect to for ``url``; raises AddressRefused for what no setting allows.

    A named host may be anywhere. ``*`` allows any host on the internet, by https. The returned address must be used,
    because the name could resolve to another one a moment later.
    """
    if not _FORM.fullmatch(url):
        raise AddressRefused(f"{url[:100]!r} is not an address to tell: expected https://host:port/path")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise AddressRefused(f"{url[:100]!r} has no host, or no port from 1 to 65535") from None
    allowed = {part.strip().lower() for part in environment().webhook_hosts.split(",")} - {""}
    if host in allowed or f"{host}:{port}" in allowed:
        return host
    hint = f"an administrator of the platform can allow it: KML_WEBHOOK_HOSTS={host}"
    if "*" not in allowed:
        raise AddressRefused(f"{host} may not be notified: KML_WEBHOOK_HOSTS names {_listed(allowed)}", hint=hint)
    if parts.scheme != "https":
        raise AddressRefused(f"{host} is not named in KML_WEBHOOK_HOSTS: expected https", hint=hint)
    found = addresses_of(host, port)
    inside = [address for address in found if not is_outside(address)]
    if inside:
        raise AddressRefused(f"{host} is an address inside ({inside[0]})", hint=hint)
    return found[0]


def _listed(allowed: set[str]) -> str:
    return ", ".join(sorted(allowed)) or "no host"
