"""Signals about models for other apps."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["linked", "source_changed"]

# Sent with ``model`` in the transaction that saves its new source.
source_changed = Signal()
# Sent with ``model`` and ``actor`` in the transaction that gives it another upper model.
linked = Signal()
