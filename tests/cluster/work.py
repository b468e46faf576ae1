"""Specifications of runs as the controller makes them, for tests on a cluster."""

from __future__ import annotations

from typing import Any

from backend.launchers.base import RestartPolicy, WorkSpec

__all__ = ["BASE_ENV", "inference", "training"]

# The environment of every worker in addition to that of its job.
BASE_ENV = {"KML_KAFKA_BOOTSTRAP_SERVERS": "kafka.kafka-ml:9092"}


def training(number: int, **more: Any) -> WorkSpec:
    """Return the first attempt of training ``number``; ``more`` overrides fields."""
    arguments: dict[str, Any] = {
        "name": f"kml-train-{number}-a1",
        "module": "model_training",
        "env": {"KML_JOB_FRAMEWORK": "pytorch"},
        "token": "a-token",
        "restart": RestartPolicy.NEVER,
    }
    return WorkSpec(**{**arguments, **more})


def inference(number: int, **more: Any) -> WorkSpec:
    """Return inference ``number`` with two replicas; ``more`` overrides fields."""
    arguments: dict[str, Any] = {
        "name": f"kml-infer-{number}-a1",
        "module": "model_inference",
        "restart": RestartPolicy.ALWAYS,
        "replicas": 2,
    }
    return training(number, **{**arguments, **more})
