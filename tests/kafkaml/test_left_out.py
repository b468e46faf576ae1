"""Streams with records that are not samples: which are left out, how that is reported, and when a training fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.codecs import codec_for, with_learnt
from kafkaml.control import ControlMessage
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.left_out import LeftOut
from kafkaml.records import OutgoingRecord
from kafkaml.stream_dataset import StreamDataset
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker

NAN = float("nan")


def opened(
    folder: Path,
    values: list[bytes | None],
    keys: list[bytes | None] | bytes | None = b"1",
    *,
    input_format: InputFormat = InputFormat.JSON,
    partitions: int = 1,
    **config: Any,
) -> StreamDataset:
    broker = InMemoryBroker()
    topic = broker.create_topic("t", partitions=partitions)
    each_key = keys if isinstance(keys, list) else [keys] * len(values)
    for index, (value, key) in enumerate(zip(values, each_key, strict=True)):
        broker.append(OutgoingRecord(topic, value, key, partition=index % partitions))
    ranges = tuple(
        StreamRange(topic, partition, 0, len(range(partition, len(values), partitions)))
        for partition in range(partitions)
    )
    message = ControlMessage(ranges, input_format, config, total_msg=len(values))
    with StreamDataset.open(message, reader=broker.reader(), cache_dir=folder) as dataset:
        return dataset


def dumps(*samples: Any) -> list[bytes | None]:
    return [json.dumps(sample).encode() for sample in samples]


def test_deletions_are_not_samples_however_many(tmp_path: Path) -> None:
    dataset = opened(tmp_path, [None, *dumps([1, 2])] * 50)
    assert (dataset.num_samples, dataset.skipped) == (50, 50)
    assert dataset.warnings == ("50 deletions (null values) left out, of 100 records (the first is t[0]@0)",)


def test_a_stream_of_nothing_but_deletions_says_so(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="all 10 records are deletions"):
        opened(tmp_path, [None] * 10)


def test_deletions_do_not_pay_for_garbage(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="2 of 200 records do not fit"):
        opened(tmp_path, [*[None] * 100, *dumps([1, 2]) * 98, b"junk", b"junk"])


def test_gaps_are_counted_by_their_names_the_most_frequent_first(tmp_path: Path) -> None:
    rows = dumps(*[{"a": 1, "b": 2}] * 90, *[{"a": NAN, "b": 2}] * 6, *[{"a": 1, "b": None}] * 4)
    dataset = opened(tmp_path, [*rows, b"junk"])
    assert dataset.num_samples == 90
    assert dataset.warnings[:2] == (
        "6 of 101 records left out: NaN in a (the first is t[0]@90)",
        "4 of 101 records left out: null in b (the first is t[0]@96)",
    )
    assert "1 of 101 records could not be decoded" in dataset.warnings[2]


@pytest.mark.parametrize(("holes", "trains"), [(33, True), (34, False)])
def test_up_to_a_third_may_have_gaps(tmp_path: Path, holes: int, trains: bool) -> None:
    rows = dumps(*[[1.0, 2.0]] * (100 - holes), *[[1.0, NAN]] * holes)
    if trains:
        assert opened(tmp_path, rows).num_samples == 67
        return
    with pytest.raises(
        DecodeError, match=r"34 of 100 records are not whole samples: 34 with NaN in column 1"
    ) as caught:
        opened(tmp_path, rows)
    assert "up to a third" in caught.value.hint.lower()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_nan_in_raw_numbers_is_found_and_reported_by_column(tmp_path: Path, dtype: str) -> None:
    rows = np.ones((40, 3), dtype)
    rows[4, 1] = rows[9, 1] = NAN
    rows[7, 2] = np.inf
    dataset = opened(
        tmp_path,
        [row.tobytes() for row in rows],
        np.int32(1).tobytes(),
        input_format=InputFormat.RAW,
        data_type=dtype,
        data_reshape="3",
        label_type="int32",
    )
    assert np.isfinite(dataset.features.array()).all()
    assert dataset.warnings == (
        "2 of 40 records left out: NaN in column 1 (counted from 0) (the first is t[0]@4)",
        "1 of 40 records left out: infinity in column 2 (counted from 0) (the first is t[0]@7)",
    )


def test_large_numbers_are_not_infinity(tmp_path: Path) -> None:
    rows = np.full((10, 3), 3e38, np.float32)
    dataset = opened(tmp_path, [row.tobytes() for row in rows], None, input_format=InputFormat.RAW, data_type="float32")
    assert (dataset.num_samples, dataset.warnings) == (10, ())


def test_nan_labels_and_pictures_with_nan_are_left_out(tmp_path: Path) -> None:
    images = np.zeros((20, 4, 4), np.float32)
    images[3, 1, 2] = NAN
    labels = np.arange(20, dtype=np.float32)
    labels[[5, 6]] = NAN
    dataset = opened(
        tmp_path,
        [image.tobytes() for image in images],
        [label.tobytes() for label in labels],
        input_format=InputFormat.RAW,
        data_type="float32",
        data_reshape="4 4",
        label_type="float32",
    )
    assert dataset.labels is not None
    assert sorted(dataset.labels.array().tolist()) == [0, 1, 2, 4, *range(7, 20)]
    assert [warning.split(" (")[0] for warning in dataset.warnings] == [
        "2 of 20 records left out: NaN or infinity in the label",
        "1 of 20 records left out: NaN",
    ]


def test_nan_in_packed_records_costs_one_sample(tmp_path: Path) -> None:
    rows = np.ones((20, 2), np.float32)
    rows[13, 0] = NAN
    dataset = opened(
        tmp_path,
        [rows[start : start + 5].tobytes() for start in range(0, 20, 5)],
        None,
        input_format=InputFormat.RAW,
        data_type="float32",
        data_reshape="2",
        packed=True,
    )
    assert dataset.num_samples == 19
    assert "NaN in column 0" in dataset.warnings[0]


def test_samples_keep_their_labels_when_others_are_left_out(tmp_path: Path) -> None:
    values: list[bytes | None] = []
    for number in range(200):
        values += [json.dumps([number, NAN if number % 10 == 3 else 0]).encode() if number % 7 else None]
    dataset = opened(tmp_path, values, [b"%d" % number for number in range(200)], partitions=3)
    assert dataset.labels is not None
    kept = [number for number in range(200) if number % 7 and number % 10 != 3]
    pairs = zip(dataset.features.array()[:, 0].tolist(), dataset.labels.array().tolist(), strict=True)
    assert sorted(pairs) == [(number, number) for number in kept]


def test_objects_with_other_keys_are_left_out_and_named(tmp_path: Path) -> None:
    good, odd = {"x": 1, "y": 2}, {"x": 1, "z": 2}
    dataset = opened(tmp_path, dumps(odd, *[good] * 199))
    assert dataset.features.array().tolist() == [[1.0, 2.0]] * 199
    assert "the object lacks y and has the unknown z: expected the keys x, y" in dataset.warnings[0]
    with pytest.raises(DecodeError, match="lacks y and has the unknown z"):
        opened(tmp_path, dumps(*[good] * 50, *[odd] * 5))


def test_serving_knows_what_the_training_learnt(tmp_path: Path) -> None:
    dataset = opened(tmp_path, dumps(*[{"user": 16777217, "item": 3}] * 5))
    assert dataset.learnt == {"data_type": "float64", "data_reshape": "2", "fields": ["item", "user"]}
    codec = codec_for("JSON", with_learnt({}, dataset.learnt)).features
    assert codec.sample_shape == (2,)
    assert codec.decode([b'{"item": 4, "user": 16777219}']).tolist() == [[4.0, 16777219.0]]


@pytest.mark.parametrize(
    ("config", "value", "shape"), [({"data_type": "uint8"}, b"abc", "3"), ({"data_type": "uint8"}, b"a", "1")]
)
def test_a_raw_shape_that_only_the_data_showed_is_learnt(
    tmp_path: Path, config: dict[str, Any], value: bytes, shape: str
) -> None:
    dataset = opened(tmp_path, [b"abcde", *[value] * 199], None, input_format=InputFormat.RAW, **config)
    assert dataset.learnt == {"data_reshape": shape}
    assert dataset.num_samples == 199


def test_one_wide_number_makes_the_whole_stream_wide_wherever_it_is(tmp_path: Path) -> None:
    small, wide = [1, 0.1], [16777217, 0.1]
    orders = [[wide, *[small] * 5000], [*[small] * 5000, wide]]
    found = [opened(tmp_path / str(index), dumps(*order)) for index, order in enumerate(orders)]
    assert [str(dataset.features.dtype) for dataset in found] == ["float64", "float64"]
    assert found[0].sha256 == found[1].sha256
    assert found[0].features.array()[:, 1].tolist() == [0.1] * 5001


def test_a_number_beyond_float32_is_left_out_and_widens_nothing(tmp_path: Path) -> None:
    dataset = opened(tmp_path, dumps(*[[1.5]] * 150, [1e300]))
    assert (dataset.num_samples, str(dataset.features.dtype)) == (150, "float32")


def test_envelopes_are_reported_once(tmp_path: Path) -> None:
    rows = dumps(*[{"schema": {"type": "struct"}, "payload": {"a": 1, "b": 2}}] * 30)
    key = dumps({"schema": {"type": "int32"}, "payload": 1})[0]
    dataset = opened(tmp_path, rows, key)
    assert dataset.features.array().tolist() == [[1.0, 2.0]] * 30
    (warning,) = dataset.warnings
    assert "schemas.enable=false" in warning


@pytest.mark.parametrize(
    ("written", "announced", "side"),
    [
        (">f4", "float32", "features"),
        ("<f4", ">f4", "features"),
        (">i4", "int32", "labels"),
        (">f8", "double", "features"),
    ],
)
def test_bytes_in_the_other_order_are_doubted(tmp_path: Path, written: str, announced: str, side: str) -> None:
    numbers = np.random.default_rng(0).normal(20, 5, (50, 4))
    sample, label = ("<f4", "<i4")
    config: dict[str, Any] = {"data_type": "float32", "data_reshape": "4", "label_type": "int32"}
    if side == "features":
        sample, config["data_type"] = written, announced
    else:
        label, config["label_type"] = written, announced
    dataset = opened(
        tmp_path,
        [row.astype(sample).tobytes() for row in numbers],
        [np.array(index % 3, label).tobytes() for index in range(50)],
        input_format=InputFormat.RAW,
        **config,
    )
    ((message, hint),) = dataset.doubts
    other = "<f4" if announced == ">f4" else written
    assert f"the stream's {side} look as if they were" in message
    assert f"{'data' if side == 'features' else 'label'}_type '{other}'" in hint


@pytest.mark.parametrize(
    "rows",
    [
        np.random.default_rng(0).normal(0, 1, (50, 4)).astype(np.float32),
        np.random.default_rng(0).normal(0, 1e-8, (50, 4)),
        np.zeros((50, 4), np.float32),
        np.arange(200, dtype=np.int64).reshape(50, 4),
        (np.arange(200, dtype=np.int64).reshape(50, 4) << 40) + 5,
        np.arange(200, dtype=np.uint16).reshape(50, 4) * 255,
    ],
)
def test_usual_numbers_are_not_doubted(tmp_path: Path, rows: np.ndarray[Any, Any]) -> None:
    dataset = opened(
        tmp_path,
        [row.tobytes() for row in rows],
        None,
        input_format=InputFormat.RAW,
        data_type=rows.dtype.name,
        data_reshape="4",
    )
    assert dataset.doubts == ()


@pytest.mark.parametrize(
    ("input_format", "config"),
    [(InputFormat.RAW, {"data_type": "string"}), (InputFormat.RAW, {"data_type": "float32"})],
)
def test_lines_of_csv_are_reported_as_what_they_are(
    tmp_path: Path, input_format: InputFormat, config: dict[str, Any]
) -> None:
    with pytest.raises(DecodeError) as caught:
        opened(tmp_path, [b"5.1,3.5,1.4"] * 20, None, input_format=input_format, **config)
    assert "kafka-ml send FILE.csv" in caught.value.hint


def test_hostile_streams_make_no_endless_report() -> None:
    left_out = LeftOut()
    for number in range(10_000):
        left_out.add(f"t[0]@{number}", DecodeError("x", gap=f"null in {number}"))
    shown = left_out.warnings(20_000)
    assert len(shown) <= 7
    assert sum(int(reason.split(" ")[0]) for reason in shown) == 10_000
    assert LeftOut.from_json(json.loads(json.dumps(left_out.to_json()))) == left_out
