"""The addresses of all pages, for tests and screenshots that go through every one of them."""

from __future__ import annotations

import re
from pathlib import Path

from kafkaml.sdk import Client

__all__ = ["declared_routes", "page_addresses"]

_FEATURES = Path(__file__).resolve().parents[2] / "frontend/src/features"


def declared_routes() -> set[str]:
    """Every route that the web UI declares, as written: ``/models/$id``."""
    routes: set[str] = set()
    for file in _FEATURES.glob("*/routes.ts*"):
        routes |= set(re.findall(r"path: '([^']+)'", file.read_text(encoding="utf-8")))
    return routes


def page_addresses(client: Client) -> dict[str, list[str]]:
    """Addresses to look at, by route, on a platform that holds what the demo makes; tabs are addresses of their own."""
    result = max(client.results.list(), key=lambda each: each.id)
    model = client.models.list()[0].id
    configuration = client.configurations.list()[0].id
    deployment = client.deployments.list()[0].id
    inference = client.inferences.list()[0]
    stream = client.streams.list()[0].id

    def tabs(path: str, *names: str) -> list[str]:
        return [path, *(f"{path}?tab={name}" for name in names)]

    return {
        "/": ["/", "/?view=table"],
        "/models": ["/models"],
        "/models/new": ["/models/new"],
        "/models/$id": tabs(f"/models/{model}", "code", "users"),
        "/configurations": ["/configurations"],
        "/configurations/new": ["/configurations/new"],
        "/configurations/$id": tabs(f"/configurations/{configuration}", "deployments", "edit"),
        "/training": ["/training", "/training?tab=runs"],
        "/training/new": ["/training/new", f"/training/new?configuration={configuration}"],
        "/training/$id": tabs(f"/training/{deployment}", "settings"),
        "/training/compare": [f"/training/compare?results={result.id},{result.id - 1}"],
        "/results/$id": tabs(f"/results/{result.id}", "metrics", "confusion", "logs", "lineage", "files"),
        "/inference": ["/inference"],
        "/inference/new": ["/inference/new", f"/inference/new?result={result.id}"],
        "/inference/$id": tabs(f"/inference/{inference.id}", "try", "letters", "logs", "settings"),
        "/streams": ["/streams"],
        "/streams/$id": tabs(f"/streams/{stream}", "rule", "trainings"),
        "/topics": ["/topics"],
        "/topics/$name": tabs(f"/topics/{inference.output_topic}", "partitions", "users"),
        "/visualise": ["/visualise"],
        "/visualise/$id": tabs(f"/visualise/{inference.id}", "setup"),
        "/system": ["/system"],
        "/clusters": ["/clusters"],
        "/account": ["/account"],
        "/users": ["/users"],
        "/audit": ["/audit"],
    }
