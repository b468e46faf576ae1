"""Scripts at Kafka-ML 1.x's addresses get the present ones; browsers get the page."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from backend.system.old_addresses import present_address


@pytest.mark.parametrize(
    ("method", "path", "now"),
    [
        ("GET", "/models/", "/api/models/"),
        ("GET", "/models/7", "/api/models/7/"),
        ("GET", "/models/result/7", "/api/results/7/"),
        ("GET", "/deployments/4", "/api/deployments/?configuration=4"),
        ("DELETE", "/deployments/4", "/api/deployments/4/"),
        ("GET", "/deployments/results/4", "/api/results/?deployment=4"),
        ("POST", "/results/stop/4", "/api/results/4/stop/"),
        ("GET", "/results/model/4", "/api/results/4/artifacts/NAME/"),
        ("GET", "/results/chart/4", "/api/results/4/"),
        ("POST", "/results_metrics/4", "/api/results/4/"),
        ("GET", "/results/inference/4", "/api/inferences/"),
        ("POST", "/inferences/4", "/api/inferences/4/stop/"),
        ("GET", "/inferences/4", "/api/inferences/4/"),
        ("POST", "/datasources/", "/api/streams/"),
        ("GET", "/frameworksInConfiguration/2", "/api/configurations/2/"),
        ("GET", "/modelsandmore", None),
        ("GET", "/topics", None),
        ("GET", "/", None),
    ],
)
def test_where_it_is_now(method: str, path: str, now: str | None) -> None:
    assert present_address(method, path) == now


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_a_script_gets_json(accept: str, method: str) -> None:
    client = APIClient(headers={"host": "localhost", "accept": accept}, enforce_csrf_checks=True)
    answer = getattr(client, method)("/models/")
    assert (answer.status_code, answer.headers["content-type"]) == (410, "application/problem+json")
    assert answer.json()["new_address"] == "/api/models/"
    assert answer.headers["Link"] == '</api/models/>; rel="successor-version"'


def test_a_browser_gets_the_page() -> None:
    answer = APIClient(headers={"host": "localhost"}).get("/models/", headers={"accept": "text/html,*/*;q=0.8"})
    assert answer.headers["content-type"].startswith("text/html")
