"""Answers of the API as objects, including values that JSON cannot hold."""

from __future__ import annotations

import math

from kafkaml.sdk.types import Deployment, TrainingResult

DIVERGED = {
    "id": 1,
    "model": 2,
    "state": "finished",
    "progress": {"epoch": 1, "epochs": 1, "batch": 1, "batches": 1, "metrics": {"loss": None}},
    "metrics": {"epoch": 1, "seconds": 0.5, "training": {"loss": None}, "validation": {}},
    "epochs": [{"epoch": 1, "seconds": 0.5, "training": {"loss": None, "mae": 2}, "validation": {"loss": None}}],
    "outcome": {
        "seconds": 0.5,
        "samples": {"training": 8},
        "test_metrics": {"loss": None},
        "artifacts": {},
        "versions": {},
        "code_sha256": "c" * 64,
        "slice_sha256": "5" * 64,
        "warnings": ["the training diverged"],
        "onnx_max_difference": None,
    },
}


def test_metrics_that_are_not_finite_are_nan_wherever_they_are() -> None:
    found = TrainingResult.model_validate(DIVERGED)
    assert found.progress is not None
    assert found.metrics is not None
    numbers = [
        found.progress.metrics["loss"],
        found.metrics.training["loss"],
        found.epochs[0].training["loss"],
        found.epochs[0].validation["loss"],
        found.test_metrics["loss"],
    ]
    assert all(map(math.isnan, numbers))
    assert found.epochs[0].training["mae"] == 2
    assert found.warnings == ["the training diverged"]
    # Only numbers become NaN.
    assert found.outcome is not None
    assert found.outcome.onnx_max_difference is None


def test_results_inside_a_deployment_are_read_alike() -> None:
    found = Deployment.model_validate(
        {"id": 1, "configuration": 1, "batch_size": 32, "state": "finished", "results": [DIVERGED]}
    )
    assert math.isnan(found.results[0].test_metrics["loss"])
    assert (found.split, found.targets) == (None, "labels")


def test_what_a_newer_platform_adds_is_kept() -> None:
    failure = {"category": "of tomorrow", "cause": "x", "remedy": "y"}
    found = TrainingResult.model_validate(
        {**DIVERGED, "failure": failure, "outcome": {**DIVERGED["outcome"], "energy_joules": 7}, "cost": 3}
    )
    shown = found.model_dump(mode="json")
    assert (shown["cost"], shown["outcome"]["energy_joules"], shown["outcome"]["test_metrics"]) == (
        3,
        7,
        {"loss": None},
    )
    assert shown["failure"]["category"] == "of tomorrow"
    assert shown["failure"]["remedy"] == "y"
