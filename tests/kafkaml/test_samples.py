"""Samples from users become the bytes that replicas read, or are refused with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kafkaml.codecs.samples import EncodedSample, SampleEncoder
from kafkaml.errors import SampleError

RAW = {"data_type": "uint8", "data_reshape": "2 3"}
AVRO = {
    "data_scheme": '{"type":"record","name":"r","fields":[{"name":"a","type":"float"},{"name":"b","type":"float"}]}'
}


def encode_sample(
    input_format: str, input_config: dict[str, Any], sample: Any, *, shape: list[int] | None = None
) -> EncodedSample:
    return SampleEncoder(input_format, input_config).encode(sample, shape=shape)


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


def test_programs_give_arrays_and_numbers_of_numpy() -> None:
    assert encode_sample("RAW", RAW, np.arange(6, dtype=np.int64).reshape(2, 3)).value == bytes(range(6))
    assert encode_sample("JSON", {}, {"a": np.float32(0.5), "b": np.int64(2)}).value == b'{"a":0.5,"b":2}'
    with pytest.raises(SampleError, match="cannot be written as JSON"):
        encode_sample("JSON", {}, {"a": object()})


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
        (RAW, [10**30] * 6, "not an array of numbers"),
        ({"data_type": "string"}, 5, "expected a text"),
        ({}, [1], "cannot be written"),
        ({"data_type": "nonsense"}, [1], "cannot be written"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(config: dict[str, Any], sample: Any, words: str) -> None:
    with pytest.raises(SampleError) as caught:
        encode_sample("RAW", config, sample)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("sample", "words"), [({"a": 1}, "schema"), (["x", "y"], "not an array of numbers"), ([1], "")]
)
def test_avro_that_does_not_fit_the_schema(sample: Any, words: str) -> None:
    with pytest.raises(SampleError) as caught:
        encode_sample("AVRO", AVRO, sample)
    assert words in caught.value.message
