"""SchemaRegistry: finds the writer's schema of records with a schema id (Confluent framing).

Readers of records call it once per id. Configured by the platform's owner (``KML_SCHEMA_REGISTRY_URL``), never by a
stream: an announcement must not make a worker call addresses of its choice.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafkaml.bounded_http import bounded
from kafkaml.codecs.registry import RegisteredSchema, SchemaKind
from kafkaml.errors import BrokerError, DecodeError

__all__ = ["SchemaRegistry", "SchemaRegistrySettings"]

# Largest schema that is accepted. A longer text is not a schema.
_MAX_ANSWER_BYTES = 4 << 20
_MAX_IMPORTS = 100
# Time limit of a whole answer, with all schemas that it refers to, as a multiple of the limit for its next byte.
_PATIENCE = 3


class SchemaRegistrySettings(BaseSettings):
    """How to reach a Schema Registry; without ``url`` there is no registry."""

    model_config = SettingsConfigDict(env_prefix="KML_SCHEMA_REGISTRY_", extra="ignore", frozen=True)

    url: str = Field(
        "", pattern="^(|https?://.+)$", description="address of a Schema Registry; empty means that there is none"
    )
    username: str = Field("", description="who asks, by HTTP's basic authentication; empty means nobody")
    password_file: str = Field("", description="path of a file that holds the password")
    ca_file: str = Field("", description="PEM file of the certificate authority; empty means the system's")


class SchemaRegistry:
    """Callable: schema id -> schema. Caches nothing, because callers ask once per id."""

    def __init__(self, settings: SchemaRegistrySettings, *, timeout_seconds: float = 10.0) -> None:
        password = Path(settings.password_file).read_text(encoding="utf-8").strip() if settings.password_file else ""
        self._url = settings.url.rstrip("/")
        self._auth = (settings.username, password) if settings.username else None
        self._verify = ssl.create_default_context(cafile=settings.ca_file or None)
        self._timeout_seconds = timeout_seconds

    @classmethod
    def from_environment(cls) -> SchemaRegistry | None:
        """Return the configured registry, or None where there is none."""
        settings = SchemaRegistrySettings()
        return cls(settings) if settings.url else None

    def __call__(self, schema_id: int) -> RegisteredSchema:
        """Raises DecodeError for an id that the registry does not know, BrokerError when it cannot be asked."""
        with httpx.Client(
            auth=self._auth,
            verify=self._verify,
            timeout=self._timeout_seconds,
            headers={"accept-encoding": "identity"},
        ) as client:
            try:
                return bounded(client, _PATIENCE * self._timeout_seconds, lambda: self._find(client, schema_id))
            except (httpx.HTTPError, ValueError) as error:
                raise BrokerError(
                    f"the Schema Registry at {self._url} did not answer for schema {schema_id}: {error!r}",
                    hint="check KML_SCHEMA_REGISTRY_URL, and that the registry runs",
                ) from error

    def _find(self, client: httpx.Client, schema_id: int) -> RegisteredSchema:
        document = self._get(client, f"schemas/ids/{schema_id}")
        if document is None:
            raise DecodeError(
                f"the Schema Registry does not know schema {schema_id}",
                hint="the record may have no schema id at all, or come from a producer with another registry",
            )
        # Registries that only know Avro leave the kind of a schema out.
        kind = document.get("schemaType") or SchemaKind.AVRO
        if not isinstance(kind, str) or kind not in set(SchemaKind):
            raise DecodeError(f"schema {schema_id} is one of {str(kind)[:40]}: expected {', '.join(SchemaKind)}")
        return RegisteredSchema(
            self._text(document, f"id {schema_id}"), SchemaKind(kind), self._imports(client, document)
        )

    def _imports(self, client: httpx.Client, document: Mapping[str, Any]) -> dict[str, str]:
        """Return the texts of what a schema refers to, and of what these refer to."""
        texts: dict[str, str] = {}
        waiting = self._references(document)
        while waiting:
            name, subject, version = waiting.pop()
            if name in texts:
                continue
            if len(texts) >= _MAX_IMPORTS:
                raise DecodeError(f"a schema refers to more than {_MAX_IMPORTS} others")
            found = self._get(client, f"subjects/{quote(subject, safe='')}/versions/{version}")
            if found is None:
                raise DecodeError(f"a schema refers to version {version} of {subject!r}, which the registry lacks")
            texts[name] = self._text(found, subject)
            waiting += self._references(found)
        return texts

    def _references(self, document: Mapping[str, Any]) -> list[tuple[str, str, int]]:
        """Return name, subject and version of what a schema refers to."""
        try:
            found = [
                (reference["name"], reference["subject"], reference["version"])
                for reference in document.get("references") or ()
            ]
        except (TypeError, KeyError, IndexError):
            found = [(None, None, None)]
        if not all(isinstance(value, kind) for row in found for value, kind in zip(row, (str, str, int), strict=True)):
            raise BrokerError(f"the Schema Registry at {self._url} answered with an odd reference")
        return found

    def _get(self, client: httpx.Client, path: str) -> dict[str, Any] | None:
        """Return a document; None if it does not exist."""
        with client.stream("GET", f"{self._url}/{path}") as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            answer.raise_for_status()
            document = orjson.loads(_body(answer))
        return document if isinstance(document, dict) else {}

    def _text(self, document: Mapping[str, Any], what: str) -> str:
        schema = document.get("schema")
        if not isinstance(schema, str):
            raise BrokerError(f"the Schema Registry at {self._url} answered without a schema for {what}")
        return schema


def _body(answer: httpx.Response) -> bytes:
    """Return the body, ValueError where it is too long."""
    body = bytearray()
    # The raw body is read, because a body that is compressed without being asked for could unpack to any size.
    for part in answer.iter_raw():
        body += part
        if len(body) > _MAX_ANSWER_BYTES:
            raise ValueError(f"more than {_MAX_ANSWER_BYTES} bytes")
    return bytes(body)
