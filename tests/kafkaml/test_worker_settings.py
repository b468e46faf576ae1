"""Workers get every setting of the platform that they read, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from kafkaml.settings import KafkaSettings
from kafkaml.worker_settings import InferenceSettings, TrainingSettings, worker_environment

ROOT = Path(__file__).resolve().parents[2]
KAFKA = KafkaSettings(bootstrap_servers="kafka:9092")


def test_what_nobody_set_is_left_to_the_workers() -> None:
    assert worker_environment(KAFKA) == {
        "KML_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "KML_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
    }


def test_workers_read_what_the_platform_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "KML_ISOLATION": "landlock",
        "KML_MODEL_START_TIMEOUT_SECONDS": "300.0",
        "KML_CHECKPOINT_SECONDS": "0.0",
        "KML_INFERENCE_MAX_BATCH": "7",
        "KML_LOG_FORMAT": "json",
        "KML_SCHEMA_REGISTRY_URL": "https://registry:8081",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert given.items() <= worker_environment(KAFKA).items()
    training, inference = TrainingSettings(), InferenceSettings()
    assert (training.isolation, training.model_start_timeout_seconds, training.checkpoint_seconds) == (
        "landlock",
        300,
        0,
    )
    assert (inference.isolation, inference.model_start_timeout_seconds, inference.max_batch) == ("landlock", 300, 7)


def test_what_workers_would_refuse_is_refused_where_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_INFERENCE_COMMIT_SECONDS", "0")
    with pytest.raises(ValidationError, match="commit_seconds"):
        worker_environment(KAFKA)


@pytest.mark.parametrize("room", ["model_training", "model_inference"])
def test_workers_have_no_settings_of_their_own(room: str) -> None:
    assert [path.name for path in (ROOT / room).rglob("*.py") if "BaseSettings" in path.read_text()] == []
