"""Whom streams are announced to: deployments, which live on a floor above. They say so when the platform starts.

``announced`` is sent with each new ``announcement`` in the transaction that registers it; a receiver returns how many
runs took the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.dispatch import Signal

__all__ = ["addressees", "announced", "register_addressees"]

announced = Signal()
_find: list[Callable[[], QuerySet[Any]]] = []


def register_addressees(find: Callable[[], QuerySet[Any]]) -> None:
    """Let ``find`` return the rows whose ids announcements name."""
    _find[:] = [find]


def addressees() -> QuerySet[Any]:
    """Return the rows that a stream can be announced to."""
    return _find[0]()
