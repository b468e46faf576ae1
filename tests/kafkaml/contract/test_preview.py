"""Previews: what a contract, right or wrong, makes of a sample of records."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image

from kafkaml.contract import preview as previews
from kafkaml.contract.compiled import CompiledContract
from kafkaml.contract.preview import follows_keys, preview
from kafkaml.records import ListBatch, Record
from kafkaml.wire.contract import Contract
from kafkaml.wire.preview import Preview, PreviewColumn, SamplePart, SampleParts, ShownPart
from tests.machines import machine_records

CONTRACT: dict[str, Any] = {
    "format": "JSON",
    "fields": [
        {"path": ["reading", "temperature"], "kind": "number"},
        {"path": ["reading", "axes"], "kind": "numbers"},
        {"path": ["status"], "kind": "text"},
        {"path": ["load"], "kind": "number"},
        {"path": ["failure"], "kind": "boolean"},
    ],
    "columns": [
        {"name": "temperature", "expression": "reading.temperature", "scaling": "standard"},
        {"name": "status", "expression": "status", "encoding": "one_hot"},
        {"name": "load", "expression": "load", "missing": "mean"},
    ],
    "labels": [{"name": "failure", "expression": "failure", "kind": "class"}],
}
RECORDS = machine_records(400)


def seen(changes: dict[str, Any] | None = None, records: list[Record] = RECORDS, **options: Any) -> Preview:
    found = preview(records, {**CONTRACT, **(changes or {})}, **options)
    # The preview survives a trip through JSON.
    return Preview.model_validate(orjson.loads(orjson.dumps(found.to_json())))


def column(found: Preview, name: str) -> PreviewColumn:
    return next(column for column in found.columns if column.name == name)


def codes(found: Preview) -> list[str]:
    return [remark.code.value for remark in found.remarks]


def places(found: Preview) -> list[str]:
    return [problem.place for problem in found.problems]


def test_columns_are_reported_before_anything_is_scaled() -> None:
    found = seen(available=10_000)
    assert (found.records, found.sampled, found.decodes, found.problems) == (10_000, 400, 1, ())
    assert [preview_column.place for preview_column in found.columns] == [
        "columns.0",
        "columns.1",
        "columns.2",
        "labels.0",
    ]
    readings = [orjson.loads(record.value or b"") for record in RECORDS]
    temperatures = [reading["reading"]["temperature"] for reading in readings]
    numbers = column(found, "temperature").numbers
    assert numbers is not None
    assert (numbers.min, numbers.max) == (min(temperatures), max(temperatures))
    assert numbers.mean == pytest.approx(np.mean(temperatures))
    assert sum(bin_.count for bin_ in numbers.histogram) == 400
    load = column(found, "load")
    assert load.missing == sum(reading["load"] is None for reading in readings) / 400
    status = column(found, "status")
    assert (status.distinct, status.width, status.numbers) == (3, 4, None)
    assert sum(value_count.count for value_count in status.top) == 400
    assert {value_count.value: value_count.count for value_count in found.balance} == {
        str(value).lower(): sum(reading["failure"] is value for reading in readings) for value in (False, True)
    }


def test_samples_are_those_of_a_training() -> None:
    found = seen(samples=5, validation_rate=0.25, test_rate=0.25)
    assert found.parts == SampleParts(training=200, validation=100, test=100)
    assert [(model_input.name, model_input.shape, model_input.dtype) for model_input in found.inputs] == [
        ("", (6,), "float32")
    ]
    assert found.inputs[0].features[:3] == ("temperature", "status=other", "status=idle")
    compiled = CompiledContract(Contract.model_validate(CONTRACT))
    rows = compiled.raw(ListBatch(RECORDS)).rows
    arranged = compiled.arrange(rows, seed=0, validation_rate=0.25, test_rate=0.25)
    learnt = compiled.learn(rows, arranged)
    assert len(found.samples) == 5
    for sample in found.samples:
        place = next(at for at, record in enumerate(RECORDS) if record[1:3] == (sample.partition, sample.offset))
        inputs, labels = compiled.samples(rows, learnt, arranged, np.array([place]))
        assert labels is not None
        np.testing.assert_allclose(sample.inputs[0].values, inputs[""][0], rtol=1e-6)
        assert sample.label == learnt.classes[labels[0]]
        assert (sample.part == SamplePart.TEST) == (place in arranged.parts.test)
        assert (sample.key, sample.timestamp_ms) == ((RECORDS[place].key or b"").decode(), RECORDS[place].timestamp_ms)


def test_what_is_wrong_is_reported_at_its_place_and_the_rest_is_shown() -> None:
    columns = [
        {"name": "a", "expression": "reading.temperatur"},
        CONTRACT["columns"][1],
        {"name": "b", "expression": ""},
        {"name": "c", "expression": "load +"},
        {"name": "d", "expression": "load", "encoding": "one-hot"},
        {"name": "status", "expression": "load"},
        {"name": "e", "expression": "CAST('x' AS DOUBLE)", "missing": "mean"},
        {"name": "f", "expression": "status", "scaling": "standard"},
    ]
    found = seen({"columns": columns, "windows": {}})
    assert places(found) == [
        "columns.0.expression",
        "columns.2.expression",
        "columns.3.expression",
        "columns.4.encoding",
        "columns.5.name",
        "columns.6.missing",
        "columns.7.expression",
        "windows",
    ]
    by_place = {problem.place: problem for problem in found.problems}
    misspelt = by_place["columns.0.expression"]
    assert (misspelt.start, misspelt.end, misspelt.meant) == (0, 18, ("reading.temperature",))
    assert "status" in misspelt.known
    assert by_place["columns.3.expression"].start == 5
    assert by_place["windows"].meant == ("window",)
    # Readable columns are shown even when nothing can be learnt from them.
    assert [preview_column.place for preview_column in found.columns] == ["columns.1", "columns.6", "labels.0"]
    assert column(found, "e").missing == 1
    assert found.inputs[0].features == ("status=other", "status=idle", "status=ok", "status=slow")
    assert len(found.samples) == 12


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"columns": []}, "columns"),
        ({"columns": [{"name": "a", "expression": "nothing.there"}]}, "columns.0.expression"),
        ({"columns": 7}, "columns"),
    ],
)
def test_without_a_column_the_label_is_shown(changes: dict[str, Any], place: str) -> None:
    found = seen(changes)
    assert places(found) == [place]
    assert ([column.name for column in found.columns], len(found.balance), found.samples) == (["failure"], 2, ())


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"format": "AVRO"}, ["format_config"]),
        ({"format": "XML"}, ["format"]),
        ({"format": 3}, ["format"]),
    ],
)
def test_without_a_format_nothing_is_shown(changes: dict[str, Any], wrong: list[str]) -> None:
    found = seen(changes)
    assert places(found) == wrong
    assert (found.sampled, found.columns) == (0, ())


def test_settings_that_contradict_each_other_do_not_hide_the_columns() -> None:
    window = {"length": 4}
    for changes, wrong in [
        ({"window": window}, ["split"]),
        ({"window": window, "split": "time", "key": "none"}, ["key"]),
        ({"window": {"length": 4, "horizon": 2}, "split": "time", "labels": []}, ["window.horizon"]),
        ({"window": {"length": 0}, "split": "time"}, ["window.length"]),
        ({"split": "by luck"}, ["split"]),
        # The forecast lacks a label because its source column is wrong. The error is reported once.
        (
            {"window": {"length": 4, "horizon": 2}, "split": "time", "labels": [{"name": "y", "expression": "y"}]},
            ["labels.0.expression"],
        ),
    ]:
        found = seen(changes)
        assert places(found) == wrong
        assert [column.name for column in found.columns][:3] == ["temperature", "status", "load"]
        assert len(found.samples) == 12


def test_windows_are_shown_by_their_last_record() -> None:
    found = seen({"window": {"length": 5, "horizon": 1}, "split": "time"}, samples=3)
    assert found.inputs[0].shape == (5, 6)
    assert found.parts is not None
    assert found.parts.left_out > 0
    assert "split" in codes(found)
    sample = found.samples[0]
    assert sample.inputs[0].shape == (5, 6)
    of_key = [record for record in RECORDS if record.key == (sample.key or "").encode()]
    assert sample.offset == of_key[4].offset
    label = "true" if orjson.loads(of_key[5].value or b"")["failure"] else "false"
    assert sample.label == label


def test_too_few_records_for_windows_are_reported() -> None:
    found = seen({"window": {"length": 50}, "split": "time"})
    assert found.samples == ()
    announced = next(remark.message for remark in found.remarks if remark.code == "window")
    assert "the most is 20" in announced
    # A sample with a single key cannot be split by key, so all of it counts as training.
    found = seen({"split": "key"}, [record for record in RECORDS if record.key == b"m1"])
    assert found.parts == SampleParts(training=20, validation=0, test=0)
    assert "split" in codes(found)


def test_several_inputs_and_labels() -> None:
    changes = {
        "columns": [
            {**CONTRACT["columns"][0], "input": "numbers"},
            {"name": "axes", "expression": "reading.axes", "encoding": "numbers", "shape": [2], "input": "axes"},
        ],
        "labels": [{"name": "x", "expression": "reading.axes[1]"}, {"name": "t", "expression": "reading.temperature"}],
    }
    found = seen(changes, samples=1)
    assert {model_input.name: model_input.features for model_input in found.inputs} == {
        "numbers": ("temperature",),
        "axes": (),
    }
    (sample,) = found.samples
    reading = orjson.loads(RECORDS[0].value or b"")["reading"]
    assert sample.inputs[1].values == pytest.approx(reading["axes"])
    assert sample.label == pytest.approx((reading["axes"][0], reading["temperature"]))
    assert codes(found) == ["label_leak", "label_leak"]


def test_what_is_worth_a_look_is_remarked() -> None:
    records = [
        Record("t", 0, place, b"k", value, (), 1000 + place)
        for place, value in enumerate([b'{"a":1,"ok":true}'] * 30 + [b"{", b'{"a":"x"}', None, b'{"ok":true}'])
    ]
    contract = {
        "format": "JSON",
        "fields": [{"path": ["a"], "kind": "number"}, {"path": ["ok"], "kind": "boolean"}],
        "columns": [{"name": "a", "expression": "a"}],
        "labels": [{"name": "ok", "expression": "ok", "kind": "class"}],
    }
    found = preview(records, contract)
    assert found.decodes == pytest.approx(30 / 34)
    assert found.undecodable is not None
    assert (found.undecodable.place, found.undecodable.share) == ("t[0]@30", pytest.approx(3 / 34))
    assert sorted(codes(found)) == ["incomplete", "one_class", "tombstones"]
    assert "another type in a (1)" in next(remark.message for remark in found.remarks if remark.code == "incomplete")
    assert codes(preview(records[:30], contract)) == ["constant", "one_class"]
    assert preview([], contract).samples == ()


def test_large_samples_are_shown_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.arange(64 * 48, dtype=np.uint32).reshape(48, 64).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    records = [Record("t", 0, place, b"k", buffer.getvalue(), (), place) for place in range(20)]
    image = {"name": "image", "expression": "_value", "encoding": "image", "shape": [48, 64]}
    contract: dict[str, Any] = {
        "format": "RAW",
        "fields": [{"path": ["_value"], "kind": "bytes"}],
        "columns": [image],
    }
    found = preview(records, contract, samples=2)
    (shown,) = found.samples[0].inputs
    assert (shown.shown, shown.shape) == (ShownPart.WHOLE, (48, 64))
    np.testing.assert_array_equal(np.reshape(shown.values, shown.shape), pixels)
    monkeypatch.setattr(previews, "_MAX_VALUES", 1000)
    (shown,) = preview(records, contract, samples=2).samples[0].inputs
    assert shown.shown == ShownPart.THINNED
    np.testing.assert_array_equal(np.reshape(shown.values, shown.shape), pixels[::3, ::3])
    monkeypatch.setattr(previews, "_MAX_VALUES", 20)
    (shown,) = seen({"window": {"length": 5}, "split": "time"}, samples=2).samples[0].inputs
    assert (shown.shown, len(shown.values) <= 10) == (ShownPart.FIRST, True)
    # Fewer records are sampled when their pictures would fill the memory.
    monkeypatch.setattr(previews, "_MAX_ELEMENTS", 5 * 48 * 64)
    assert preview(records, contract).sampled == 5


def test_which_contracts_need_records_that_follow_each_other() -> None:
    assert not follows_keys(CONTRACT)
    assert follows_keys({**CONTRACT, "window": {"length": 3}})
    assert follows_keys({"columns": [{"missing": "last"}]})
    assert not follows_keys({"columns": [7, {}], "window": None})
