"""Data sets as files hold the samples that train, in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest

from kafkaml import dataset_export
from kafkaml.dataset_export import export_samples
from kafkaml.errors import DecodeError, DiskFull
from kafkaml.stream_range import format_ranges
from kafkaml.testing import InMemoryBroker, labelled_images, raw_announcement, send_raw
from kafkaml.wire.contract import Contract
from kafkaml.wire.export import ExportFormat, ExportOrder
from tests.kafkaml.test_columns_slice import CONTRACT, announce, open_dataset

TWO_INPUTS = {
    "columns": [
        {**CONTRACT["columns"][0], "input": "labels"},
        {**CONTRACT["columns"][2], "input": "labels"},
        {
            "name": "pair",
            "expression": "ARRAY[reading.temperature, COALESCE(load, 0)]",
            "encoding": "numbers",
            "shape": [2],
            "input": "features",
        },
    ],
    "labels": [
        {"name": "pressure", "expression": "reading.pressure"},
        {"name": "load", "expression": "COALESCE(load, 0)"},
    ],
}


def order_of(memory: InMemoryBroker, kind: ExportFormat, **contract: Any) -> tuple[ExportOrder, Any]:
    message = announce(memory, 3, **contract)
    order = ExportOrder(
        name="readings-v1",
        ranges=format_ranges(message.ranges),
        contract=Contract.model_validate(message.input_config["contract"]),
        validation_rate=message.validation_rate,
        test_rate=message.test_rate,
        format=kind,
    )
    return order, message


def exported(memory: InMemoryBroker, folder: Path, kind: ExportFormat, **contract: Any) -> Path:
    order, _ = order_of(memory, kind, **contract)
    outcome = export_samples(order, folder / "file", reader=memory.reader())
    assert outcome.records == 400
    # No temporary file remains.
    assert [path.name for path in folder.iterdir()] == ["file"]
    return folder / "file"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_arrays_are_those_of_a_training(tmp_path: Path, folder: Path) -> None:
    memory = InMemoryBroker()
    order, message = order_of(memory, ExportFormat.NPZ)
    outcome = export_samples(order, folder / "file", reader=memory.reader())
    with open_dataset(memory, message, tmp_path / "cache", seed=0) as dataset, np.load(folder / "file") as arrays:
        assert outcome.samples == dataset.num_samples == 400
        np.testing.assert_array_equal(arrays["features"], dataset.features.array())
        assert dataset.labels is not None
        np.testing.assert_array_equal(arrays["labels"], dataset.labels.array())
        assert arrays["classes"].tolist() == ["false", "true"]
        assert arrays["parts"][arrays["part"]].tolist() == ["training"] * 220 + ["validation"] * 80 + ["test"] * 100
        assert arrays["features_columns"].tolist()[:3] == ["temperature", "ratio", "status=other"]
        learnt = orjson.loads(arrays["contract.json"])["learnt"]
        assert learnt == dataset.learnt["learnt"]


def test_a_row_of_parquet_is_a_sample_with_its_label_and_part(tmp_path: Path, folder: Path) -> None:
    memory = InMemoryBroker()
    path = exported(memory, folder, ExportFormat.PARQUET)
    table = pl.read_parquet(path)
    assert table.columns[:2] == ["temperature", "ratio"]
    assert table.columns[-3:] == ["load", "failure", "part"]
    assert table["part"].value_counts(sort=True).rows() == [("training", 220), ("test", 100), ("validation", 80)]
    assert set(table["failure"].cast(pl.String)) == {"false", "true"}
    with open_dataset(memory, order_of(memory, ExportFormat.NPZ)[1], tmp_path / "cache", seed=0) as dataset:
        np.testing.assert_array_equal(table.drop("failure", "part").to_numpy(), dataset.features.array())
    assert orjson.loads(pl.read_parquet_metadata(path)["kafka_ml.contract"])["contract"]["format"] == "JSON"


@pytest.mark.parametrize("kind", ExportFormat)
def test_windows_and_several_inputs_and_labels_keep_their_shape(folder: Path, kind: ExportFormat) -> None:
    path = exported(InMemoryBroker(), folder, kind, **TWO_INPUTS, window={"length": 5}, split="key")
    if kind == ExportFormat.NPZ:
        with np.load(path) as arrays:
            shapes = {name: arrays[name].shape[1:] for name in ("labels_", "features", "labels")}
            assert shapes == {"labels_": (5, 5), "features": (5, 2), "labels": (2,)}
        return
    schema = pl.read_parquet(path).schema
    assert schema == {
        "labels": pl.Array(pl.Float32, (5, 5)),
        "features": pl.Array(pl.Float32, (5, 2)),
        "pressure": pl.Float32,
        "load": pl.Float32,
        "part": pl.Enum(["training", "validation", "test"]),
    }


@pytest.mark.parametrize("kind", ExportFormat)
def test_a_stream_of_a_sink_is_exported_as_it_is_learnt(tmp_path: Path, folder: Path, kind: ExportFormat) -> None:
    memory = InMemoryBroker()
    memory.create_topic("digits", partitions=2)
    images, labels = labelled_images(60)
    ranges = send_raw(memory.writer(), "digits", images, labels, partition_of=[number % 2 for number in range(60)])
    message = raw_announcement(ranges, images, labels)
    order = ExportOrder(
        name="stream-1",
        ranges=format_ranges(message.ranges),
        input_format=message.input_format,
        input_config=message.input_config,
        validation_rate=0.1,
        test_rate=0.2,
        format=kind,
    )
    outcome = export_samples(order, folder / "file", reader=memory.reader())
    assert (outcome.samples, outcome.records, len(list(folder.iterdir()))) == (60, 60, 1)
    with open_dataset(memory, message, tmp_path / "cache", seed=0) as dataset:
        expected, targets = dataset.features.array(), dataset.labels
        assert targets is not None
        if kind == ExportFormat.NPZ:
            with np.load(folder / "file") as arrays:
                np.testing.assert_array_equal(arrays["features"], expected)
                np.testing.assert_array_equal(arrays["labels"], targets.array())
                assert np.bincount(arrays["part"]).tolist() == [42, 6, 12]
                assert orjson.loads(arrays["contract.json"])["input_config"]["data_type"] == "uint8"
            return
        table = pl.read_parquet(folder / "file")
        assert table.columns == ["features", "label", "part"]
        assert table.schema["features"] == pl.Array(pl.UInt8, images.shape[1:])
        np.testing.assert_array_equal(np.stack(table["features"].to_list()), expected)
        np.testing.assert_array_equal(table["label"].to_numpy(), targets.array().reshape(60))


def test_what_cannot_be_exported_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = InMemoryBroker()
    order, _ = order_of(memory, ExportFormat.NPZ, window={"length": 1000}, split="time")
    with pytest.raises(DecodeError, match="make no sample"):
        export_samples(order, folder / "file", reader=memory.reader())
    monkeypatch.setattr(dataset_export, "_RESERVE_BYTES", 1 << 60)
    order, _ = order_of(memory, ExportFormat.NPZ)
    with pytest.raises(DiskFull, match="the export needs up to"):
        export_samples(order, folder / "file", reader=memory.reader())
