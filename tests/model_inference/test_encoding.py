from __future__ import annotations

import numpy as np
import orjson
import pytest

from model_inference.encoding import encode_outputs


def test_values_are_the_outputs_of_one_sample() -> None:
    outputs = np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)

    assert encode_outputs([outputs]) == [b'{"values":[0.25,0.75]}', b'{"values":[1.0,0.0]}']


def test_numbers_have_the_fewest_digits_that_read_back_as_the_same() -> None:
    number = np.float32(0.1)

    (text,) = encode_outputs([np.array([[number]])])

    assert text == b'{"values":[0.1]}'
    assert np.float32(orjson.loads(text)["values"][0]) == number


def test_nan_and_infinity_are_null_because_json_has_neither() -> None:
    assert encode_outputs([np.array([[np.nan, np.inf, -np.inf]])]) == [b'{"values":[null,null,null]}']


def test_several_outputs_keep_all_and_take_the_last_as_the_prediction() -> None:
    intermediate = np.array([[1.0, 2.0]], np.float32)
    prediction = np.array([[3]], np.int64)

    (text,) = encode_outputs([intermediate, prediction])

    assert orjson.loads(text) == {"values": [3], "outputs": [[1.0, 2.0], [3]]}


def test_what_answers_carry_of_their_records_follows_the_values() -> None:
    outputs = [np.array([[1.5], [2.5]]), np.array([[1], [2]])]

    assert encode_outputs(outputs, [b'{"a":1}', b'{"a":null}']) == [
        b'{"values":[1],"outputs":[[1.5],[1]],"include":{"a":1}}',
        b'{"values":[2],"outputs":[[2.5],[2]],"include":{"a":null}}',
    ]


@pytest.mark.parametrize(
    ("outputs", "values"),
    [
        (np.array([5.0, 6.0]), [[5.0], [6.0]]),
        (np.array([[True, False]]), [[True, False]]),
        (np.zeros((1, 2, 2), np.uint8), [[[0, 0], [0, 0]]]),
        (np.zeros((2, 0), np.float32), [[], []]),
        (np.array([[0.5]], np.float16), [[0.5]]),
        (np.array([[1.5]], ">f8"), [[1.5]]),
        (np.array([[b"],["]]), [["],["]]),
        (np.zeros((0, 3), np.float32), []),
        (np.arange(6, dtype=np.float32).reshape(3, 2)[:, ::-1], [[1.0, 0.0], [3.0, 2.0], [5.0, 4.0]]),
    ],
)
def test_every_kind_of_array_becomes_json_lists(outputs: np.ndarray, values: list[object]) -> None:
    assert [orjson.loads(text)["values"] for text in encode_outputs([outputs])] == values
