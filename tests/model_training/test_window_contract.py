"""Data sets without end: a contract makes samples of windows of a stream, in training as in serving."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import orjson
import pytest

from kafkaml.contract.compiled import CompiledContract
from kafkaml.control import ControlMessage
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.records import ListBatch, OutgoingRecord, Record
from kafkaml.shapes import DataMismatch
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker
from kafkaml.wire.contract import Contract, FieldKind, Learnt, SplitBy
from model_training.window import HeldOut, Reading, Window
from model_training.windows import Limits, read_windows
from tests.kafkaml.contract.records import field

HELD_OUT = HeldOut(rate=Fraction(1, 4), seed=5)
FIRST_MS = 1_700_000_000_000
CONTRACT: dict[str, Any] = {
    "format": "JSON",
    "fields": [
        field("temperature").to_json(),
        field("status", FieldKind.TEXT).to_json(),
        field("state", FieldKind.TEXT).to_json(),
    ],
    "columns": [
        {"name": "temperature", "expression": "temperature", "scaling": "standard"},
        {"name": "status", "expression": "status", "encoding": "one_hot"},
    ],
    "labels": [{"name": "state", "expression": "state", "kind": "class"}],
}
IN_WINDOWS = {**CONTRACT, "window": {"length": 3}, "split": "key"}


@pytest.fixture
def broker() -> InMemoryBroker:
    broker = InMemoryBroker()
    broker.create_topic("machines", partitions=2)
    return broker


def send(broker: InMemoryBroker, count: int, *, first: int = 0, partitions: int = 1, **others: Any) -> None:
    """Send readings of eight machines in turn; the first 150 are all different."""
    for number in range(first, first + count):
        machine = number % 8
        value = {
            "temperature": float(number * 7 % 50),
            "status": ("ok", "slow", "idle")[number % 3],
            "state": "good" if number % 5 else "bad",
            **others,
        }
        broker.append(
            OutgoingRecord(
                "machines",
                orjson.dumps(value),
                b"m%d" % machine,
                timestamp_ms=FIRST_MS + 1000 * number,
                partition=machine % partitions,
            )
        )


def windows(broker: InMemoryBroker, contract: Any = CONTRACT, *, fit_records: int = 40, **options: Any) -> list[Window]:
    stream = ControlMessage(
        ranges=(StreamRange("machines"),),
        input_format=InputFormat.COLUMNS,
        input_config={"contract": Contract.model_validate(contract).to_json(), "fit_records": fit_records},
        incremental=True,
    )
    limits = Limits(records=options.pop("records", 20), seconds=options.pop("seconds", 60.0), idle_seconds=0.0)
    return list(read_windows(stream, broker.reader(), limits, **{"held_out": HELD_OUT, **options}))


def learnt_of(window: Window) -> Learnt:
    assert window.reading.decided is not None
    return Learnt.model_validate(window.reading.decided.settings["learnt"])


def records_of(broker: InMemoryBroker, window: Window) -> list[Record]:
    """Return the record that each sample ends with."""
    places = [window.places[origin] for origin in window.origins.tolist()]
    return [broker.fetch((topic, number), offset, 1)[0][0] for topic, number, offset in places]


def test_scales_and_classes_are_those_of_the_first_records_that_train_and_stay_so(broker: InMemoryBroker) -> None:
    send(broker, 40)
    send(broker, 20, first=40, temperature=900.0, status="new")
    first, later = windows(broker)
    assert (first.records, later.records) == (40, 20)
    assert learnt_of(first) == learnt_of(later)
    assert first.class_names == ("bad", "good")
    learnt = learnt_of(first).columns
    assert learnt["status"].vocabulary == ("idle", "ok", "slow")
    assert first.validates is not None
    training = [number * 7 % 50 for number, held in enumerate(first.validates.tolist()) if not held]
    assert (learnt["temperature"].offset, learnt["temperature"].scale) == pytest.approx(
        (np.mean(training), np.std(training))
    )
    # A text that appeared later counts as unknown, as in serving.
    assert later.features[:, 1:].tolist() == [[1, 0, 0, 0]] * 20
    assert [note for note in first.reading.warnings if "first 40 records" in note and "stay so" in note]


def test_the_first_window_waits_for_as_many_as_are_asked_for(broker: InMemoryBroker) -> None:
    send(broker, 50)
    first, *_ = windows(broker, fit_records=30, seconds=0.0)
    assert first.records == 30
    # The stream has ended, so the window holds the records that exist.
    assert [window.records for window in windows(broker, fit_records=100)] == [50]


@pytest.mark.parametrize("split", list(SplitBy))
def test_what_validates_never_trains(broker: InMemoryBroker, split: SplitBy) -> None:
    send(broker, 100)
    # The records are sent twice, as by a producer that is not idempotent.
    send(broker, 100)
    contract = {**CONTRACT, "split": split}
    trained, validated = set[bytes | None](), set[bytes | None]()
    for window in windows(broker, contract):
        assert window.validates is not None
        for record, held in zip(records_of(broker, window), window.validates.tolist(), strict=True):
            (validated if held else trained).add(record.key if split is SplitBy.KEY else record.value)
        if split is SplitBy.TIME:
            # The validation samples are newer than all that the model learnt.
            assert window.validates.tolist() == [False] * (len(window) * 3 // 4) + [True] * (len(window) // 4)
    assert trained
    assert validated
    if split is not SplitBy.TIME:
        assert not trained & validated
    none = windows(broker, contract, held_out=HeldOut())
    assert not any(made.validates.any() for made in none if made.validates is not None)


@pytest.mark.parametrize("contract", [CONTRACT, IN_WINDOWS], ids=["records", "windows"])
def test_serving_makes_the_same_samples_of_the_same_records(broker: InMemoryBroker, contract: Any) -> None:
    send(broker, 170, partitions=2)
    found = windows(broker, contract)
    learnt = learnt_of(found[-1])
    serving = CompiledContract(Contract.model_validate(contract), learnt)
    served: dict[tuple[str, int, int], Any] = {}
    for partition in (0, 1):
        records, _ = broker.fetch(("machines", partition), 0, 1000)
        batch = ListBatch(records)
        decoded = serving.decode(batch)
        for row, index in enumerate(decoded.kept.tolist()):
            served[tuple(batch[index][:3])] = decoded.inputs[""][row].tolist()
    trained = {
        window.places[origin]: sample
        for window in found
        for origin, sample in zip(window.origins.tolist(), window.features.tolist(), strict=True)
    }
    assert trained == served
    assert len(trained) == (170 if contract is CONTRACT else 170 - 8 * 2)


@pytest.mark.parametrize("contract", [CONTRACT, IN_WINDOWS], ids=["records", "windows"])
def test_going_on_behind_any_window_gives_the_samples_of_an_undisturbed_run(
    broker: InMemoryBroker, contract: Any
) -> None:
    send(broker, 150, partitions=2)
    undisturbed = windows(broker, contract)
    for place, window in enumerate(undisturbed[:-1]):
        document = json.loads(json.dumps(window.reading.to_json()))
        past = Reading.from_json(document, {name: array.copy() for name, array in window.reading.state.items()})
        again = windows(broker, contract, past=past, first_end=undisturbed[place + 1].reading.positions)
        wanted = undisturbed[place + 1 :]
        assert [made.features.tolist() for made in again] == [made.features.tolist() for made in wanted]
        assert [np.asarray(made.labels).tolist() for made in again] == [
            np.asarray(made.labels).tolist() for made in wanted
        ]
        assert again[-1].reading.sha256 == wanted[-1].reading.sha256


def test_where_no_window_is_full_yet_the_first_with_one_learns_of_all_before(broker: InMemoryBroker) -> None:
    contract = {**IN_WINDOWS, "window": {"length": 8}}
    send(broker, 60)
    send(broker, 60, first=60, temperature=700.0)
    empty, *others = windows(broker, contract, fit_records=10)
    assert not len(empty)
    found = [window for window in others if len(window)]
    # Another attempt reads all unsaved records as one window, and learns the same.
    again = windows(broker, contract, fit_records=10, first_end=found[0].reading.positions)
    assert learnt_of(again[0]) == learnt_of(found[0])
    assert again[0].features.tolist() == found[0].features.tolist()
    assert again[-1].reading.sha256 == found[-1].reading.sha256


def test_a_class_that_the_first_records_lack_is_left_out_and_named(broker: InMemoryBroker) -> None:
    send(broker, 60)
    send(broker, 5, first=60, state="broken")
    *_, last = windows(broker)
    assert (len(last), last.left_out) == (0, 5)
    (decided,) = [warning for warning in last.reading.warnings if "another class" in warning]
    assert decided.startswith("5 of 65 records left out: another class in state")
    label = {"name": "state", "expression": "state", "kind": "class", "classes": ["good", "bad", "broken"]}
    *_, last = windows(broker, {**CONTRACT, "labels": [label]})
    assert last.class_names == ("good", "bad", "broken")
    assert np.asarray(last.labels).tolist() == [2] * 5


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda it: it.update(window={"length": 3}, split="time"), "windows go on"),
        (lambda it: it.update(window={"length": 3, "horizon": 1}, split="key"), "a forecast"),
    ],
)
def test_what_a_stream_without_end_cannot_be_is_refused(
    broker: InMemoryBroker, change: Callable[[dict[str, Any]], None], expected: str
) -> None:
    contract = dict(CONTRACT)
    change(contract)
    with pytest.raises(DataMismatch, match=expected):
        windows(broker, contract)


def test_where_nothing_can_be_learnt_it_is_said_what_to_change(broker: InMemoryBroker) -> None:
    send(broker, 40, temperature=None)
    fields = [{**CONTRACT["columns"][0], "missing": "mean"}, CONTRACT["columns"][1]]
    with pytest.raises(DecodeError, match=r"nothing can be learnt of the first 40 records.*temperature has no value"):
        windows(broker, {**CONTRACT, "columns": fields})
