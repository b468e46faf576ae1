"""Control messages byte by byte, as the sinks of the years 2020-2026 write them."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkaml.control import ControlMessage, deployment_id_from_key, deployment_id_to_key
from kafkaml.errors import ControlMessageError
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange

# The old sink's json.dumps for two partitions, of which the second received nothing.
OLD_SINK = (
    b'{"topic": "automl:0:0:70000,automl:1:12:12", "input_format": "RAW", "description": "Mnist dataset", '
    b'"input_config": {"data_type": "uint8", "label_type": "uint8", "data_reshape": "28 28", "label_reshape": ""}, '
    b'"validation_rate": 0.1, "test_rate": 0.1, "total_msg": 70000}'
)
# The old online sink names only the topic and does not say that it is incremental.
OLD_ONLINE_SINK = (
    b'{"topic": "automl", "input_format": "RAW", "description": "Mnist dataset", '
    b'"input_config": {"data_type": "uint8", "label_type": "uint8", "data_reshape": "28 28", "label_reshape": "1"}}'
)


@pytest.mark.parametrize(
    ("deployment_id", "key"),
    [(0, b"\x00"), (1, b"\x01"), (255, b"\xff"), (256, b"\x01\x00"), (65536, b"\x01\x00\x00")],
)
def test_keys_take_the_fewest_bytes(deployment_id: int, key: bytes) -> None:
    assert deployment_id_to_key(deployment_id) == key
    assert deployment_id_from_key(key) == deployment_id


def test_keys_of_any_width_are_read() -> None:
    assert deployment_id_from_key(b"\x00\x00\x00\x07") == 7


def test_a_text_id_of_an_old_sink_arrives_as_its_character_code() -> None:
    assert deployment_id_to_key("1") == b"1"
    assert deployment_id_from_key(b"1") == 49


@pytest.mark.parametrize("key", [None, b"", b"123456789"])
def test_a_key_that_is_not_an_id_is_refused(key: bytes | None) -> None:
    with pytest.raises(ControlMessageError):
        deployment_id_from_key(key)


def test_the_message_of_an_old_sink() -> None:
    message = ControlMessage.from_bytes(OLD_SINK)
    assert message.ranges == (StreamRange("automl", 0, 0, 70000), StreamRange("automl", 1, 12, 12))
    assert message.input_format == InputFormat.RAW
    assert message.input_config["data_reshape"] == "28 28"
    assert (message.validation_rate, message.test_rate, message.total_msg) == (0.1, 0.1, 70000)
    assert not message.incremental
    assert message.unsupervised_ranges == ()


def test_the_message_of_an_old_online_sink_is_incremental() -> None:
    message = ControlMessage.from_bytes(OLD_ONLINE_SINK)
    assert message.incremental
    assert message.ranges == (StreamRange("automl"),)
    assert message.total_msg is None


def test_input_config_may_be_json_text() -> None:
    document = json.loads(OLD_SINK)
    document["input_config"] = json.dumps(document["input_config"])
    assert ControlMessage.from_json(document) == ControlMessage.from_bytes(OLD_SINK)


def test_unknown_fields_are_kept() -> None:
    document = json.loads(OLD_SINK) | {"sensor": {"room": 7}}
    message = ControlMessage.from_json(document)
    assert message.extra == {"sensor": {"room": 7}}
    assert json.loads(message.to_bytes())["sensor"] == {"room": 7}


def test_our_bytes_have_every_field_that_old_readers_look_for() -> None:
    written = json.loads(ControlMessage.from_bytes(OLD_SINK).to_bytes())
    assert written == json.loads(OLD_SINK) | {
        "unsupervised_topic": None,
        "incremental": False,
        "dataset_restrictions": {},
    }


@pytest.mark.parametrize(
    "change",
    [
        {"topic": None},
        {"topic": ""},
        {"topic": 7},
        {"topic": "automl", "incremental": False},
        {"topic": "automl:0:0:10,automl:0:5:20"},
        {"input_format": "XML"},
        {"input_format": None},
        {"input_config": "no json"},
        {"input_config": [1]},
        {"validation_rate": 1.5},
        {"validation_rate": float("nan")},
        {"validation_rate": True},
        {"validation_rate": "much"},
        {"validation_rate": 0.5, "test_rate": 0.5},
        {"total_msg": -1},
        {"total_msg": "all"},
        {"unsupervised_topic": 3},
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object]) -> None:
    with pytest.raises(ControlMessageError):
        ControlMessage.from_json(json.loads(OLD_SINK) | change)


@pytest.mark.parametrize("value", [None, b"", b"hello", b"[]", b"null", b'"x"', b"{}", b"\xff\xfe", b"{" * 3000])
def test_what_is_not_an_announcement_is_an_error_of_its_own(value: bytes | None) -> None:
    with pytest.raises(ControlMessageError):
        ControlMessage.from_bytes(value)


rates = st.floats(0, 0.49)
messages = st.builds(
    ControlMessage,
    ranges=st.lists(
        st.builds(
            lambda p, s, n: StreamRange("t", p, s, s + n), st.integers(0, 9), st.integers(0, 99), st.integers(0, 99)
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda stream_range: stream_range.partition,
    ).map(tuple),
    input_format=st.sampled_from(InputFormat),
    input_config=st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=8) | st.integers(-9, 9), max_size=4),
    description=st.text(max_size=20),
    validation_rate=rates,
    test_rate=rates,
    total_msg=st.none() | st.integers(0, 2**53),
    incremental=st.booleans(),
)


@given(messages)
def test_bytes_are_the_inverse_of_reading(message: ControlMessage) -> None:
    assert ControlMessage.from_bytes(message.to_bytes()) == message


@given(st.binary(max_size=200))
def test_any_bytes_are_an_announcement_or_an_error(value: bytes) -> None:
    with contextlib.suppress(ControlMessageError):
        ControlMessage.from_bytes(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=12),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=6), children, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*json.loads(OLD_SINK), "incremental", "unsupervised_topic", "x"]), json_values))
def test_any_object_is_an_announcement_or_an_error(document: dict[str, object]) -> None:
    with contextlib.suppress(ControlMessageError):
        ControlMessage.from_json(json.loads(OLD_SINK) | document)
