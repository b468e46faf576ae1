"""The SDK: the platform's API as typed Python.

    from kafkaml.sdk import Client

    with Client() as client:
        model = client.models.create(name="digits", framework="pytorch", code=source)

Errors are those of ``kafkaml.errors``. Everything is imported when it is first used, so that ``import kafkaml.sdk``
costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kafkaml.sdk.client import Client
    from kafkaml.sdk.connection import ClientSettings
    from kafkaml.sdk.predictions import AnswersMissing, Prediction

__all__ = ["AnswersMissing", "Client", "ClientSettings", "Prediction"]

_MODULES = {
    "AnswersMissing": "predictions",
    "Client": "client",
    "ClientSettings": "connection",
    "Prediction": "predictions",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
