"""BackendSettings: everything that can be set from outside, read once at start from the environment.

Called by ``settings.py`` (Django's module) only; the rest of the backend reads ``environment()``.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafkaml.control import DEFAULT_CONTROL_TOPICS, control_topics
from kafkaml.errors import SettingsError
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.settings import Isolation, KafkaSettings, default_state_dir
from kafkaml.wire.example import OfferedExample
from kafkaml.wire.framework import Framework
from kafkaml.worker_settings import InferenceSettings

__all__ = ["BackendSettings", "environment"]


def _executor_urls() -> dict[Framework, str]:
    return {framework.name: os.environ.get(framework.executor_setting, "") for framework in FRAMEWORKS.values()}


class BackendSettings(BaseSettings):
    """Settings of the API and the controller (prefix ``KML_``; the database also as ``DATABASE_URL``)."""

    model_config = SettingsConfigDict(env_prefix="KML_", extra="ignore", frozen=True, populate_by_name=True)

    state_dir: Path = Field(default_factory=default_state_dir)
    backend_url: str = Field("http://127.0.0.1:8000", description="address for browsers and the command line")
    worker_backend_url: str = Field(
        "", description="address for workers, where it is another than for browsers: http within a cluster"
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("DATABASE_URL", "KML_DATABASE_URL"),
        description="e.g. postgres://user:password@host/name; empty: SQLite in the state folder",
    )
    s3_bucket: str = Field(
        "", description="bucket of an S3-compatible store for trained models; empty: the state folder keeps them"
    )
    s3_endpoint_url: str = Field("", description="the store's address, e.g. https://s3.example.com; empty: Amazon's")
    s3_region: str = "us-east-1"
    s3_prefix: str = Field("", description="what all keys in the bucket begin with, e.g. kafka-ml")
    s3_access_key_id: str = Field("", description="empty: what the AWS SDK finds on its own, such as a pod's identity")
    s3_secret_access_key: SecretStr = SecretStr("")
    s3_ca_file: str = Field("", description="authority of the store's certificate; empty: those of the system")
    s3_cache_bytes: int = Field(
        20 << 30, ge=0, description="how much of what is in the store the state folder may hold as well"
    )
    allowed_hosts: str = Field("127.0.0.1,localhost,[::1]", description="comma-separated host names served")
    https: bool = Field(False, description="true where browsers reach the platform by https only")
    behind_proxy: bool = Field(False, description="trust X-Forwarded-Proto of the proxy in front")
    secret_key_file: str = Field("", description="empty: <state_dir>/secrets/django_secret, made on first start")
    service_token_file: str = Field("", description="secret shared with the control logger and the executors")
    executor_urls: Mapping[Framework, str] = Field(
        default_factory=_executor_urls,
        description="address of the framework's executor",
        json_schema_extra={"variables": [framework.executor_setting for framework in FRAMEWORKS.values()]},
    )
    executor_timeout_seconds: float = Field(120.0, gt=0)
    control_topic: str = Field(
        DEFAULT_CONTROL_TOPICS, description="topics of announcements, comma-separated; ours go to the first"
    )
    sink_bootstrap_servers: str = Field(
        "", description="Kafka's address for programs elsewhere, as the pages tell it; empty: the platform's own"
    )
    allowed_output_brokers: str = Field(
        "",
        description="comma-separated host:port that inferences may write to in addition to the platform's own cluster; "
        "* for any",
    )
    allowed_clusters: str = Field(
        "",
        description="comma-separated hosts of other Kubernetes clusters that may be entered although they are inside "
        "(private addresses); * for any",
    )
    webhook_hosts: str = Field(
        "",
        description="comma-separated hosts that webhooks may tell, wherever they are; * for any outside, by https; "
        "empty: none",
    )
    examples: tuple[OfferedExample, ...] = Field(
        (), description="examples that editors may run by a click, as JSON; `kafka-ml up` sets it"
    )
    isolation: Isolation = "auto"
    job_token_seconds: int = Field(3600, ge=60, description="life of a job token; workers renew it every minute")
    # A worker that could not reach the backend for this long may still renew, so that a long training is not lost.
    job_token_renewal_seconds: int = Field(24 * 3600, ge=0)
    session_seconds: int = Field(14 * 24 * 3600, ge=300)
    login_link_seconds: int = Field(15 * 60, ge=30)
    max_artifact_bytes: int = Field(20 << 30, gt=0)
    max_run_artifact_bytes: int = Field(
        50 << 30, gt=0, description="all artifacts of one attempt together; its checkpoints apart"
    )
    model_memory_bytes: int = Field(4 << 30, ge=0, description="memory limit of a model process; 0: none")
    model_file_bytes: int = Field(8 << 30, ge=0)
    training_wall_seconds: int = Field(0, ge=0, description="time limit of one classic training; 0: none")
    kept_versions: int = Field(
        20,
        ge=1,
        description="versions kept of each result, in addition to the current, the pinned and the served ones; older "
        "ones are deleted",
    )
    versions_topic: str = Field(
        "kafka-ml.versions", description="compacted topic that tells which version of each result is current"
    )
    event_retention_seconds: int = Field(3600, ge=60, description="how far back a browser can catch up")
    outbox_retention_seconds: int = Field(
        7 * 24 * 3600, ge=60, description="how long records that the platform wrote to Kafka stay in its database"
    )

    def __hash__(self) -> int:
        # Object stores are cached by these settings, which need their own hash because one of them is a map.
        return hash(repr(self.__dict__))

    @property
    def url_for_workers(self) -> str:
        """Where workers reach the API; within a cluster another address than a browser's."""
        return self.worker_backend_url or self.backend_url

    @property
    def control_topics(self) -> tuple[str, ...]:
        """The topics on which sinks announce streams; the platform's own announcements go to the first."""
        return control_topics(self.control_topic)

    @property
    def artifacts_dir(self) -> Path:
        """Where trained models are stored, by result, attempt and hash."""
        return self.state_dir / "artifacts"

    @property
    def kafka(self) -> KafkaSettings:
        """How the platform's own cluster is reached."""
        return KafkaSettings()

    @property
    def max_answer_bytes(self) -> int:
        """The largest answer that a replica may give; topics are created for it."""
        return InferenceSettings().max_answer_bytes

    def executor_url(self, framework: Framework) -> str:
        """Return the executor's address for a framework; empty when there is none."""
        return self.executor_urls.get(framework, "").rstrip("/")

    def secret_key(self) -> str:
        """Return Django's secret key, making it on first start in a file that only its owner reads."""
        path = Path(self.secret_key_file) if self.secret_key_file else self.state_dir / "secrets" / "django_secret"
        return _secret(path, create=not self.secret_key_file)

    def service_token(self) -> str:
        """Return the secret shared with the control logger and the executors; empty when none is set up."""
        path = (
            Path(self.service_token_file) if self.service_token_file else self.state_dir / "secrets" / "service_token"
        )
        try:
            return path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""


def _secret(path: Path, *, create: bool) -> str:
    if create and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes the file 0600; link fails when another process was first, whose secret then counts.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            Path(temporary).unlink()
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"the secret {path} cannot be read: {error.strerror}") from error
    if len(text) < 32:
        raise SettingsError(f"the secret in {path} has {len(text)} characters: expected 32 or more random ones")
    return text


@cache
def environment() -> BackendSettings:
    """Return the settings of this process."""
    return BackendSettings()
