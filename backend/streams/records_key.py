"""Which announcements are of the same records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

__all__ = ["records_key"]

_NAMES = ("topic", "unsupervised_topic", "input_format", "input_config")


def records_key(message: Mapping[str, Any], sent_at: datetime | None) -> str:
    """Return what announcements of the same records, decoded alike, have in common: 64 hexadecimal digits.

    ``message`` is ControlMessage.to_json(). The records of an online stream are those since it was first announced.
    """
    since = message.get("since_ms")
    if message.get("incremental") and since is None and sent_at is not None:
        since = int(sent_at.timestamp() * 1000)
    what = [*(message.get(name) for name in _NAMES), since]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
