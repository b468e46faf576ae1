"""Settings of workers. The workers read them; the launcher passes on those that were given to the platform.

A setting that is not here does not reach a worker.
"""

from __future__ import annotations

import os

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafkaml.answers import DEFAULT_MAX_ANSWER_BYTES
from kafkaml.codecs.schema_registry import SchemaRegistrySettings
from kafkaml.logs import LogSettings
from kafkaml.settings import Isolation, KafkaSettings, MetricsSettings, TracingSettings, given_variables

__all__ = ["InferenceSettings", "TrainingSettings", "worker_environment"]


class _WorkerSettings(BaseSettings):
    """How the model processes of any worker are started."""

    model_config = SettingsConfigDict(env_prefix="KML_", extra="ignore", frozen=True, populate_by_name=True)

    isolation: Isolation = Field("auto", validation_alias="KML_ISOLATION")
    model_start_timeout_seconds: float = Field(
        180.0,
        gt=0,
        validation_alias="KML_MODEL_START_TIMEOUT_SECONDS",
        description="of a model process: a cold one imports its framework, which takes long where ten of them start",
    )


class TrainingSettings(_WorkerSettings):
    """How model processes are isolated and started, and how often what they learn is saved."""

    checkpoint_seconds: float = Field(10.0, ge=0, description="between two ends of epochs that are kept; 0 keeps each")


class InferenceSettings(_WorkerSettings):
    """Tuning of replicas, ``KML_INFERENCE_*``; the defaults suit all machines."""

    model_config = SettingsConfigDict(env_prefix="KML_INFERENCE_")

    max_batch: int = Field(
        1024, ge=1, le=65536, description="most records that the model gets at once; memory and time may allow fewer"
    )
    max_answer_bytes: int = Field(
        DEFAULT_MAX_ANSWER_BYTES,
        ge=1 << 20,
        le=1_000_000_000,
        description="the largest answer; output topics that are made here take as much where the model needs it",
    )
    commit_seconds: float = Field(0.1, gt=0, le=10, description="the longest time between two commits under load")
    batch_timeout_seconds: float = Field(60.0, gt=0, description="after this a model that does not answer is restarted")
    keep_warm_seconds: float = Field(
        600.0, ge=0, description="how long the version before is kept ready after a swap, so that going back is quick"
    )
    session_timeout_seconds: float = Field(10.0, ge=1, description="after this Kafka takes a silent replica for dead")
    # The limit must be shorter than a broker's transaction.max.timeout.ms, and longer than the longest stall that a
    # replica should survive.
    transaction_timeout_seconds: float = Field(15.0, ge=1)


def worker_environment(kafka: KafkaSettings) -> dict[str, str]:
    """Return the environment of every worker in addition to its job's: how it reaches Kafka, and this process's
    settings.

    Raises ValidationError for a value that workers would refuse.
    """
    tracing = TracingSettings()
    given = (
        TrainingSettings(), InferenceSettings(), LogSettings(), MetricsSettings(), SchemaRegistrySettings(), tracing
    )  # fmt: skip
    variables = {name: value for settings in given for name, value in given_variables(settings).items()}
    return kafka.to_env() | variables | (_of_opentelemetry() if tracing.tracing else {})


def _of_opentelemetry() -> dict[str, str]:
    """Return the variables with OpenTelemetry's own names. Headers hold credentials, which no manifest may, so a
    collector next to the workers adds them.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("OTEL_") and not name.endswith("_HEADERS") and value
    }
