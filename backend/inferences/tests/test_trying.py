"""Who may try samples and send dead letters back, and what the API refuses before it asks Kafka."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("try/", {}, 400),
        ("try/", {"sample": [1], "timeout_seconds": 900}, 400),
        ("try/", {"sample": [1], "shape": [0]}, 400),
        ("try/", {"sample": [[0] * 8] * 8}, 409),
        ("dead_letters/replay/", {}, 400),
        ("dead_letters/replay/", {"all": True, "positions": [{"partition": 0, "offset": 0}]}, 400),
        ("dead_letters/replay/", {"positions": [{"partition": 0, "offset": 0}] * 501}, 400),
    ],
)
def test_the_api_refuses_before_it_asks_kafka(path: str, body: Any, status: int, editor: APIClient) -> None:
    inference = builders.make_inference()
    assert editor.post(f"/api/inferences/{inference.pk}/{path}", body, format="json").status_code == status


@pytest.mark.django_db
def test_a_sample_that_does_not_fit_is_refused_with_the_reason(editor: APIClient) -> None:
    answer = editor.post(f"/api/inferences/{builders.make_inference().pk}/try/", {"sample": [1, 2]}, format="json")
    assert answer.status_code == 400
    (problem,) = answer.json()["errors"]
    assert (problem["field"], problem["code"]) == ("sample", "shape")
    assert "2 numbers): expected the shape 8 x 8 (64 numbers)" in problem["detail"]


@pytest.mark.django_db
def test_only_editors_try_and_send_back(viewer: APIClient) -> None:
    path = f"/api/inferences/{builders.make_inference().pk}"
    assert viewer.post(f"{path}/try/", {"sample": [1]}, format="json").status_code == 403
    assert viewer.post(f"{path}/dead_letters/replay/", {"all": True}, format="json").status_code == 403
    assert viewer.get(f"{path}/dead_letters/", {"before": "x"}).status_code == 400
