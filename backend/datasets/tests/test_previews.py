"""Previews through the API: what a contract, right or wrong, makes of a topic on a real broker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from backend.datasets import previews
from backend.datasets.tests.test_datasets import BEGAN, CONTRACT, made, readings
from backend.datasets.views import PreviewThrottle
from kafkaml.wire.preview import Preview

__all__ = ["readings"]

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def ask(client: APIClient, topic: str, contract: dict[str, Any], **asked: Any) -> Preview:
    answer = client.post("/api/datasets/preview/", {"slice": {"topic": topic}, "contract": contract, **asked})
    assert answer.status_code == 200, answer.content
    return Preview.model_validate(answer.json())


def test_a_contract_is_previewed_before_there_is_a_data_set(viewer: APIClient, readings: str) -> None:
    seen = ask(viewer, readings, CONTRACT, samples=2, test_rate=0.2, validation_rate=0)
    assert (seen.records, seen.sampled, seen.decodes, seen.problems) == (10, 10, 1, ())
    assert [(column.place, column.name) for column in seen.columns] == [("columns.0", "a"), ("labels.0", "ok")]
    assert seen.parts is not None
    assert (seen.parts.training, seen.parts.test) == (8, 2)
    first, last = seen.samples
    assert (first.offset, first.inputs[0].values, first.label) == (0, (0.0,), "true")
    assert (last.offset, last.inputs[0].values, last.label) == (9, (18.0,), "false")
    assert (last.key, last.timestamp_ms) == ("m1", int(BEGAN.timestamp() * 1000) + 9 * 60_000)
    part = ask(viewer, readings, CONTRACT, slice={"topic": readings, "start": 3, "end": 7})
    assert (part.records, part.samples[0].offset) == (4, 3)


def test_a_wrong_expression_is_reported_next_to_the_columns_that_are_right(viewer: APIClient, readings: str) -> None:
    columns = [*CONTRACT["columns"], {"name": "b", "expression": "a + aa"}]
    seen = ask(viewer, readings, {**CONTRACT, "columns": columns})
    assert [(problem.place, problem.start, problem.end) for problem in seen.problems] == [
        ("columns.1.expression", 4, 6)
    ]
    assert [column.name for column in seen.columns] == ["a", "ok"]
    assert len(seen.samples) == 10


def test_of_one_without_end_what_is_there_is_previewed(viewer: APIClient, editor: APIClient, readings: str) -> None:
    since = BEGAN + timedelta(minutes=6)
    online = {"topic": readings, "online": True}
    seen = ask(viewer, readings, CONTRACT, slice={**online, "since": since.isoformat()})
    assert (seen.records, seen.samples[0].offset) == (4, 6)
    assert seen.parts is not None
    assert seen.parts.test == 0
    # Since now: by what came before.
    later = {**online, "since": (BEGAN + timedelta(days=400)).isoformat()}
    seen = ask(viewer, readings, {**CONTRACT, "window": {"length": 2}, "split": "time"}, slice=later)
    assert (seen.records, [problem.place for problem in seen.problems]) == (10, ["split"])
    dataset = made(editor, readings, slice={**online, "since": since.isoformat()})
    answer = viewer.get(f"/api/datasets/{dataset['id']}/preview/")
    assert (answer.status_code, answer.json()["records"]) == (200, 4)


def test_a_version_is_previewed(viewer: APIClient, editor: APIClient, readings: str) -> None:
    dataset = made(editor, readings, slice={"topic": readings, "start": 0, "end": 4})
    answer = viewer.get(f"/api/datasets/{dataset['id']}/preview/", {"samples": 1})
    assert answer.status_code == 200, answer.content
    seen = Preview.model_validate(answer.json())
    assert (seen.sampled, len(seen.samples)) == (4, 1)
    for query, field in [({"version": 2}, "version"), ({"samples": 1000}, "samples")]:
        answer = viewer.get(f"/api/datasets/{dataset['id']}/preview/", query)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_the_records_are_read_once_for_a_while(
    viewer: APIClient, readings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(viewer, readings, CONTRACT)
    monkeypatch.delattr(previews, "open_sampler")
    assert ask(viewer, readings, {**CONTRACT, "columns": [{"name": "b", "expression": "-a"}]}).sampled == 10


def test_what_is_wrong_with_the_slice_is_refused(viewer: APIClient, readings: str) -> None:
    for asked, status, field in [
        ({"slice": {"topic": readings, "start": 3, "end": 20}}, 400, "end"),
        ({"slice": {"topic": readings, "since": "2027-01-01T00:00:00Z"}}, 400, "slice.since"),
        ({"slice": {"topic": readings}, "contract": [1]}, 400, "contract"),
        ({"slice": {"topic": readings}, "samples": 0}, 400, "samples"),
        ({"slice": {"topic": readings}, "test_rate": 1}, 400, "test_rate"),
        ({"slice": {"topic": "no-such-topic"}}, 422, None),
    ]:
        answer = viewer.post("/api/datasets/preview/", {"contract": CONTRACT, **asked})
        assert answer.status_code == status, answer.content
        assert [error["field"] for error in answer.json().get("errors", [])][:1] == ([field] if field else [])


def test_one_person_cannot_ask_all_the_time(viewer: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(PreviewThrottle, "THROTTLE_RATES", {"preview": "2/min"})
    assert [viewer.post("/api/datasets/preview/", {}).status_code for _ in range(3)] == [400, 400, 429]
