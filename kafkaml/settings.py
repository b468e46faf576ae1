"""Settings that services share, read once at start from the environment (prefix ``KML_``) into typed classes.

Each service has one settings class that inherits what it needs from here; no other code reads ``os.environ``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Isolation", "KafkaSettings", "MetricsSettings", "TracingSettings", "default_state_dir", "given_variables"]

# The isolation of user code from the rest of the machine; see mlcode_executor.sandbox.
Isolation = Annotated[str, Field(pattern="^(auto|namespaces|landlock|off)$")]


def default_state_dir() -> Path:
    """Return the platform's data folder when none is given: ``~/.local/share/kafka-ml``."""
    return Path.home() / ".local" / "share" / "kafka-ml"


def given_variables(settings: BaseSettings) -> dict[str, str]:
    """Return the environment that gives another process the same settings; unset values are left out."""
    prefix = settings.model_config.get("env_prefix", "")
    return {
        str(field.validation_alias or f"{prefix}{name}".upper()): str(getattr(settings, name))
        for name, field in type(settings).model_fields.items()
        if name in settings.model_fields_set
    }


class KafkaSettings(BaseSettings):
    """How to reach a Kafka cluster. Field names follow librdkafka's; only these reach the client, never free text:
    librdkafka has settings that load code (``plugin.library.paths``) or read files.
    """

    model_config = SettingsConfigDict(env_prefix="KML_KAFKA_", extra="ignore", frozen=True)

    bootstrap_servers: str = Field("127.0.0.1:9092", description="comma-separated host:port")
    security_protocol: str = Field("PLAINTEXT", pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$")
    sasl_mechanism: str = Field("", pattern="^(|PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$")
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    sasl_password_file: str = Field(
        "", description="path of a file that holds the password, preferred to the password itself"
    )
    ssl_ca_location: str = Field("", description="PEM file of the certificate authority; empty means the system's")
    ssl_certificate_location: str = ""
    ssl_key_location: str = ""

    def client_config(self) -> dict[str, Any]:
        """Return the settings as the Kafka client takes them."""
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
        }
        if self.sasl_mechanism:
            password = self.sasl_password.get_secret_value()
            if self.sasl_password_file:
                password = Path(self.sasl_password_file).read_text(encoding="utf-8").strip()
            config |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": password,
            }
        for name in ("ssl_ca_location", "ssl_certificate_location", "ssl_key_location"):
            if value := getattr(self, name):
                config[name.replace("_", ".")] = value
        return config

    def to_env(self) -> dict[str, str]:
        """Return the environment that makes a child process read the same settings; the password travels by file."""
        return {
            f"KML_KAFKA_{name.upper()}": str(getattr(self, name))
            for name in type(self).model_fields
            if name != "sasl_password" and getattr(self, name)
        }


class TracingSettings(BaseSettings):
    """``KML_TRACING`` turns tracing on. Everything else is set by OpenTelemetry's own variables, ``OTEL_*``."""

    model_config = SettingsConfigDict(env_prefix="KML_", extra="ignore", frozen=True, env_ignore_empty=True)

    tracing: Literal["", "otlp"] = Field(
        "",
        description="otlp: inferences send spans to a collector, as OTEL_EXPORTER_OTLP_ENDPOINT and the other OTEL_* "
        "say; needs kafka-ml[tracing]; empty: none",
    )


class MetricsSettings(BaseSettings):
    """``KML_METRICS_*``: anyone who reaches the address can read the metrics, so a network rule has to guard it."""

    model_config = SettingsConfigDict(env_prefix="KML_METRICS_", extra="ignore", frozen=True, env_ignore_empty=True)

    address: str = Field(
        "",
        description="host:port at which each process answers GET /metrics without a token, for itself and those that "
        "share its state folder, e.g. 0.0.0.0:9464; guard it by a network rule; empty: at none",
    )

    @field_validator("address")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        try:
            parts = urlsplit(f"//{value}")
            complete = not value or (bool(parts.hostname) and bool(parts.port) and parts.netloc == value)
        except ValueError:
            complete = False
        if not complete or "@" in value:
            raise ValueError(f"{value!r} is not an address to listen at: expected host:port, e.g. 127.0.0.1:9464")
        return value

    @property
    def host(self) -> str:
        """The host of ``address``; empty without an address."""
        return urlsplit(f"//{self.address}").hostname or ""

    @property
    def port(self) -> int:
        """The port of ``address``; 0 without an address."""
        return urlsplit(f"//{self.address}").port or 0
