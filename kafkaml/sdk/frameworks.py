"""``client.frameworks``: what models can be written in."""

from __future__ import annotations

import builtins

from kafkaml.sdk import types
from kafkaml.sdk.connection import Connection

__all__ = ["Frameworks"]


class Frameworks:
    """What models can be written in."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> builtins.list[types.Framework]:
        """Return all frameworks, with the arguments that each of them takes."""
        return [
            types.Framework.model_validate(framework) for framework in self._connection.request("GET", "/frameworks/")
        ]
