"""Leadership: at most one controller acts. A row in the database names it; the other controllers wait for its end.

A waiting controller takes over immediately when the holder was a process of this machine that is gone, otherwise when
the holder has not renewed its lease for ``lease_seconds``. Two leaders for a moment do no harm, because the database
refuses reports of older attempts, and work is launched once per name.
"""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from backend.controller.models import Lease
from kafkaml.failpoints import failpoint
from kafkaml.process_id import ProcessId

__all__ = ["Leadership"]


@dataclass(frozen=True)
class _Holder:
    host: str
    pid: int
    started: str

    def to_text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def me(cls) -> _Holder:
        process = ProcessId.of(os.getpid())
        return cls(socket.gethostname(), os.getpid(), process.started if process else "")


class Leadership:
    """One controller's claim to lead under ``name``."""

    def __init__(self, name: str = "controller", *, lease_seconds: float = 15.0) -> None:
        self._name = name
        self._lease_seconds = lease_seconds
        self._me = _Holder.me()
        self._renewed = float("-inf")

    @property
    def is_held(self) -> bool:
        """Whether this process may act, judged locally, with a margin for slow clocks."""
        return time.monotonic() - self._renewed < self._lease_seconds * 0.6

    def acquire(self) -> bool:
        """Take, renew or be refused the lead. To be called several times per ``lease_seconds``."""
        if time.monotonic() - self._renewed < self._lease_seconds / 5:
            return True
        before = time.monotonic()
        mine = self._me.to_text()
        with transaction.atomic():
            now = timezone.now()
            lease, _ = Lease.objects.select_for_update().get_or_create(
                name=self._name, defaults={"holder": mine, "renewed_at": now}
            )
            expired = lease.renewed_at < now - timedelta(seconds=self._lease_seconds)
            if lease.holder != mine and not expired and not self._is_gone(lease.holder):
                self._renewed = float("-inf")
                return False
            lease.holder, lease.renewed_at = mine, now
            lease.save()
        failpoint("controller.lease_taken")
        self._renewed = before
        return True

    def release(self) -> None:
        """Release the lead, so that another can take it immediately."""
        self._renewed = float("-inf")
        Lease.objects.filter(name=self._name, holder=self._me.to_text()).update(holder="")

    def _is_gone(self, holder: str) -> bool:
        """Whether the holder has certainly ended, which can be seen only of processes of this machine."""
        try:
            other = _Holder(**json.loads(holder))
        except (ValueError, TypeError):
            return True
        return other.host == self._me.host and not ProcessId(other.pid, other.started).is_alive
