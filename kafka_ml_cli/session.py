"""Session: what the options before the command say, and the client that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from kafkaml.local.state import StateDir
    from kafkaml.sdk.client import Client
    from kafkaml.settings import KafkaSettings

__all__ = ["Session", "asked", "client_of", "session_of"]


@dataclass
class Session:
    """One run of the command line."""

    url: str = ""
    state_dir: Path | None = None

    def state(self, given: Path | None = None) -> StateDir:
        """Return the state folder that is meant; ``given`` is the command's own option."""
        from kafkaml.local.state import find_state_dir

        return find_state_dir(given or self.state_dir)

    def client(self) -> Client:
        """Return a client of the platform that is meant."""
        from kafkaml.sdk.client import Client
        from kafkaml.sdk.connection import ClientSettings

        settings = ClientSettings()
        changes = {"url": self.url or settings.url, "state_dir": self.state_dir or settings.state_dir}
        return Client(*settings.model_copy(update=changes).resolve())

    def kafka(self, bootstrap_servers: str = "") -> KafkaSettings:
        """Return how to reach Kafka: as given, otherwise as in the environment, otherwise the running platform's
        broker.
        """
        from kafkaml.settings import KafkaSettings

        settings = KafkaSettings()
        if bootstrap_servers:
            return settings.model_copy(update={"bootstrap_servers": bootstrap_servers})
        state = self.state()
        if "bootstrap_servers" not in settings.model_fields_set and state.is_running():
            status = state.read_status()
            if status is not None:
                return settings.model_copy(update={"bootstrap_servers": status.bootstrap_servers})
        return settings


def session_of(context: typer.Context) -> Session:
    """Return the session of the running command."""
    session = context.find_object(Session)
    return session if session is not None else Session()


def client_of(context: typer.Context) -> Client:
    """Return the client of the running command, closed when the command ends."""
    client = session_of(context).client()
    context.call_on_close(client.close)
    return client


def asked(parameters: Mapping[str, Any], *others: str, **read: object) -> dict[str, Any]:
    """Return the ``locals()`` of a command whose parameters are those of the SDK, without ``others`` that are not.

    ``read`` is what was made of some of them.
    """
    return {name: value for name, value in parameters.items() if name not in ("context", "json", *others)} | read
