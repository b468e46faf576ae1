from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kafkaml.control import ControlMessage
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.records import OutgoingRecord
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker
from model_training.shapes import DataMismatch
from model_training.windows import Window, read_windows

ONLINE = ControlMessage(
    ranges=(StreamRange("live"),),
    input_format=InputFormat.RAW,
    input_config={"data_type": "float32", "data_reshape": "2", "label_type": "uint8"},
    incremental=True,
)


@pytest.fixture
def broker() -> InMemoryBroker:
    broker = InMemoryBroker()
    broker.create_topic("live", partitions=2)
    return broker


def send(broker: InMemoryBroker, *values: float, key: bool = True, partition: int = 0) -> None:
    for value in values:
        sample = np.full(2, value, np.float32).tobytes()
        broker.append(
            OutgoingRecord("live", sample, bytes([int(abs(value)) % 2]) if key else None, partition=partition)
        )


def windows(broker: InMemoryBroker, stream: ControlMessage = ONLINE, **options: Any) -> list[Window]:
    reader = broker.reader()
    values: dict[str, Any] = {"records": 4, "seconds": 60.0, "idle_seconds": 0.0} | options
    starts = values.pop("starts", reader.starts("live"))
    return list(read_windows(stream, reader, starts, **values))


def test_windows_are_full_but_the_last_and_say_where_they_end(broker: InMemoryBroker) -> None:
    send(broker, *range(6))
    send(broker, *range(10, 14), partition=1)
    found = windows(broker)
    assert [len(each) for each in found] == [4, 4, 2]
    assert found[0].positions == {("live", 0): 4, ("live", 1): 0}
    assert found[-1].positions == {("live", 0): 6, ("live", 1): 4}
    assert found[0].features[:, 0].tolist() == [0, 1, 2, 3]
    assert found[0].labels is not None
    assert found[0].labels.tolist() == [0, 1, 0, 1]


def test_a_reading_goes_on_behind_a_window(broker: InMemoryBroker) -> None:
    send(broker, *range(10))
    first, *others = windows(broker)
    again = windows(broker, starts=first.positions)
    assert [each.features.tolist() for each in again] == [each.features.tolist() for each in others]


def test_a_window_ends_in_time_when_few_records_come(broker: InMemoryBroker) -> None:
    send(broker, 1, 2)
    reader = broker.reader()
    found = read_windows(ONLINE, reader, reader.starts("live"), records=100, seconds=0.05, idle_seconds=None)
    assert len(next(found)) == 2
    send(broker, 3)
    assert next(found).features.tolist() == [[3, 3]]
    found.close()


def test_records_that_are_no_samples_are_left_out_and_said(broker: InMemoryBroker) -> None:
    send(broker, 0, 2)
    broker.append(OutgoingRecord("live", np.full(2, np.nan, np.float32).tobytes(), b"\0", partition=0))
    broker.append(OutgoingRecord("live", b"odd", b"\0", partition=0))
    (window,) = windows(broker)
    assert (len(window), window.records) == (2, 4)
    assert any("NaN or infinity" in each for each in window.warnings)
    assert any("could not be decoded" in each for each in window.warnings)


def test_a_stream_of_another_format_ends_the_run(broker: InMemoryBroker) -> None:
    for _ in range(1001):
        broker.append(OutgoingRecord("live", b"odd", b"\0", partition=0))
    with pytest.raises(DecodeError, match="do not fit the announced format"):
        windows(broker, records=2000)


def test_without_keys_the_features_are_the_targets(broker: InMemoryBroker) -> None:
    send(broker, 1, 2, 3, key=False)
    (window,) = windows(broker)
    assert window.labels is None
    with window.samples(slice(1, 3)) as samples:
        assert samples.targets_are_features
        assert samples.features.array.tolist() == samples.labels.array.tolist() == [[2, 2], [3, 3]]


def test_texts_are_refused(broker: InMemoryBroker) -> None:
    stream = ControlMessage(ranges=ONLINE.ranges, input_format=InputFormat.JSON, input_config={}, incremental=True)
    broker.append(OutgoingRecord("live", b"[1, 2]", b'"cat"', partition=0))
    with pytest.raises(DataMismatch, match="labels are of the type"):
        windows(broker, stream)
