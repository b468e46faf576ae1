"""SchemaRegistry: the writer's schema of Avro records that carry a schema's id (Confluent framing).

Asked by ``AvroCodec`` once for each id. Configured by the platform's owner (``KML_SCHEMA_REGISTRY_URL``), never by a
stream: an announcement must not make a worker call addresses of its choice.
"""

from __future__ import annotations

from pathlib import Path

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafkaml.errors import BrokerError, DecodeError

__all__ = ["SchemaRegistry", "SchemaRegistrySettings"]

# A schema is text for people; more would be something else.
_MAX_ANSWER_BYTES = 4 << 20


class SchemaRegistrySettings(BaseSettings):
    """How to reach a Schema Registry; without ``url`` there is none."""

    model_config = SettingsConfigDict(env_prefix="KML_SCHEMA_REGISTRY_", extra="ignore", frozen=True)

    url: str = Field("", pattern="^(|https?://.+)$")
    username: str = ""
    password_file: str = Field("", description="path of a file that holds the password")
    ca_file: str = Field("", description="PEM file of the certificate authority; empty means the system's")


class SchemaRegistry:
    """Callable: schema id -> schema text. Keeps nothing; its caller asks once for each id."""

    def __init__(self, settings: SchemaRegistrySettings, *, timeout_seconds: float = 10.0) -> None:
        password = Path(settings.password_file).read_text(encoding="utf-8").strip() if settings.password_file else ""
        self._url = settings.url.rstrip("/")
        self._client = httpx.Client(
            auth=(settings.username, password) if settings.username else None,
            verify=settings.ca_file or True,
            timeout=timeout_seconds,
        )

    @classmethod
    def from_environment(cls) -> SchemaRegistry | None:
        """Return the configured registry, or None where there is none."""
        settings = SchemaRegistrySettings()
        return cls(settings) if settings.url else None

    def __call__(self, schema_id: int) -> str:
        """Raises DecodeError for an id that the registry does not know, BrokerError when it cannot be asked."""
        try:
            answer = self._client.get(f"{self._url}/schemas/ids/{schema_id}")
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise DecodeError(
                    f"the Schema Registry does not know schema {schema_id}",
                    hint="the record may have no schema id at all, or come from a producer with another registry",
                )
            answer.raise_for_status()
            document = answer.json() if len(answer.content) <= _MAX_ANSWER_BYTES else None
        except (httpx.HTTPError, ValueError) as error:
            raise BrokerError(
                f"the Schema Registry at {self._url} did not answer for schema {schema_id}: {error!r}",
                hint="check KML_SCHEMA_REGISTRY_URL, and that the registry runs",
            ) from error
        schema = document.get("schema") if isinstance(document, dict) else None
        if not isinstance(schema, str):
            raise BrokerError(f"the Schema Registry at {self._url} answered without a schema for id {schema_id}")
        return schema
