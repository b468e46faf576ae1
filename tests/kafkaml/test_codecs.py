"""Encodings turn bytes into arrays, and any other bytes raise DecodeError and nothing else."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import fastavro
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kafkaml.codecs import StreamCodec, codec_for
from kafkaml.codecs.registry import RegisteredSchema
from kafkaml.errors import DecodeError

MNIST = {"data_type": "uint8", "label_type": "uint8", "data_reshape": "28 28", "label_reshape": "1"}
HCOPD_DATA = json.dumps(
    {
        "type": "record",
        "name": "Data",
        "fields": [{"name": name, "type": "float"} for name in ("gender", "age", "smoking")],
    }
)
HCOPD_LABEL = json.dumps({"type": "record", "name": "Label", "fields": [{"name": "diagnosis", "type": "boolean"}]})
MIXED = {
    "type": "record",
    "name": "Mixed",
    "fields": [
        {"name": "count", "type": "int"},
        {"name": "level", "type": "double"},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["LOW", "HIGH"]}},
        {"name": "flag", "type": "boolean"},
    ],
}


def avro_bytes(schema: Any, record: Any) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), record)
    return buffer.getvalue()


class TestRaw:
    def test_a_batch_is_one_contiguous_array(self) -> None:
        images = np.arange(3 * 784, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
        codec = codec_for("RAW", MNIST)
        features, labels = codec.decode([image.tobytes() for image in images], [b"\x07", b"\x00", b"\xff"])
        assert features.flags.c_contiguous
        np.testing.assert_array_equal(features, images)
        assert labels is not None
        assert labels.tolist() == [7, 0, 255]

    def test_bytes_are_little_endian(self) -> None:
        codec = codec_for("RAW", {"data_type": "int32", "data_reshape": "2"})
        assert codec.features.decode([b"\x01\x00\x00\x00\x00\x01\x00\x00"]).tolist() == [[1, 256]]

    @pytest.mark.parametrize(("name", "wire"), [(">f4", ">f4"), (">i4", ">i4"), (">u2", ">u2"), (">double", ">f8")])
    def test_big_endian_records_become_the_machines_own_numbers(self, name: str, wire: str) -> None:
        codec = codec_for("RAW", {"data_type": name, "data_reshape": "2", "label_type": name})
        numbers = np.array([[1, 500], [7, 2]], wire)
        features, labels = codec.decode([row.tobytes() for row in numbers], [row[:1].tobytes() for row in numbers])
        assert features.dtype.isnative
        assert features.tolist() == numbers.tolist()
        assert labels is not None
        assert labels.tolist() == [1, 7]
        assert codec.features.encode(features) == [row.tobytes() for row in numbers]

    def test_packed_big_endian_records(self) -> None:
        codec = codec_for("RAW", {"data_type": ">i2", "data_reshape": "1", "packed": True})
        assert codec.decode([np.arange(3, dtype=">i2").tobytes()], [None])[0].tolist() == [0, 1, 2]

    def test_pythons_float_takes_eight_bytes(self) -> None:
        codec = codec_for("RAW", {"data_type": "float", "data_reshape": "1", "label_type": "int", "label_reshape": "1"})
        features, labels = codec.decode([np.float64(0.5).tobytes()], [np.int64(-3).tobytes()])
        assert features.tolist() == [0.5]
        assert labels is not None
        assert labels.tolist() == [-3]

    @pytest.mark.parametrize("name", ["bool", "bool_"])
    def test_any_byte_but_zero_is_true(self, name: str) -> None:
        codec = codec_for("RAW", {"data_type": name, "data_reshape": "4"})
        assert codec.features.decode([b"\x00\x01\x02\xff"]).tolist() == [[False, True, True, True]]

    @pytest.mark.parametrize("reshape", [None, ""])
    def test_without_a_shape_a_longer_record_is_a_vector(self, reshape: str | None) -> None:
        codec = codec_for("RAW", {"data_type": "uint8", "data_reshape": reshape})
        assert codec.features.sample_shape is None
        assert codec.features.decode([b"\x01\x02", b"\x03\x04"]).tolist() == [[1, 2], [3, 4]]
        assert codec.features.decode([b"\x01", b"\x03"]).tolist() == [1, 3]

    def test_an_empty_batch_has_the_shape_of_samples(self) -> None:
        features, labels = codec_for("RAW", MNIST).decode([], [])
        assert features.shape == (0, 28, 28)
        assert labels is not None
        assert labels.shape == (0,)

    def test_the_error_names_the_record_and_what_to_do(self) -> None:
        codec = codec_for("RAW", MNIST)
        with pytest.raises(
            DecodeError, match=r"cannot reshape 783 bytes of features to \(28, 28\) uint8: expected 784"
        ) as caught:
            codec.features.decode([bytes(784), bytes(783), bytes(785)])
        assert caught.value.index == 1
        assert "data_reshape" in caught.value.hint

    def test_lengths_that_add_up_are_wrong_all_the_same(self) -> None:
        with pytest.raises(DecodeError):
            codec_for("RAW", MNIST).features.decode([bytes(783), bytes(785)])

    def test_the_good_records_of_a_batch_are_distinguished_from_the_bad(self) -> None:
        codec = codec_for("RAW", {"data_type": "uint8", "data_reshape": "2"})
        rows, kept, failures = codec.features.decode_each([b"ab", b"a", None, b"cd", b""])[:3]
        assert rows.tolist() == [[97, 98], [99, 100]]
        assert kept == [0, 3]
        assert [index for index, _ in failures] == [1, 2, 4]

    def test_a_text_label_is_text(self) -> None:
        codec = codec_for("RAW", {"data_type": "uint8", "label_type": "string"})
        _, labels = codec.decode([b"a", b"b"], ["kötzchen".encode(), b"hund"])
        assert labels is not None
        assert labels.tolist() == ["kötzchen", "hund"]

    def test_numpys_text_has_four_bytes_a_character(self) -> None:
        codec = codec_for("RAW", {"data_type": "uint8", "label_type": "str_"})
        _, labels = codec.decode([b"a"], [np.str_("cat").tobytes()])
        assert labels is not None
        assert labels.tolist() == ["cat"]

    def test_without_a_label_type_there_are_no_labels(self) -> None:
        assert codec_for("RAW", {"data_type": "uint8", "label_type": "NoneType"}).labels is None

    def test_without_a_data_type_nothing_can_be_decoded(self) -> None:
        with pytest.raises(DecodeError, match="data_type"):
            codec_for("RAW", {"label_type": "uint8"})

    @given(
        hnp.arrays(
            st.sampled_from([np.dtype(t) for t in ("u1", "<i2", "<i8", "<f4", "<f8")]),
            hnp.array_shapes(min_dims=2, max_dims=4, max_side=5),
        )
    )
    def test_decoding_is_the_inverse_of_encoding(self, samples: np.ndarray) -> None:
        shape = " ".join(map(str, samples.shape[1:]))
        codec = codec_for("RAW", {"data_type": samples.dtype.name, "data_reshape": shape})
        values = codec.features.encode(samples)
        assert values == [sample.tobytes() for sample in samples]
        assert codec.features.decode(values).tobytes() == samples.tobytes()


class TestAvro:
    def test_a_schema_of_one_width_is_read_in_one_view(self) -> None:
        codec = codec_for("AVRO", {"data_scheme": HCOPD_DATA, "label_scheme": HCOPD_LABEL})
        records = [{"gender": 1.0, "age": 0.25, "smoking": -2.0}, {"gender": 0.0, "age": 3.0, "smoking": 4.5}]
        values = [avro_bytes(json.loads(HCOPD_DATA), record) for record in records]
        features, labels = codec.decode(values, [b"\x01", b"\x00"])
        assert features.dtype == np.float32
        assert features.tolist() == [[1.0, 0.25, -2.0], [0.0, 3.0, 4.5]]
        assert labels is not None
        assert labels.tolist() == [True, False]

    def test_values_are_in_the_order_of_the_schema_and_promoted(self) -> None:
        codec = codec_for("AVRO", {"data_scheme": MIXED})
        values = [
            avro_bytes(MIXED, {"count": -300, "level": 0.5, "kind": "HIGH", "flag": True}),
            avro_bytes(MIXED, {"count": 7, "level": 1.5, "kind": "LOW", "flag": False}),
        ]
        assert codec.features.decode(values).tolist() == [[-300.0, 0.5, 1.0, 1.0], [7.0, 1.5, 0.0, 0.0]]

    @pytest.mark.parametrize(
        "fields",
        [
            [{"name": "pixels", "type": {"type": "array", "items": "float"}}],
            [{"name": name, "type": "float"} for name in "abcdef"],
        ],
    )
    def test_a_shape_may_be_declared_next_to_the_schema(self, fields: list[dict[str, Any]]) -> None:
        schema = {"type": "record", "name": "Image", "fields": fields}
        codec = codec_for("AVRO", {"data_scheme": schema, "data_reshape": "2 3"})
        numbers = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        record = {"pixels": numbers} if len(fields) == 1 else dict(zip("abcdef", numbers, strict=True))
        assert codec.features.decode([avro_bytes(schema, record)]).tolist() == [[numbers[:3], numbers[3:]]]

    def test_a_shape_of_another_size_is_refused(self) -> None:
        with pytest.raises(DecodeError, match="cannot be taken as"):
            codec_for("AVRO", {"data_scheme": HCOPD_DATA, "data_reshape": "2 3"})
        schema = {"type": "record", "name": "r", "fields": [{"name": "v", "type": {"type": "array", "items": "float"}}]}
        with pytest.raises(DecodeError, match="shape"):
            codec_for("AVRO", {"data_scheme": schema, "data_reshape": "2 3"}).features.decode(
                [avro_bytes(schema, {"v": [1.0]})]
            )

    def test_fields_of_fixed_width_and_different_types(self) -> None:
        schema = {
            "type": "record",
            "name": "r",
            "fields": [
                {"name": "a", "type": "double"},
                {"name": "b", "type": "boolean"},
                {"name": "c", "type": {"type": "fixed", "name": "f", "size": 2}},
            ],
        }
        values = [avro_bytes(schema, {"a": 0.5, "b": True, "c": b"\x03\xff"})]
        assert codec_for("AVRO", {"data_scheme": schema}).features.decode(values).tolist() == [[0.5, 1.0, 3.0, 255.0]]

    def test_an_array_is_a_vector(self) -> None:
        schema = {
            "type": "record",
            "name": "r",
            "fields": [{"name": "x", "type": {"type": "array", "items": "int"}}],
        }
        codec = codec_for("AVRO", {"data_scheme": schema})
        values = [avro_bytes(schema, {"x": [1, -2, 3]}), avro_bytes(schema, {"x": [4, 5, 6]})]
        assert codec.features.decode(values).tolist() == [[1, -2, 3], [4, 5, 6]]
        rows, kept, failures = codec.features.decode_each([*values, avro_bytes(schema, {"x": [1]})])[:3]
        assert kept == [0, 1]
        assert failures[0][0] == 2
        assert rows.shape == (2, 3)

    def test_labels_may_be_text(self) -> None:
        schema = {"type": "record", "name": "l", "fields": [{"name": "name", "type": "string"}]}
        codec = codec_for("AVRO", {"data_scheme": HCOPD_DATA, "label_scheme": schema})
        assert codec.labels is not None
        assert codec.labels.decode([avro_bytes(schema, {"name": "katze"})]).tolist() == ["katze"]

    def test_schemas_that_old_senders_wrote_as_python(self) -> None:
        codec = codec_for("AVRO", {"data_scheme": str(json.loads(HCOPD_DATA))})
        assert codec.features.sample_shape == (3,)

    def test_too_many_bytes_are_an_error(self) -> None:
        codec = codec_for("AVRO", {"data_scheme": MIXED})
        value = avro_bytes(MIXED, {"count": 1, "level": 0.5, "kind": "HIGH", "flag": True})
        with pytest.raises(DecodeError, match="1 bytes more"):
            codec.features.decode([value + b"\x00"])

    def test_confluent_framing_is_accepted_when_enabled(self) -> None:
        codec = codec_for("AVRO", {"data_scheme": HCOPD_DATA, "confluent_framing": True})
        value = avro_bytes(json.loads(HCOPD_DATA), {"gender": 1.0, "age": 2.0, "smoking": 3.0})
        assert codec.features.decode([b"\x00\x00\x00\x00\x2a" + value]).tolist() == [[1.0, 2.0, 3.0]]
        value = avro_bytes(json.loads(HCOPD_DATA), {"gender": 0.1, "age": 2.0, "smoking": 3.0})
        with pytest.raises(DecodeError, match="Confluent framing"):
            codec.features.decode([value])

    def test_the_writers_schema_comes_from_the_registry(self) -> None:
        types = {"age": "int", "gender": "float", "smoking": "float"}
        fields = [{"name": name, "type": kind} for name, kind in types.items()]
        writer = {"type": "record", "name": "Data", "fields": fields}
        asked: list[int] = []

        def lookup(schema_id: int) -> RegisteredSchema:
            asked.append(schema_id)
            return RegisteredSchema(json.dumps(writer))

        codec = codec_for("AVRO", {"data_scheme": HCOPD_DATA, "confluent_framing": True}, schema_lookup=lookup)
        value = b"\x00\x00\x00\x01\x00" + avro_bytes(writer, {"age": 2, "gender": 1.0, "smoking": 3.0})
        assert codec.features.decode([value, value]).tolist() == [[1.0, 2.0, 3.0]] * 2
        assert asked == [256]

    @pytest.mark.parametrize(
        "schema",
        [
            "",
            "no schema",
            "[]",
            {"type": "record", "name": "r", "fields": []},
            {"type": "record", "name": "r", "fields": [{"name": "x", "type": "null"}]},
            {"type": "record", "name": "r", "fields": [{"name": "x", "type": {"type": "array", "items": "null"}}]},
            {"type": "record", "name": "r", "fields": [{"name": "x", "type": {"type": "map", "values": "int"}}]},
            {"type": "record", "name": "r", "fields": [{"name": "x", "type": ["int", "string"]}]},
            {"type": "record", "name": "r", "fields": [{"name": "x", "type": "string"}, {"name": "y", "type": "int"}]},
            {"type": "record", "name": "r", "fields": [{"name": "x", "type": {"type": "array", "items": "r"}}]},
            {"type": "record", "name": "r", "fields": [{"name": "x", "type": "r"}]},
        ],
    )
    def test_schemas_that_make_no_array_are_refused(self, schema: Any) -> None:
        with pytest.raises(DecodeError):
            codec_for("AVRO", {"data_scheme": schema})

    @settings(max_examples=300)
    @given(st.binary(max_size=40))
    def test_any_bytes_are_a_record_or_an_error(self, value: bytes) -> None:
        for schema in (MIXED, HCOPD_DATA, HCOPD_LABEL):
            with contextlib.suppress(DecodeError):
                codec_for("AVRO", {"data_scheme": schema}).features.decode([value])


class TestJson:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([b"1", b"2.5"], [1.0, 2.5]),
            ([b"[1, 2]", b"[3, 4]"], [[1.0, 2.0], [3.0, 4.0]]),
            ([b"[[1],[2]]"], [[[1.0], [2.0]]]),
            # The values of an object are ordered by sorted keys, whatever their order in the record.
            ([b'{"b": 2, "a": 1}', b'{"a": 3, "b": 4}'], [[1.0, 2.0], [3.0, 4.0]]),
            ([b"[true, false]"], [[1.0, 0.0]]),
        ],
    )
    def test_numbers_arrays_and_objects(self, values: list[bytes], expected: list[Any]) -> None:
        features = codec_for("JSON", {}).features.decode(values)
        assert features.dtype == np.float32
        assert features.tolist() == expected

    def test_declared_type_and_shape(self) -> None:
        codec = codec_for("JSON", {"data_type": "uint8", "data_reshape": "2 2"})
        features = codec.features.decode([b"[1,2,3,4]", b"[5,6,7,8]"])
        assert features.dtype == np.uint8
        assert features.shape == (2, 2, 2)

    @pytest.mark.parametrize(
        "value", [b"", b"{", b"null", b'"1"', b"[1,[2]]", b"[null]", b"{}", b'[1,"2"]', b"\xff", b"[" * 2000]
    )
    def test_other_json_is_an_error_with_its_place(self, value: bytes) -> None:
        codec = codec_for("JSON", {"data_reshape": "2"})
        with pytest.raises(DecodeError) as caught:
            codec.features.decode([b"[1,2]", value])
        assert caught.value.index == 1

    @pytest.mark.parametrize("value", [b"[1, 256]", b"[1, -1]", b"[0.5, 1]"])
    def test_a_number_that_the_declared_type_cannot_hold(self, value: bytes) -> None:
        with pytest.raises(DecodeError, match="uint8") as caught:
            codec_for("JSON", {"data_type": "uint8"}).features.decode([b"[1, 2]", value])
        assert caught.value.index == 1

    def test_a_number_beyond_float32_is_an_error(self) -> None:
        with pytest.raises(DecodeError, match="float32"):
            codec_for("JSON", {}).features.decode([b"[1e300]"])

    def test_the_usual_shape_wins(self) -> None:
        rows, kept, failures = codec_for("JSON", {}).features.decode_each([b"[1]", b"[1,2]", b"[3,4]", None])[:3]
        assert rows.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert kept == [1, 2]
        assert [index for index, _ in failures] == [0, 3]

    def test_labels_may_be_text(self) -> None:
        _, labels = codec_for("JSON", {}).decode([b"[1]", b"[2]"], [b'"cat"', b'"dog"'])
        assert labels is not None
        assert labels.tolist() == ["cat", "dog"]

    def test_records_cannot_lend_each_other_elements(self) -> None:
        with pytest.raises(DecodeError):
            codec_for("JSON", {}).features.decode([b"1,2", b"[3", b"4]"])

    @given(st.binary(max_size=40))
    def test_any_bytes_are_a_sample_or_an_error(self, value: bytes) -> None:
        for input_format in ("JSON", "TELEGRAF_STR_JSON"):
            with contextlib.suppress(DecodeError):
                codec_for(input_format, {}).decode([value], [value])


class TestTelegraf:
    def test_the_inner_text_is_the_sample(self) -> None:
        value = b'{"fields": {"value": "[1.5, 2]"}, "name": "mqtt", "tags": {"host": "a"}, "timestamp": 1}'
        assert codec_for("TELEGRAF_STR_JSON", {}).features.decode([value]).tolist() == [[1.5, 2.0]]

    @pytest.mark.parametrize(
        "value", [b"[1]", b"{}", b'{"fields": {}}', b'{"fields": {"value": 1}}', b'{"fields": {"value": "x"}}']
    )
    def test_another_metric_is_an_error(self, value: bytes) -> None:
        with pytest.raises(DecodeError):
            codec_for("TELEGRAF_STR_JSON", {}).features.decode([value])

    def test_decoding_is_the_inverse_of_encoding(self) -> None:
        codec = codec_for("TELEGRAF_STR_JSON", {})
        samples = np.array([[1.5, 2.0], [3.0, 4.0]], np.float32)
        np.testing.assert_array_equal(codec.features.decode(codec.features.encode(samples)), samples)


class TestStreams:
    def test_a_pinned_shape_leaves_nothing_to_the_data(self) -> None:
        codec = codec_for("JSON", {}, feature_shape=(2, 2))
        assert codec.features.decode([b"[[1,2],[3,4]]", b"[1,2,3,4]"][:1]).shape == (1, 2, 2)
        with pytest.raises(DecodeError):
            codec.features.decode([b"[1]"])

    def test_a_pinned_shape_of_another_size_is_refused(self) -> None:
        with pytest.raises(DecodeError):
            codec_for("RAW", MNIST, feature_shape=(10,))

    def test_failures_of_either_side_are_reported_by_the_place_in_the_batch(self) -> None:
        codec = codec_for(
            "RAW", {"data_type": "uint8", "data_reshape": "1", "label_type": "uint8", "label_reshape": "1"}
        )
        features, labels, failures = codec.decode_each([b"a", b"", b"c", b"d"], [b"1", b"2", None, b"4"])
        assert features.tolist() == [97, 100]
        assert labels is not None
        assert labels.tolist() == [49, 52]
        assert [failure.index for failure in failures] == [1, 2]

    def test_an_unknown_format_is_refused(self) -> None:
        with pytest.raises(DecodeError, match="XML"):
            codec_for("XML", {})

    def test_packed_records_hold_several_samples(self) -> None:
        codec = codec_for(
            "RAW",
            {"data_type": "uint8", "data_reshape": "2", "label_type": "uint8", "packed": True, "label_reshape": "1"},
        )
        features, labels = codec.decode([b"abcd", b"ef"], [b"\x01\x02", b"\x03"])
        assert features.tolist() == [[97, 98], [99, 100], [101, 102]]
        assert labels is not None
        assert labels.tolist() == [1, 2, 3]

    def test_packed_records_that_do_not_fit_are_left_out(self) -> None:
        codec = codec_for(
            "RAW",
            {"data_type": "uint8", "data_reshape": "2", "label_type": "uint8", "packed": True, "label_reshape": "1"},
        )
        features, _, failures = codec.decode_each([b"abcd", b"efg", b"hi"], [b"\x01\x02", b"\x03", b"\x04\x05"])
        assert features.tolist() == [[97, 98], [99, 100]]
        assert [failure.index for failure in failures] == [1, 2]


@st.composite
def batches(draw: st.DrawFn) -> tuple[StreamCodec, list[bytes | None], list[bytes | None]]:
    codec = draw(
        st.sampled_from(
            [
                codec_for(
                    "RAW", {"data_type": "uint8", "data_reshape": "2", "label_type": "uint8", "label_reshape": "1"}
                ),
                codec_for("RAW", {"data_type": "int16", "label_type": "string"}),
                codec_for("AVRO", {"data_scheme": MIXED, "label_scheme": HCOPD_LABEL}),
                codec_for("JSON", {}),
                codec_for("TELEGRAF_STR_JSON", {}),
            ]
        )
    )
    side = st.lists(
        st.none()
        | st.binary(max_size=6)
        | st.lists(st.integers(0, 9), max_size=2).map(orjson.dumps)
        | st.just(b'{"fields": {"value": "[1]"}}'),
        min_size=3,
        max_size=3,
    )
    return codec, draw(side), draw(side)


@settings(max_examples=300)
@given(batches())
def test_every_record_of_a_batch_is_either_a_row_or_a_failure(
    batch: tuple[StreamCodec, list[bytes | None], list[bytes | None]],
) -> None:
    codec, values, keys = batch
    features, labels, failures = codec.decode_each(values, keys)
    assert len(features) + len(failures) == len(values)
    assert labels is None or len(labels) == len(features)
    assert len({failure.index for failure in failures}) == len(failures)
