"""Samples in the order of time: over partitions, with equal times, without times, and those left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.records import ListBatch, OutgoingRecord, Record
from kafkaml.stream_dataset import StreamDataset
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker
from kafkaml.time_order import TimeOrder


def stream(
    broker: InMemoryBroker, times_ms: list[int], *, partitions: int, values: list[bytes] | None = None, name: str = "t"
) -> ControlMessage:
    """Send moment i, as feature and label, at ``times_ms[i]`` to partition i modulo ``partitions``."""
    topic = broker.create_topic(name, partitions=partitions)
    writer = broker.writer()
    for moment, time_ms in enumerate(times_ms):
        value = b"[%d]" % moment if values is None else values[moment]
        writer.write(OutgoingRecord(topic, value, b"%d" % moment, timestamp_ms=time_ms, partition=moment % partitions))
    ranges = tuple(StreamRange(topic, number, 0, broker.watermarks(topic, number)[1]) for number in range(partitions))
    return ControlMessage(ranges, InputFormat.JSON, {}, total_msg=len(times_ms))


def moments(
    message: ControlMessage, broker: InMemoryBroker, cache: Path, **options: int
) -> tuple[list[int], StreamDataset]:
    with StreamDataset.open(message, reader=broker.reader(), cache_dir=cache, by_time=True, **options) as dataset:
        assert dataset.labels is not None
        labels = dataset.labels.array()
        assert dataset.features.array()[:, 0].tolist() == labels.tolist()
        return labels.tolist(), dataset


@pytest.mark.parametrize("partitions", [1, 3, 7])
def test_samples_are_in_the_order_of_their_times_whatever_the_partitions(tmp_path: Path, partitions: int) -> None:
    broker = InMemoryBroker()
    found, dataset = moments(stream(broker, list(range(1000, 1100)), partitions=partitions), broker, tmp_path)
    assert found == list(range(100))
    assert not dataset.warnings
    plan = dataset.split(validation_rate=0.1, test_rate=0.2)
    assert found[plan.test_rows] == list(range(80, 100))
    assert found[plan.validation_rows] == list(range(70, 80))


def test_times_decide_and_not_the_order_of_arrival(tmp_path: Path) -> None:
    broker = InMemoryBroker()
    found, _ = moments(stream(broker, list(range(1100, 1000, -1)), partitions=2), broker, tmp_path)
    assert found == list(range(99, -1, -1))


def test_the_name_of_the_content_tells_the_order_and_not_the_partitions(tmp_path: Path) -> None:
    broker = InMemoryBroker()
    rising, falling = list(range(1000, 1050)), list(range(1050, 1000, -1))
    names = {
        moments(stream(broker, times, partitions=count, name=f"{count}{times[0]}"), broker, tmp_path)[1].sha256
        for times in (rising, falling)
        for count in (1, 4)
    }
    assert len(names) == 2


def test_equal_times_follow_partition_and_offset(tmp_path: Path) -> None:
    broker = InMemoryBroker()
    found, _ = moments(stream(broker, [1000] * 4 + [2000] * 4, partitions=2), broker, tmp_path)
    assert found == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize("partitions", [1, 3])
def test_without_times_the_last_part_of_each_partition_comes_last(tmp_path: Path, partitions: int) -> None:
    broker = InMemoryBroker()
    found, dataset = moments(stream(broker, [5000] * 99, partitions=partitions), broker, tmp_path)
    assert found == list(range(99))
    assert any("same time or none" in warning for warning in dataset.warnings) == (partitions > 1)


def test_records_without_a_time_among_others_count_as_the_oldest() -> None:
    times = TimeOrder(["t"])
    records = [Record("t", 0, offset, None, b"", (), time) for offset, time in enumerate([5, -1, 3])]
    times.append(ListBatch(records), [1, 1, 1])
    order, warnings = times.order()
    assert order.tolist() == [1, 2, 0]
    assert "1 records have no time" in warnings[0]


def test_records_that_do_not_decode_leave_the_order_of_the_others(tmp_path: Path) -> None:
    broker = InMemoryBroker()
    values = [b"[%d]" % moment for moment in range(300)]
    values[7] = b"broken"
    found, dataset = moments(stream(broker, list(range(1000, 1300)), partitions=2, values=values), broker, tmp_path)
    assert found == [moment for moment in range(300) if moment != 7]
    assert dataset.skipped == 1


def test_packed_records_keep_the_order_inside_them(tmp_path: Path) -> None:
    broker = InMemoryBroker()
    topic = broker.create_topic("packed", partitions=2)
    writer = broker.writer()
    for record, time_ms in ((1, 2000), (0, 1000), (2, 3000)):
        numbers = np.arange(3 * record, 3 * record + (3 if record < 2 else 2), dtype=np.float32)
        labels = numbers.astype(np.int32)
        writer.write(
            OutgoingRecord(topic, numbers.tobytes(), labels.tobytes(), timestamp_ms=time_ms, partition=record % 2)
        )
    config = {"data_type": "float32", "data_reshape": "1", "label_type": "int32", "label_reshape": "1", "packed": True}
    ranges = (StreamRange(topic, 0, 0, 2), StreamRange(topic, 1, 0, 1))
    message = ControlMessage(ranges, InputFormat.RAW, config, total_msg=3)
    with StreamDataset.open(message, reader=broker.reader(), cache_dir=tmp_path, by_time=True) as dataset:
        assert dataset.features.array().reshape(-1).tolist() == list(range(8))


def test_slices_of_both_orders_lie_side_by_side_and_seeds_share_that_of_time(tmp_path: Path) -> None:
    broker = InMemoryBroker()
    message = stream(broker, list(range(1000, 1100)), partitions=2)
    reader = broker.reader()
    for by_time, seed, records_read in ((False, 1, 100), (True, 1, 200), (True, 2, 200), (False, 1, 200)):
        StreamDataset.open(message, reader=reader, cache_dir=tmp_path, by_time=by_time, seed=seed).close()
        assert reader.records_read == records_read


def test_samples_alone_are_read_whatever_their_keys_are(tmp_path: Path) -> None:
    broker = InMemoryBroker()
    topic = broker.create_topic("devices")
    writer = broker.writer()
    for number in range(20):
        writer.write(OutgoingRecord(topic, b"[%d, 1]" % number, b"pump {%d" % number))
    message = ControlMessage((StreamRange(topic, 0, 0, 20),), InputFormat.JSON, {}, total_msg=20)
    with StreamDataset.open(message, reader=broker.reader(), cache_dir=tmp_path, without_labels=True) as dataset:
        assert dataset.labels is None
        assert len(dataset.features) == 20


def test_records_of_several_topics_are_one_line_of_time(tmp_path: Path) -> None:
    broker = InMemoryBroker()
    even = stream(broker, [1000, 1020, 1040], partitions=1, name="even", values=[b"[0]", b"[2]", b"[4]"])
    odd = stream(broker, [1010, 1030, 1040], partitions=1, name="odd", values=[b"[1]", b"[3]", b"[5]"])
    both = ControlMessage((*odd.ranges, *even.ranges), InputFormat.JSON, {}, total_msg=6)
    with StreamDataset.open(both, reader=broker.reader(), cache_dir=tmp_path, by_time=True) as dataset:
        assert dataset.features.array()[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
