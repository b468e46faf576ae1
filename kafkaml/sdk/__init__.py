"""The SDK: the platform's API as typed Python.

    from kafkaml.sdk import Client

    with Client() as client:
        model = client.models.create(name="digits", framework="pytorch", code=source)

``Client`` is imported when it is first used, so that ``import kafkaml.sdk`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kafkaml.sdk.client import Client
    from kafkaml.sdk.connection import ClientSettings

__all__ = ["Client", "ClientSettings"]


def __getattr__(name: str) -> object:
    if name == "Client":
        from kafkaml.sdk.client import Client

        return Client
    if name == "ClientSettings":
        from kafkaml.sdk.connection import ClientSettings

        return ClientSettings
    raise AttributeError(name)
