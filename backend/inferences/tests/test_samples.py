"""Samples of people become the bytes that replicas read, or are refused with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rest_framework.test import APIClient

from backend.api.errors import InvalidField
from backend.api.tests import builders
from backend.inferences.samples import encode_sample

RAW = {"data_type": "uint8", "data_reshape": "2 3"}
AVRO = {
    "data_scheme": '{"type":"record","name":"r","fields":[{"name":"a","type":"float"},{"name":"b","type":"float"}]}'
}


@pytest.mark.parametrize("sample", [[[1, 2, 3], [4, 5, 6]], [1, 2, 3, 4, 5, 6], [1.0, 2, 3, 4, 5, 6]])
def test_raw_is_flat_or_nested(sample: Any) -> None:
    encoded = encode_sample("RAW", RAW, sample)
    assert encoded.value == bytes([1, 2, 3, 4, 5, 6])
    assert encoded.array.shape == (2, 3)


def test_raw_without_a_shape_takes_what_comes() -> None:
    assert encode_sample("RAW", {"data_type": "float32"}, [1, 2]).value == np.array([1, 2], "<f4").tobytes()
    assert encode_sample("RAW", {"data_type": "string"}, "héllo").value == "héllo".encode()


def test_json_keeps_numbers_as_they_were_given_and_takes_a_shape() -> None:
    assert encode_sample("JSON", {}, [0.1, 2, 3, 4], shape=[2, 2]).value == b"[[0.1,2.0],[3.0,4.0]]"
    assert encode_sample("JSON", {}, {"b": 1, "a": 2}).array.tolist() == [2, 1]


def test_avro_takes_lists_and_objects() -> None:
    listed = encode_sample("AVRO", AVRO, [1, 2])
    assert listed.value == encode_sample("AVRO", AVRO, {"a": 1.0, "b": 2.0}).value
    assert listed.array.tolist() == [1, 2]


def test_telegraf_is_wrapped() -> None:
    assert encode_sample("TELEGRAF_STR_JSON", {}, [1, 2]).value == b'{"fields":{"value":"[1,2]"}}'


@pytest.mark.parametrize(
    ("config", "sample", "words"),
    [
        (RAW, [1, 2, 3], "3 numbers): expected the shape 2 x 3 (6 numbers)"),
        (RAW, [1, 2, 3, 4, 5, 256], "got 256: expected whole numbers from 0 to 255"),
        (RAW, [1, 2, 3, 4, 5, 0.5], "got 0.5"),
        (RAW, [1, 2, 3, 4, 5, -1], "got -1"),
        (RAW, {"a": 1}, "got an object"),
        (RAW, "text", "got a text"),
        (RAW, None, "got nothing"),
        (RAW, [], "the sample is empty"),
        (RAW, [[1, 2], [3]], "not equally long"),
        (RAW, [10**30] * 6, "no array of numbers"),
        ({"data_type": "string"}, 5, "expected a text"),
        ({}, [1], "cannot be written"),
        ({"data_type": "nonsense"}, [1], "cannot be written"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(config: dict[str, Any], sample: Any, words: str) -> None:
    with pytest.raises(InvalidField) as caught:
        encode_sample("RAW", config, sample)
    assert caught.value.field == "sample"
    assert words in caught.value.message


@pytest.mark.parametrize(("sample", "words"), [({"a": 1}, "schema"), (["x", "y"], "no array of numbers"), ([1], "")])
def test_avro_that_does_not_fit_the_schema(sample: Any, words: str) -> None:
    with pytest.raises(InvalidField) as caught:
        encode_sample("AVRO", AVRO, sample)
    assert words in caught.value.message


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
def test_only_editors_try_and_send_back(viewer: APIClient) -> None:
    path = f"/api/inferences/{builders.make_inference().pk}"
    assert viewer.post(f"{path}/try/", {"sample": [1]}, format="json").status_code == 403
    assert viewer.post(f"{path}/dead_letters/replay/", {"all": True}, format="json").status_code == 403
    assert viewer.get(f"{path}/dead_letters/", {"before": "x"}).status_code == 400
