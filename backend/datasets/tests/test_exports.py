"""Data sets as files, through the API: read from a real broker by the program that writes them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.config.environment import environment
from backend.datasets import exports
from backend.datasets.models import DatasetVersion
from backend.datasets.tests.test_datasets import BEGAN, made, readings
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.settings import KafkaSettings
from kafkaml.testing import labelled_images, raw_announcement, send_raw
from tests.conftest import TestBroker

__all__ = ["readings"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]


@pytest.fixture
def work() -> Iterator[Path]:
    """Where files are written, of which nothing must be left."""
    folder = environment().state_dir / "exports"
    yield folder
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_version_is_a_file(viewer: APIClient, editor: APIClient, readings: str, work: Path) -> None:
    assert not work.exists() or list(work.iterdir()) == []
    dataset = made(editor, readings, name="of pumps/2", test_rate=0.2, validation_rate=0)
    place = f"/api/datasets/{dataset['id']}/export/"
    answer: Any = viewer.get(place, {"format": "npz"})
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == 'attachment; filename="of-pumps-2-v1.npz"'
    content = b"".join(answer.streaming_content)
    assert (len(content), answer["X-Samples"]) == (int(answer["Content-Length"]), "10")
    with np.load(io.BytesIO(content)) as arrays:
        assert sorted(arrays["features"][:, 0].tolist()) == [2.0 * number for number in range(10)]
        assert np.bincount(arrays["part"]).tolist() == [8, 0, 2]
    answer = viewer.get(place, {"version": 1})
    table = pl.read_parquet(b"".join(answer.streaming_content))
    assert (table.columns, len(table)) == (["a", "ok", "part"], 10)


def test_an_announced_stream_is_a_file(viewer: APIClient, readings: str, broker: TestBroker, work: Path) -> None:
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    images, labels = labelled_images(10)
    ranges = send_raw(writer, broker.topic(1, retention_ms=-1), images, labels)
    writer.close()
    announced = builders.make_stream(value=raw_announcement(ranges, images, labels).to_bytes())
    answer: Any = viewer.get(f"/api/streams/{announced.pk}/export/", {"format": "npz"})
    assert answer.status_code == 200, answer.json()
    assert answer["Content-Disposition"] == f'attachment; filename="stream-{announced.pk}.npz"'
    with np.load(io.BytesIO(b"".join(answer.streaming_content))) as arrays:
        assert arrays["features"].shape == images.shape
        assert sorted(arrays["labels"].tolist()) == sorted(labels.tolist())


def test_of_one_without_end_what_is_exported_has_one(
    viewer: APIClient, editor: APIClient, readings: str, work: Path
) -> None:
    assert not work.exists() or list(work.iterdir()) == []
    since = BEGAN + timedelta(minutes=4)
    dataset = made(editor, readings, slice={"topic": readings, "online": True, "since": since.isoformat()})
    place = f"/api/datasets/{dataset['id']}/export/"
    refused = viewer.get(place)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "until")
    answer: Any = viewer.get(place, {"until": (BEGAN + timedelta(minutes=7)).isoformat()})
    assert answer.status_code == 200, answer.content
    assert sorted(pl.read_parquet(b"".join(answer.streaming_content))["a"].to_list()) == [8, 10, 12]
    bounded = made(editor, readings, name="with an end")
    refused = viewer.get(f"/api/datasets/{bounded['id']}/export/", {"until": BEGAN.isoformat()})
    assert (refused.status_code, "has an end" in refused.json()["detail"]) == (400, True)


def test_what_cannot_be_exported_is_said(viewer: APIClient, editor: APIClient, readings: str, work: Path) -> None:
    dataset = made(editor, readings)
    place = f"/api/datasets/{dataset['id']}/export/"
    for asked, field in [({"version": 3}, "version"), ({"format": "csv"}, "format")]:
        answer = viewer.get(place, asked)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert viewer.get("/api/datasets/999999999/export/").status_code == 404
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "EXPORT_SECONDS", 0.0)
        assert viewer.get(place).status_code == 504
        patch.setattr(exports, "_running", 2)
        assert viewer.get(place).status_code == 503
    DatasetVersion.objects.update(ranges="gone-for-ever:0:0:10")
    answer = viewer.get(place)
    assert (answer.status_code, "gone-for-ever" in answer.json()["detail"]) == (422, True)
