"""JSON from other programs: objects by name, NaN, nulls, envelopes, whole numbers of any size, lines of CSV."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkaml.codecs import StreamCodec, codec_for, with_learnt
from kafkaml.codecs.base import Codec
from kafkaml.errors import DecodeError

GOOD = {"temperature": 17.5, "humidity": 61, "pressure": 981}


def features(**config: Any) -> Codec:
    return codec_for("JSON", config).features


def dumps(*samples: Any) -> list[bytes]:
    return [json.dumps(sample).encode() for sample in samples]


def error_of(value: bytes, codec: Codec | None = None) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        (codec or features()).decode([value])
    return caught.value


class TestNames:
    def test_most_of_the_records_tell_the_keys_in_any_order(self) -> None:
        odd = [{"temperature": 1, "humidity": 2}, {"altitude": 1, "humidity": 2, "temperature": 3}]
        rows, kept, failures = features().decode_each(dumps(odd[0], GOOD, odd[1], dict(reversed(GOOD.items())), GOOD))[
            :3
        ]
        assert rows.tolist() == [[61.0, 981.0, 17.5]] * 3
        assert kept == [1, 3, 4]
        messages = [error.message for _, error in failures]
        assert "the object lacks pressure: expected the keys humidity, pressure, temperature" in messages[0]
        assert "lacks pressure and has the unknown altitude" in messages[1]

    def test_what_was_learnt_holds_for_a_single_record(self) -> None:
        learnt = features().settled(dumps(GOOD, GOOD, [1, 2, 3])).learnt()
        assert learnt == {
            "fields": ["humidity", "pressure", "temperature"],
            "data_reshape": "3",
            "data_type": "float32",
        }
        serving = features(**learnt)
        assert serving.decode(dumps(GOOD)).tolist() == [[61.0, 981.0, 17.5]]
        for other in ({"a": 1, "b": 2, "c": 3}, {**GOOD, "extra": 1}, [61, 981, 17.5], 5, {}):
            assert serving.decode_each(dumps(other, GOOD)).kept == [1]

    def test_arrays_are_not_objects_afterwards(self) -> None:
        learnt = features().settled(dumps([1, 2], [3, 4], {"a": 1, "b": 2})).learnt()
        assert learnt["fields"] == []
        assert "nothing tells which key" in error_of(b'{"a": 1, "b": 2}', features(**learnt)).hint

    def test_objects_inside_objects_are_named_by_their_paths(self) -> None:
        sample = {"id": 1, "position": {"y": 3, "x": 2}, "position.x": 9}
        codec = features().settled(dumps(sample))
        assert codec.decode(dumps(sample)).tolist() == [[1.0, 2.0, 3.0, 9.0]]
        assert codec.learnt()["fields"] == ["id", ["position", "x"], ["position", "y"], "position.x"]
        serving = features(**codec.learnt())
        assert serving.encode(codec.decode(dumps(sample))) == [
            b'{"id":1.0,"position":{"x":2.0,"y":3.0},"position.x":9.0}'
        ]
        assert "position.y" in error_of(b'{"id": 1, "position": {"x": 2}, "position.x": 9}', serving).message

    def test_fields_may_be_announced_and_give_the_order(self) -> None:
        codec = features(fields=["temperature", "humidity", "pressure"])
        assert codec.decode(dumps(GOOD)).tolist() == [[17.5, 61.0, 981.0]]

    @pytest.mark.parametrize("fields", ["a", [1], ["a", "a"], [[]], {"a": 1}, [["a", 1]]])
    def test_fields_that_are_not_names_are_refused(self, fields: Any) -> None:
        with pytest.raises(DecodeError, match="fields"):
            features(fields=fields)

    def test_a_null_or_a_text_is_reported_by_its_key(self) -> None:
        codec = features(fields=["humidity", "pressure", "temperature"])
        error = error_of(json.dumps(GOOD | {"pressure": None}).encode(), codec)
        assert (error.gap, error.message) == (
            "null in pressure",
            "features hold null in pressure, where a number is expected",
        )
        error = error_of(json.dumps(GOOD | {"pressure": "12.5"}).encode(), codec)
        assert "the text '12.5' in pressure" in error.message
        assert error.gap == ""
        assert "an object in pressure" in error_of(json.dumps(GOOD | {"pressure": [{}, {}]}).encode(), codec).message

    def test_objects_nested_too_deep_are_an_error(self) -> None:
        value = b'{"a":' * 900 + b"1" + b"}" * 900
        for codec in (features(), features(fields=["a"])):
            assert codec.decode_each([value, b'{"a": 1}']).kept == [1]

    def test_the_same_holds_inside_telegrafs_metrics(self) -> None:
        codec = codec_for("TELEGRAF_STR_JSON", {}).features
        values = [json.dumps({"fields": {"value": json.dumps(reading)}}).encode() for reading in (GOOD, GOOD, {"a": 1})]
        assert codec.decode_each(values).kept == [0, 1]
        assert codec.settled(values).encode(np.array([[61, 981, 17.5]], np.float32)) == [
            json.dumps(
                {"fields": {"value": '{"humidity":61.0,"pressure":981.0,"temperature":17.5}'}}, separators=(",", ":")
            ).encode()
        ]

    @given(st.dictionaries(st.text(max_size=3), st.integers(-9, 9), min_size=1, max_size=5), st.randoms())
    def test_the_order_of_keys_does_not_matter(self, sample: dict[str, int], random: Any) -> None:
        mixed = list(sample.items())
        random.shuffle(mixed)
        one, other = features().decode(dumps(sample, dict(mixed))).tolist()
        assert one == other == [float(sample[key]) for key in sorted(sample)]


class TestNoNumbers:
    @pytest.mark.parametrize(
        ("value", "gap"),
        [
            (b"[1, NaN, 3]", "NaN in column 1 (counted from 0)"),
            (b"NaN", "NaN"),
            (b"[[1, 2], [Infinity, 3]]", "infinity at [1, 0]"),
            (b"[1, -Infinity]", "-infinity in column 1 (counted from 0)"),
            (b'{"a": 1, "b": NaN}', "NaN in b"),
            (b'{"a": {"x": NaN}}', "NaN in a.x"),
            (b'{"schema": {"type": "struct"}, "payload": {"a": NaN}}', "NaN in a"),
            (b"[1, 1e999]", "infinity in column 1 (counted from 0)"),
        ],
    )
    def test_what_python_writes_for_nan_is_named(self, value: bytes, gap: str) -> None:
        error = error_of(value)
        assert error.gap == gap
        assert "allow_nan" in error.hint

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            (b"5.1,3.5,1.4,0.2", "CSV"),
            (b"5.1;3.5;1.4;0.2\n", "CSV"),
            (b"5,1\t3,5", "CSV"),
            (b'"5.1,3.5,1.4"', "CSV"),
            (b"5.1,3.5,setosa", "CSV"),
            (b"{'a': 1, 'b': None}", "json.dumps"),
            (b"(1, 'a')", "json.dumps"),
            (b"[1, 2]\n[3, 4]", "of its own"),
            (b'"{\\"a\\": 1}"', "twice"),
            (b'[{"a": 1}, {"a": 2}]', "each object"),
            (b"", "empty"),
            ("[1]".encode("utf-16"), "UTF-8"),
            (b"[1, true, \xff]", "expected a JSON number"),
        ],
    )
    def test_what_people_mistake_for_json_is_reported(self, value: bytes, problem: str) -> None:
        error = error_of(value)
        assert problem in error.hint
        assert error.gap == ""
        assert len(error.message) < 300

    @pytest.mark.parametrize("value", [b"\xef\xbb\xbf[1, 2]", b"\x00\x00\x00\x00\x2a[1, 2]"])
    def test_a_byte_order_mark_and_a_schemas_id_are_passed_over(self, value: bytes) -> None:
        assert features().decode([value, b"[3, 4]"]).tolist() == [[1.0, 2.0], [3.0, 4.0]]

    def test_deletions_and_null_keys_are_gaps(self) -> None:
        codec = codec_for("JSON", {})
        _, labels, failures = codec.decode_each([None, b"[1]", b"[2]", b"[3]"], [b"1", None, b"null", b"2"])
        assert labels is not None
        assert labels.tolist() == [2.0]
        assert [failure.error.gap for failure in failures] == ["a deletion (null value)"] + ["no label (null key)"] * 2


CONNECT = {"type": "struct", "fields": [{"type": "double", "field": "a"}, {"type": "double", "field": "b"}]}


class TestEnvelopes:
    @pytest.mark.parametrize(
        "wrapped",
        [
            {"schema": CONNECT, "payload": {"a": 1, "b": 2}},
            {"schema": None, "payload": {"a": 1, "b": 2}},
            {"payload": {"b": 2, "a": 1}, "schema": CONNECT},
            {"before": None, "after": {"a": 1, "b": 2}, "source": {"lsn": 5}, "op": "c", "ts_ms": 1},
            {"before": {"a": 0, "b": 0}, "after": {"a": 1, "b": 2}, "source": {}, "op": "u"},
            {"after": {"a": 1, "b": 2}, "op": "r"},
            {"schema": CONNECT, "payload": {"before": None, "after": {"a": 1, "b": 2}, "source": {}, "op": "c"}},
        ],
    )
    def test_the_row_inside_is_the_sample(self, wrapped: dict[str, Any]) -> None:
        codec = features().settled(dumps(wrapped))
        assert codec.decode(dumps(wrapped)).tolist() == [[1.0, 2.0]]
        assert "envelope" in codec.notes[0] or "Debezium" in codec.notes[0]
        # Serving knows the keys of the row, and takes it with or without its envelope.
        assert features(**codec.learnt()).decode(dumps(wrapped, {"a": 3, "b": 4})).tolist() == [[1.0, 2.0], [3.0, 4.0]]

    @pytest.mark.parametrize(
        "wrapped",
        [
            {"schema": CONNECT, "payload": None},
            {"before": {"a": 1, "b": 2}, "after": None, "source": {}, "op": "d"},
            {"schema": CONNECT, "payload": {"before": {"a": 1}, "after": None, "source": {}, "op": "d"}},
        ],
    )
    def test_deletions_inside_are_deletions(self, wrapped: dict[str, Any]) -> None:
        assert error_of(dumps(wrapped)[0]).gap == "a deletion (null value)"

    def test_other_events_of_debezium_are_not_samples(self) -> None:
        assert error_of(b'{"source": {}, "op": "t", "ts_ms": 1}').gap == "a change event without a row"

    def test_labels_are_taken_out_too(self) -> None:
        key = dumps({"schema": {"type": "int32", "optional": False}, "payload": 3})[0]
        _, labels = codec_for("JSON", {}).decode([b"[1]"], [key])
        assert labels is not None
        assert labels.tolist() == [3.0]

    def test_an_object_that_only_looks_like_one_is_taken_as_it_is(self) -> None:
        assert features().decode(b'{"payload": 1, "schema": 2}|{"op": 1, "after": 2}'.split(b"|")[:1]).tolist() == [
            [1.0, 2.0]
        ]
        assert features().decode([b'{"op": 1, "after": 2}']).tolist() == [[2.0, 1.0]]


class TestWholeNumbers:
    @pytest.mark.parametrize(
        ("text", "dtype"),
        [
            ("[16777216, 1]", "float32"),
            ("[16777217, 1]", "float64"),
            ("[16777217, 0.5]", "float64"),
            ("[16777217.0, 0.5]", "float64"),
            ("[-16777217]", "float64"),
            ("[9007199254740992]", "float32"),
            ("[9007199254740991]", "float64"),
            ("[0.1, 123456.789]", "float32"),
            ("[1e30]", "float32"),
            ("33554433", "float64"),
            ('{"user": 16777219, "item": 3}', "float64"),
        ],
    )
    def test_undeclared_numbers_take_the_type_that_holds_them(self, text: str, dtype: str) -> None:
        rows = features().decode([text.encode()])
        assert rows.dtype == dtype
        sample = json.loads(text)
        expected = [sample[key] for key in sorted(sample)] if isinstance(sample, dict) else sample
        if dtype == "float64":
            assert rows.tolist() == [expected]

    @pytest.mark.parametrize(
        "text",
        [
            "[9007199254740993]",
            "[9007199254740993, 0.5]",
            "[18446744073709551615, 1]",
            "[18446744073709551617, 0.5]",
            "[-9223372036854775807, 0.5]",
            "[123456789012345678901]",
            "[1e39]",
        ],
    )
    def test_what_no_float_holds_is_refused(self, text: str) -> None:
        assert "data_type" in error_of(text.encode()).hint

    @pytest.mark.parametrize(
        ("data_type", "text", "held"),
        [
            ("int64", "[9007199254740993]", True),
            ("uint64", "[18446744073709551615]", True),
            ("int64", "[9007199254740993, 0.5]", False),
            ("int64", "[9007199254740993, 2.0]", False),
            ("int64", "[9223372036854775808]", False),
            ("int32", "[2147483648]", False),
            ("float32", "[16777217]", False),
            ("float32", "[0.5, 16777217]", False),
            ("float32", "[16777217.5]", True),
            ("float32", "[123456789.0]", True),
            ("float16", "[2049]", False),
            ("float16", "[70000.0]", False),
            ("float64", "[9007199254740993]", False),
            ("bool", "[1, 0]", True),
            ("bool", "[2]", False),
        ],
    )
    def test_declared_types_hold_a_number_or_refuse_it(self, data_type: str, text: str, held: bool) -> None:
        if held:
            assert features(data_type=data_type).decode([text.encode()])[0] == pytest.approx(json.loads(text), rel=1e-7)
        else:
            assert data_type in error_of(text.encode(), features(data_type=data_type)).message

    def test_labels_are_not_rounded_either(self) -> None:
        codec = codec_for("JSON", {})
        with pytest.raises(DecodeError, match="9007199254740993"):
            codec.decode([b"[1]"], [b"9007199254740993"])

    @given(st.lists(st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False), min_size=1))
    def test_no_whole_number_becomes_another(self, sample: list[float]) -> None:
        for config in ({}, {"data_type": "int64"}, {"data_type": "float32"}, {"data_type": "uint64"}):
            try:
                (row,) = features(**config).decode(dumps(sample)).tolist()
            except DecodeError:
                continue
            for given_number, read in zip(sample, row, strict=True):
                if isinstance(given_number, int):
                    assert int(read) == given_number
                else:
                    assert math.isfinite(read)


class TestKeys:
    @pytest.mark.parametrize("key", [b"pump-7", b"sensor/kitchen/1", b"\xff\xfe\x00", b"user:42", b"2024-03-01"])
    def test_a_key_that_is_not_a_label_says_that_it_is_taken_as_one(self, key: bytes) -> None:
        with pytest.raises(DecodeError, match=r"the record's key .* is taken as its label") as caught:
            codec_for("JSON", {}).decode([b"[1]"], [key])
        assert '"label_type": "none"' in caught.value.hint

    @pytest.mark.parametrize(
        ("input_format", "config", "value"),
        [
            ("JSON", {}, b"[1]"),
            ("RAW", {"data_type": "uint8"}, b"\x01"),
            ("TELEGRAF_STR_JSON", {}, b'{"fields": {"value": "[1]"}}'),
            (
                "AVRO",
                {
                    "data_scheme": {"type": "record", "name": "r", "fields": [{"name": "x", "type": "int"}]},
                    "label_scheme": {"type": "record", "name": "r", "fields": [{"name": "x", "type": "int"}]},
                },
                b"\x02",
            ),
        ],
    )
    def test_a_stream_may_say_that_its_keys_are_none(self, input_format: str, config: Any, value: bytes) -> None:
        codec = codec_for(input_format, {**config, "label_type": "none"})
        features, labels = codec.decode([value], [b"pump-7"])
        assert features.ravel().tolist() == [1]
        assert labels is None


def test_what_is_declared_wins_over_what_was_learnt() -> None:
    learnt = {"data_type": "float32", "data_reshape": "4", "fields": ["a"]}
    config = {"data_type": "float64", "data_reshape": "", "label_type": None}
    assert with_learnt(config, learnt) == {
        "data_type": "float64",
        "data_reshape": "4",
        "fields": ["a"],
        "label_type": None,
    }


def test_settling_twice_changes_nothing() -> None:
    codec: StreamCodec = codec_for("JSON", {}).settled(dumps(GOOD), [b'"cat"'])
    again = codec.settled(dumps({"z": 1}), [b"[1]"])
    assert again.features.learnt() == codec.features.learnt()
