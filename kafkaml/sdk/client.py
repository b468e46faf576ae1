"""Client: every action of the API, as methods that return typed objects. Errors are kafkaml.errors.ApiError.

    with Client() as client:
        result = client.results.wait_for(7, RunState.FINISHED)

Without arguments it finds the platform of this machine (see ``ClientSettings``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from kafkaml.closing import Closing
from kafkaml.sdk import types
from kafkaml.sdk.accounts import Tokens, Users
from kafkaml.sdk.clusters import Clusters
from kafkaml.sdk.configurations import Configurations
from kafkaml.sdk.connection import ClientSettings, Connection, ServerSentEvent
from kafkaml.sdk.datasets import Datasets
from kafkaml.sdk.deployments import Deployments
from kafkaml.sdk.frameworks import Frameworks
from kafkaml.sdk.inferences import Inferences
from kafkaml.sdk.models import Models
from kafkaml.sdk.results import Results
from kafkaml.sdk.streams import Streams
from kafkaml.sdk.topics import Topics
from kafkaml.sdk.webhooks import Webhooks
from kafkaml.settings import KafkaSettings

__all__ = ["Client"]


class Client(Closing):
    """One connection to a platform. Thread-safe; a context manager.

    It has over 12 fields because each resource of the API is one.
    """

    def __init__(self, url: str = "", token: str = "", *, transport: httpx.BaseTransport | None = None) -> None:
        if not (url and token):
            given = {name: value for name, value in (("url", url), ("token", token)) if value}
            url, token = ClientSettings(**given).resolve()  # type: ignore[arg-type]
        self._connection = Connection(url, token, transport=transport)
        self.url = url
        self._bootstrap_servers = ""
        self.frameworks = Frameworks(self._connection)
        self.models = Models(self._connection)
        self.configurations = Configurations(self._connection)
        self.datasets = Datasets(self._connection)
        self.deployments = Deployments(self._connection)
        self.results = Results(self._connection)
        self.inferences = Inferences(self._connection, self.kafka_settings)
        self.streams = Streams(self._connection)
        self.topics = Topics(self._connection)
        self.clusters = Clusters(self._connection)
        self.webhooks = Webhooks(self._connection)
        self.users = Users(self._connection)
        self.tokens = Tokens(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def system(self) -> dict[str, Any]:
        """Return the state of the platform: components, versions, isolation, broker."""
        document: dict[str, Any] = self._connection.request("GET", "/system/")
        return document

    def kafka_settings(self) -> KafkaSettings:
        """Return how Kafka is reached from here: by ``KML_KAFKA_*``, otherwise at the address from the platform."""
        settings = KafkaSettings()
        if "bootstrap_servers" in settings.model_fields_set:
            return settings
        if not self._bootstrap_servers:
            self._bootstrap_servers = str(self.system()["broker"]["sink_bootstrap_servers"])
        return settings.model_copy(update={"bootstrap_servers": self._bootstrap_servers})

    def audit(self, **filters: object) -> list[types.AuditEntry]:
        """Return the audit trail, newest first."""
        return [types.AuditEntry.model_validate(page) for page in self._connection.pages("/audit/", filters)]

    def events(self, topics: Sequence[str], *, last_id: str = "") -> Iterator[ServerSentEvent]:
        """Iterate over live events of ``topics`` (results, inferences, ...) until the server closes the stream."""
        for event in self._connection.events(",".join(topics), last_id=last_id):
            if event is not None:
                yield event
