"""Signs requests as Standard Webhooks says (https://www.standardwebhooks.com), whose libraries verify the signatures.

A signature is HMAC-SHA256 with a shared secret, as Stripe's and GitHub's are. It covers the time, so that a recorded
request cannot be sent again later. It also covers the message's id, by which a receiver recognises a repeated message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

__all__ = ["is_secret", "new_secret", "signature_headers"]

_PREFIX = "whsec_"
_BYTES = range(24, 65)


def new_secret() -> str:
    """Return a secret that nobody has."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def is_secret(text: str) -> bool:
    """Whether ``text`` has the form of a secret: ``whsec_`` and 24 to 64 bytes as base64."""
    try:
        return text.startswith(_PREFIX) and len(_key(text)) in _BYTES
    except (binascii.Error, ValueError):
        return False


def signature_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that say who sends ``body``, and when: ``timestamp`` in seconds since 1970."""
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    signature = base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
