"""Samples behind the cells of a confusion matrix, through the API."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.deployments import storage
from backend.deployments.models import ResultVersion, TrainingResult
from kafkaml.confusion_samples import CONFUSION_SAMPLES, choose_samples
from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange

pytestmark = pytest.mark.django_db


def keep_samples(result: TrainingResult, folder: Path) -> None:
    path = folder / CONFUSION_SAMPLES
    choose_samples(
        np.array([[[1, 2]], [[3, 4]], [[5, 6]]], np.uint8),
        actual=np.array([0, 0, 1]),
        predicted=np.array([0, 1, 1]),
        probability=np.array([0.75, 0.5, np.nan], np.float32),
    ).write(path)
    builders.make_artifact(result, CONFUSION_SAMPLES, path.read_bytes())


def test_a_cell_shows_its_samples(viewer: APIClient, tmp_path: Path) -> None:
    result = builders.make_finished()
    keep_samples(result, tmp_path)
    answer = viewer.get(f"/api/results/{result.pk}/confusion_samples/?actual=0&predicted=1")
    assert answer.json() == {
        "actual": 0,
        "predicted": 1,
        "total": 1,
        "per_cell": 12,
        "columns": [],
        "samples": [
            {
                "sample": {"shape": [1, 2], "dtype": "uint8", "values": [3.0, 4.0], "truncated": False},
                "probability": 0.5,
            }
        ],
    }
    assert (
        viewer.get(f"/api/results/{result.pk}/confusion_samples/?actual=1&predicted=1").json()["samples"][0][
            "probability"
        ]
        is None
    )
    assert viewer.get(f"/api/results/{result.pk}/confusion_samples/?actual=1&predicted=0").json()["samples"] == []


def test_samples_that_are_rows_have_the_names_of_their_stream(viewer: APIClient, tmp_path: Path) -> None:
    result = builders.make_finished()
    path = tmp_path / CONFUSION_SAMPLES
    one = np.zeros(1, np.int64)
    rows = np.array([[1, 61, 0.5]], np.float32)
    choose_samples(rows, actual=one, predicted=one, probability=np.ones(1, np.float32)).write(path)
    builders.make_artifact(result, CONFUSION_SAMPLES, path.read_bytes())

    def columns(input_format: InputFormat, **config: object) -> list[str]:
        message = ControlMessage(
            ranges=(StreamRange("patients", 0, 0, 9),), input_format=input_format, input_config=config
        )
        stream = builders.make_stream(value=message.to_bytes())
        ResultVersion.objects.filter(result=result).update(stream=stream)
        answer = viewer.get(f"/api/results/{result.pk}/confusion_samples/?actual=0&predicted=0")
        found: list[str] = answer.json()["columns"]
        return found

    fields = [{"name": name, "type": "float"} for name in ("gender", "age", "smoking")]
    schema = {"type": "record", "name": "patient", "fields": fields}
    assert columns(InputFormat.AVRO, data_scheme=schema) == ["gender", "age", "smoking"]
    assert columns(InputFormat.RAW, data_type="float32") == ["column 1", "column 2", "column 3"]
    # A schema that can be read no more keeps nobody from the samples.
    assert columns(InputFormat.AVRO, data_scheme="gone") == []
    # Keys of objects are what the training learnt.
    ResultVersion.objects.filter(result=result).update(
        outcome={**result.outcome, "learnt": {"fields": ["age", "gender", "weight"], "data_reshape": "3"}}
    )
    assert columns(InputFormat.JSON) == ["age", "gender", "weight"]


@pytest.mark.parametrize("query", ["", "?actual=0", "?actual=2&predicted=0", "?actual=-1&predicted=0", "?actual=x"])
def test_a_class_that_is_none_is_refused(viewer: APIClient, query: str) -> None:
    result = builders.make_finished()
    assert viewer.get(f"/api/results/{result.pk}/confusion_samples/{query}").status_code == 400


def test_results_without_matrix_or_samples_say_so(viewer: APIClient) -> None:
    for result in (builders.make_launched(), builders.make_finished()):
        answer = viewer.get(f"/api/results/{result.pk}/confusion_samples/?actual=0&predicted=0")
        assert answer.status_code == 404
        assert answer.json()["hint"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", None])
def test_a_broken_file_is_not_an_error_of_the_server(viewer: APIClient, content: bytes | None) -> None:
    result = builders.make_finished()
    artifact = builders.make_artifact(result, CONFUSION_SAMPLES, content or b"x")
    if content is None:
        storage.path_of(artifact).unlink()
    answer = viewer.get(f"/api/results/{result.pk}/confusion_samples/?actual=0&predicted=0")
    assert answer.status_code == 404
    assert "again" in answer.json()["hint"]
