from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest

from kafkaml.control import ControlMessage
from kafkaml.errors import BrokerError, DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.records import OutgoingRecord
from kafkaml.shapes import DataMismatch
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker
from model_training.read_ahead import ReadAhead
from model_training.window import Reading, Window
from model_training.windows import Limits, read_windows

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
    limits = Limits(records=options.pop("records", 4), seconds=60.0, idle_seconds=0.0)
    return list(read_windows(stream, broker.reader(), limits, **options))


def test_windows_are_full_but_the_last_and_say_where_they_end(broker: InMemoryBroker) -> None:
    send(broker, *range(6))
    send(broker, *range(10, 14), partition=1)
    found = windows(broker)
    assert [len(window) for window in found] == [4, 4, 2]
    assert found[0].reading.positions == {("live", 0): 4, ("live", 1): 0}
    assert found[-1].reading.positions == {("live", 0): 6, ("live", 1): 4}
    assert found[0].features[:, 0].tolist() == [0, 1, 2, 3]
    assert found[0].labels is not None
    assert found[0].labels.tolist() == [0, 1, 0, 1]


def test_a_reading_goes_on_behind_a_window(broker: InMemoryBroker) -> None:
    send(broker, *range(10))
    first, *others = windows(broker)
    document = json.loads(json.dumps(first.reading.to_json()))
    again = windows(broker, past=Reading.from_json(document))
    assert [window.features.tolist() for window in again] == [window.features.tolist() for window in others]
    assert [window.reading for window in again] == [window.reading for window in others]


def test_a_window_that_was_begun_before_ends_where_it_did(broker: InMemoryBroker) -> None:
    send(broker, *range(6))
    send(broker, *range(10, 14), partition=1)
    begun = {("live", 0): 1, ("live", 1): 2}
    found = windows(broker, first_end=begun)
    assert [window.features[:, 0].tolist() for window in found] == [[0, 10, 11], [1, 2, 3, 4], [5, 12, 13]]
    assert found[0].reading.positions == begun
    # These records follow an earlier window. One of them is in a partition that was added since.
    broker.add_partition("live")
    send(broker, 20, partition=2)
    found = windows(broker, past=found[0].reading, first_end={("live", 0): 2, ("live", 1): 2})
    assert found[0].features[:, 0].tolist() == [1]
    assert found[-1].reading.positions == {("live", 0): 6, ("live", 1): 4, ("live", 2): 1}


def test_a_window_whose_records_are_gone_is_passed_over(broker: InMemoryBroker) -> None:
    send(broker, *range(6))
    broker.delete_records("live", 0, 3)
    found = windows(broker, first_end={("live", 0): 2, ("live", 1): 0})
    assert [window.features[:, 0].tolist() for window in found] == [[3, 4, 5]]
    assert found[0].labels is not None


def test_windows_without_a_sample_do_not_change_the_name_of_those_with_some(broker: InMemoryBroker) -> None:
    for _ in range(4):
        broker.append(OutgoingRecord("live", b"odd", b"\0", partition=0))
    send(broker, 1, 2)
    empty, found = windows(broker)
    assert not len(empty)
    (again,) = windows(broker, first_end=found.reading.positions)
    assert again.reading == found.reading
    assert again.features.tolist() == found.features.tolist()


def test_a_window_is_in_the_order_of_its_times(broker: InMemoryBroker) -> None:
    for value, timestamp, partition in ((1, 3000, 0), (2, 1000, 1), (3, 2000, 0), (4, 2000, 1)):
        record = OutgoingRecord("live", np.full(2, value, np.float32).tobytes(), b"\0", timestamp_ms=timestamp)
        broker.append(record._replace(partition=partition))
    (window,) = windows(broker)
    assert window.features[:, 0].tolist() == [2, 3, 4, 1]
    assert [window.place(row) for row in range(4)] == ["live[1]@0", "live[0]@1", "live[1]@1", "live[0]@0"]


def test_the_stream_begins_with_the_first_record_that_is_young_enough(broker: InMemoryBroker) -> None:
    for timestamp in (1000, 2000, 3000):
        sample = np.full(2, timestamp, np.float32).tobytes()
        broker.append(OutgoingRecord("live", sample, b"\0", timestamp_ms=timestamp, partition=0))
    (window,) = windows(broker, since_ms=2000)
    assert window.features[:, 0].tolist() == [2000, 3000]


def test_partitions_that_a_topic_gets_later_are_read_from_their_beginning(
    broker: InMemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_training.windows._PARTITIONS_SECONDS", 0.0)
    send(broker, 1, 2, 3, 4)
    found = read_windows(ONLINE, broker.reader(), Limits(records=4, seconds=60.0))
    assert next(found).features[:, 0].tolist() == [1, 2, 3, 4]
    broker.add_partition("live")
    send(broker, 5, 6, partition=2)
    send(broker, 7, 8)
    window = next(found)
    assert sorted(window.features[:, 0].tolist()) == [5, 6, 7, 8]
    assert window.reading.positions == {("live", 0): 6, ("live", 1): 0, ("live", 2): 2}
    found.close()


def test_what_the_first_samples_decided_holds_for_all_that_follow(broker: InMemoryBroker) -> None:
    stream = ControlMessage(ranges=ONLINE.ranges, input_format=InputFormat.JSON, input_config={}, incremental=True)

    def send_json(*values: str) -> None:
        for value in values:
            broker.append(OutgoingRecord("live", value.encode(), b"1", partition=0))

    send_json('{"a": 1.5, "b": 2}', '{"b": 4, "a": 3}', '{"a": 5, "b": 6}', '{"a": 7, "b": 8}')
    (first,) = windows(broker, stream)
    send_json('{"b": 10, "a": 9}', '{"c": 1}', '{"a": 1, "b": 16777217}')
    (later,) = windows(broker, stream, past=Reading.from_json(json.loads(json.dumps(first.reading.to_json()))))
    assert first.features[:2].tolist() == [[1.5, 2], [3, 4]]
    # Columns and type are those of the first window, which has no such number.
    assert later.features.tolist() == [[9, 10]]
    assert later.features.dtype == np.float32
    assert (later.records, later.left_out, later.reading.records) == (3, 2, 7)
    # The window is the same as without the pause.
    assert windows(broker, stream)[1].reading == later.reading


def test_the_samples_so_far_have_a_name(broker: InMemoryBroker) -> None:
    send(broker, 1, 2, 3, 4, 5)
    names = [window.reading.sha256 for window in windows(broker)]
    assert len(set(names)) == 2
    assert [window.reading.sha256 for window in windows(broker)] == names
    assert [window.reading.sha256 for window in windows(broker, records=3)] != names


def test_a_window_ends_in_time_when_few_records_come(broker: InMemoryBroker) -> None:
    send(broker, 1, 2)
    found = read_windows(ONLINE, broker.reader(), Limits(records=100, seconds=0.05))
    assert len(next(found)) == 2
    send(broker, 3)
    assert next(found).features.tolist() == [[3, 3]]
    found.close()


def test_records_that_are_not_samples_are_left_out_and_said(broker: InMemoryBroker) -> None:
    send(broker, 0, 2)
    broker.append(OutgoingRecord("live", np.full(2, np.nan, np.float32).tobytes(), b"\0", partition=0))
    broker.append(OutgoingRecord("live", b"odd", b"\0", partition=0))
    (window,) = windows(broker)
    assert (len(window), window.records, window.left_out) == (2, 4, 2)
    assert any("NaN in column 0" in warning and "live[0]@2" in warning for warning in window.reading.warnings)
    assert any("could not be decoded" in warning for warning in window.reading.warnings)


def test_a_stream_of_another_format_ends_the_run(broker: InMemoryBroker) -> None:
    for _ in range(1001):
        broker.append(OutgoingRecord("live", b"odd", b"\0", partition=0))
    with pytest.raises(DecodeError, match="do not fit the announced format"):
        windows(broker, records=2000)


def test_without_keys_the_features_are_the_targets(broker: InMemoryBroker) -> None:
    send(broker, 1, 2, 3, key=False)
    (window,) = windows(broker)
    assert window.labels is None
    # Keys that come later are not labels.
    send(broker, 4)
    (later,) = windows(broker, past=window.reading)
    assert later.labels is None


def test_the_end_of_a_stream_waits_for_a_kafka_that_is_away(
    broker: InMemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(broker, 1)
    reader, asked = broker.reader(), []

    def caught_up() -> bool:
        asked.append(True)
        if len(asked) == 1:
            raise BrokerError("Kafka does not answer")
        if len(asked) == 2:
            send(broker, 2)
        return len(asked) > 3

    monkeypatch.setattr(reader, "caught_up", caught_up)
    found = list(read_windows(ONLINE, reader, Limits(records=2, seconds=60.0, idle_seconds=0.0)))
    assert [window.features[:, 0].tolist() for window in found] == [[1, 2]]


def test_reading_ends_when_nobody_takes_windows_any_more(broker: InMemoryBroker) -> None:
    def read(is_left: Callable[[], bool]) -> Generator[Window]:
        return read_windows(ONLINE, broker.reader(), Limits(records=1, seconds=60.0), is_left=is_left)

    threads = threading.active_count()
    with ReadAhead.of(read) as ahead:
        send(broker, 1)
        assert next(ahead).features[:, 0].tolist() == [1]
        # No record comes any more, so the thread waits.
    assert threading.active_count() == threads


def test_what_fails_while_reading_ahead_is_raised_where_windows_are_taken(broker: InMemoryBroker) -> None:
    send(broker, 1)
    broker.append(OutgoingRecord("live", b"odd", b"\0", partition=0))

    def read(is_left: Callable[[], bool]) -> Generator[Window]:
        yield from read_windows(ONLINE, broker.reader(), Limits(records=1, seconds=60.0), is_left=is_left)

    def fails(is_left: Callable[[], bool]) -> Generator[Window]:
        yield next(read(is_left))
        raise DecodeError("no sample")

    with ReadAhead.of(fails) as ahead:
        assert len(next(ahead)) == 1
        with pytest.raises(DecodeError, match="no sample"):
            next(ahead)


def test_texts_are_refused(broker: InMemoryBroker) -> None:
    stream = ControlMessage(ranges=ONLINE.ranges, input_format=InputFormat.JSON, input_config={}, incremental=True)
    broker.append(OutgoingRecord("live", b"[1, 2]", b'"cat"', partition=0))
    with pytest.raises(DataMismatch, match="labels are of the type") as caught:
        windows(broker, stream)
    assert "number of each label's class" in caught.value.hint
