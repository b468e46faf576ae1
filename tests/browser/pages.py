"""The addresses of all pages, for tests and screenshots that visit each of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kafkaml.sdk import Client
from kafkaml.sdk.types import Inference, RunState, TrainingResult

__all__ = ["READINGS", "Demo", "declared_routes", "page_addresses"]

_FEATURES = Path(__file__).resolve().parents[2] / "frontend/src/features"
READINGS = "demo-readings"
_DEMO_MODELS = ("digits-keras", "digits-pytorch")


def declared_routes() -> set[str]:
    """Every route that the web UI declares, as written: ``/models/$id``."""
    routes: set[str] = set()
    for file in _FEATURES.glob("*/routes.ts*"):
        routes |= set(re.findall(r"path: '([^']+)'", file.read_text(encoding="utf-8")))
    return routes


@dataclass(frozen=True)
class Demo:
    """The objects that the demo made and serves.

    ``results`` and ``inferences`` belong to its Keras and its PyTorch model. ``dataset`` holds machine readings, from a
    topic of the name ``READINGS``.
    """

    configuration: int
    deployment: int
    stream: int
    dataset: int
    results: tuple[TrainingResult, TrainingResult]
    inferences: tuple[Inference, Inference]

    @classmethod
    def on(cls, client: Client) -> Demo:
        """Find the demo's objects on a platform, whatever else was made there before and since."""
        inferences = [inference for inference in client.inferences.list() if inference.state == RunState.RUNNING]
        keras, pytorch = (
            min(
                (inference for inference in inferences if inference.model_name == name),
                key=lambda inference: inference.id,
            )
            for name in _DEMO_MODELS
        )
        results = client.results.get(keras.result), client.results.get(pytorch.result)
        assert results[0].deployment is not None
        deployment = client.deployments.get(results[0].deployment)
        (stream,) = {result.stream for result in results}
        assert stream is not None
        (dataset,) = client.datasets.list(search=READINGS)
        return cls(deployment.configuration, deployment.id, stream, dataset.id, results, (keras, pytorch))


def page_addresses(demo: Demo) -> dict[str, list[str]]:
    """The addresses to visit by route; each tab has an address of its own."""
    result = demo.results[-1]
    inference = demo.inferences[-1]

    def tabs(path: str, *names: str) -> list[str]:
        return [path, *(f"{path}?tab={name}" for name in names)]

    return {
        "/": ["/", "/?view=table"],
        "/models": ["/models"],
        "/models/new": ["/models/new"],
        "/models/$id": tabs(f"/models/{result.model}", "code", "users"),
        "/configurations": ["/configurations"],
        "/configurations/new": ["/configurations/new"],
        "/configurations/$id": tabs(f"/configurations/{demo.configuration}", "deployments", "edit"),
        "/training": ["/training", "/training?tab=runs"],
        "/training/new": [
            "/training/new",
            f"/training/new?configuration={demo.configuration}",
            f"/training/new?configuration={demo.configuration}&dataset={demo.dataset}",
        ],
        "/training/$id": tabs(f"/training/{demo.deployment}", "settings"),
        "/training/compare": [f"/training/compare?results={result.id},{demo.results[0].id}"],
        "/results/$id": tabs(f"/results/{result.id}", "confusion", "versions", "logs", "lineage", "files"),
        "/results/$id/versions/$number": [f"/results/{result.id}/versions/1"],
        "/inference": ["/inference"],
        "/inference/new": ["/inference/new", f"/inference/new?result={result.id}"],
        "/inference/chain": ["/inference/chain"],
        "/inference/$id": tabs(f"/inference/{inference.id}", "try", "compare", "letters", "logs", "settings"),
        "/streams": ["/streams"],
        "/streams/$id": tabs(f"/streams/{demo.stream}", "rule", "trainings"),
        "/datasets": ["/datasets"],
        "/datasets/new": ["/datasets/new", f"/datasets/new?topic={READINGS}"],
        "/datasets/$id": tabs(f"/datasets/{demo.dataset}", "samples", "versions", "deployments"),
        "/topics": ["/topics"],
        "/topics/$name": tabs(f"/topics/{inference.output_topic}", "partitions", "users"),
        "/visualise": ["/visualise"],
        "/visualise/$id": tabs(f"/visualise/{inference.id}", "setup"),
        "/system": ["/system"],
        "/examples": ["/examples"],
        "/clusters": ["/clusters"],
        "/webhooks": ["/webhooks"],
        "/account": ["/account"],
        "/users": ["/users"],
        "/audit": ["/audit"],
    }
