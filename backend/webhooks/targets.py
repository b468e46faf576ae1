"""Which addresses may be told: those whose host a setting names, asked when one is entered and before each request."""

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

    A host that is named may be anywhere. By ``*`` any may be told that is outside, by https, and what its name means
    now is what to connect to: it could mean another place a moment later.
    """
    if not _FORM.fullmatch(url):
        raise AddressRefused(f"{url[:100]!r} is not an address to tell: expected https://host:port/path")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise AddressRefused(f"{url[:100]!r} has no host, or no port from 1 to 65535") from None
    allowed = {each.strip().lower() for each in environment().webhook_hosts.split(",")} - {""}
    if host in allowed or f"{host}:{port}" in allowed:
        return host
    hint = f"whoever runs the platform can allow it: KML_WEBHOOK_HOSTS={host}"
    if "*" not in allowed:
        raise AddressRefused(f"{host} may not be told: KML_WEBHOOK_HOSTS names {_listed(allowed)}", hint=hint)
    if parts.scheme != "https":
        raise AddressRefused(f"{host} is not named in KML_WEBHOOK_HOSTS: expected https", hint=hint)
    found = addresses_of(host, port)
    inside = [address for address in found if not is_outside(address)]
    if inside:
        raise AddressRefused(f"{host} is an address inside ({inside[0]})", hint=hint)
    return found[0]


def _listed(allowed: set[str]) -> str:
    return ", ".join(sorted(allowed)) or "no host"
