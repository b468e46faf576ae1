"""``client.topics``: topics of the platform's cluster, and their records."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kafkaml.sdk import types
from kafkaml.sdk.connection import Connection
from kafkaml.wire.proposal import Proposal

__all__ = ["Topics"]


class Topics:
    """Topics of the platform's cluster, and their committed records in readable form."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, *, search: str = "", internal: bool = False) -> list[types.Topic]:
        """Return topics whose names hold ``search``; Kafka's own only when ``internal``."""
        found: list[types.Topic] = []
        while True:
            params = {"search": search, "internal": internal, "limit": 500, "offset": len(found)}
            page = self._connection.request("GET", "/topics/", params=params)
            found += [types.Topic.model_validate(topic) for topic in page["results"]]
            if not page["results"] or len(found) >= page["count"]:
                return found

    def create(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication_factor: int | None = None,
        retention_ms: int | None = None,
    ) -> types.Topic:
        """Create a topic and return it. None means the broker's default; ``retention_ms`` -1 keeps records forever."""
        body = {
            "name": name,
            "partitions": partitions,
            "replication_factor": replication_factor,
            "retention_ms": retention_ms,
        }
        return types.Topic.model_validate(self._connection.request("POST", "/topics/", body=body))

    def get(self, name: str) -> types.Topic:
        """Return a topic with its partitions, users and readers; ApiError with status 404 when there is none."""
        return types.Topic.model_validate(self._connection.request("GET", f"/topics/{quote(name, safe='')}/"))

    def records(self, name: str, **query: object) -> types.RecordPage:
        """Return a page of records; ``query`` is that of the API.

        ``start`` (newest, oldest or an offset), ``timestamp`` (milliseconds), ``before``, ``after`` (cursors of another
        page), ``partition``, ``contains``, ``matches`` (a regular expression), ``limit``, ``decoder`` (auto, text,
        json, hex, raw, avro, telegraf) and its settings ``data_type``, ``data_reshape``, ``label_type``,
        ``label_reshape``, ``data_scheme``, ``label_scheme``.
        """
        path = f"/topics/{quote(name, safe='')}/records/"
        return types.RecordPage.model_validate(self._connection.request("GET", path, params=query))

    def produce(
        self,
        name: str,
        value: str | bytes | None,
        *,
        key: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        partition: int | None = None,
    ) -> types.RecordPlace:
        """Write one record and return where it is; ``value`` None is a tombstone.

        Texts are written as UTF-8. Without ``partition`` the key decides. For data of any size use the sinks.
        """
        body: dict[str, Any] = {"partition": partition}
        body["headers"] = [{"name": value, "value": text} for value, text in (headers or {}).items()]
        for field, given in (("key", key), ("value", value)):
            if isinstance(given, bytes):
                body[field], body[f"{field}_encoding"] = base64.b64encode(given).decode(), "base64"
            else:
                body[field] = given
        path = f"/topics/{quote(name, safe='')}/records/"
        return types.RecordPlace.model_validate(self._connection.request("POST", path, body=body))

    def groups(self, name: str) -> types.OtherGroups:
        """Return the consumer groups that read a topic and do not belong to an inference, with their lag."""
        path = f"/topics/{quote(name, safe='')}/groups/"
        return types.OtherGroups.model_validate(self._connection.request("GET", path))

    def settings(self, name: str) -> types.TopicSettings:
        """Return Kafka's settings of a topic, such as its retention."""
        path = f"/topics/{quote(name, safe='')}/settings/"
        return types.TopicSettings.model_validate(self._connection.request("GET", path))

    def propose(self, name: str, **query: object) -> Proposal:
        """Return what a sample of a topic suggests: a contract, what its fields hold, and what to look at.

        ``query`` is what is known already: ``format`` (JSON, AVRO, PROTOBUF, CSV, RAW, TELEGRAF_STR_JSON), ``label`` (a
        field, ``_key`` or ``none``), ``data_scheme``, ``message``, ``data_type``, ``data_reshape``, ``delimiter``,
        ``decimal``, ``columns``; and which part of the topic is sampled: ``since_ms``, ``until_ms``, ``records``.
        """
        path = f"/topics/{quote(name, safe='')}/proposal/"
        return Proposal.model_validate(self._connection.request("POST", path, body=query))
