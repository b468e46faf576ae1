"""Signals about models for other apps."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["linked", "source_changed"]

# A signal that is sent, with ``model``, in the transaction that saves the model's new source.
source_changed = Signal()
# A signal that is sent, with ``model`` and ``actor``, in the transaction that gives the model another upper model.
linked = Signal()
