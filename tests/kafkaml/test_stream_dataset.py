"""Stream data sets over a broker in memory: order, cache, bad records, and inexact announcements."""

from __future__ import annotations

import dataclasses
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from kafkaml.control import ControlMessage
from kafkaml.errors import DeadlineExceeded, DecodeError, FailedError, StreamUnavailable
from kafkaml.input_format import InputFormat
from kafkaml.records import OutgoingRecord
from kafkaml.stream_dataset import StreamDataset
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker, labelled_images, raw_announcement, send_raw

Array = np.ndarray[Any, Any]


@pytest.fixture
def memory() -> InMemoryBroker:
    return InMemoryBroker()


def announce(
    broker: InMemoryBroker, features: Array, labels: Array | None, *, partitions: int = 1, seed: int = 0
) -> ControlMessage:
    """Send samples in a random order over partitions; returns their announcement."""
    topic = broker.create_topic(f"t-{partitions}-{seed}", partitions=partitions)
    order = np.random.default_rng(seed).permutation(len(features))
    ranges = send_raw(
        broker.writer(),
        topic,
        features[order],
        None if labels is None else labels[order],
        partition_of=[int(place) % partitions for place in order],
    )
    return raw_announcement(ranges, features, labels)


def rows(dataset: StreamDataset) -> tuple[bytes, bytes]:
    assert dataset.labels is not None
    return dataset.features.array().tobytes(), dataset.labels.array().tobytes()


def json_stream(broker: InMemoryBroker, values: list[bytes], keys: list[bytes | None], **config: Any) -> ControlMessage:
    writer = broker.writer()
    for value, key in zip(values, keys, strict=True):
        writer.write(OutgoingRecord("json", value, key))
    return ControlMessage((StreamRange("json", 0, 0, len(values)),), InputFormat.JSON, config, total_msg=len(values))


def test_rows_are_the_same_whatever_the_partitions(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(500)
    found = []
    for partitions in (1, 3, 6):
        message = announce(memory, images, labels, partitions=partitions, seed=partitions)
        with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path, seed=5) as dataset:
            found.append((*rows(dataset), dataset.sha256))
    assert found[0] == found[1] == found[2]


def test_every_sample_keeps_its_label(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(300)
    message = announce(memory, images, labels, partitions=3)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert dataset.labels is not None
        features, found = dataset.features.array(), dataset.labels.array()
        expected = sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))
        assert sorted((image.tobytes(), int(label)) for image, label in zip(features, found, strict=True)) == expected


def test_classes_are_spread_over_the_split(memory: InMemoryBroker, tmp_path: Path) -> None:
    # Old sinks put each class into a partition of its own. Reading partition by partition must not sort the samples by
    # class.
    images, labels = labelled_images(2000, classes=4)
    topic = memory.create_topic("by-class", partitions=4)
    ranges = send_raw(memory.writer(), topic, images, labels, partition_of=[int(label) for label in labels])
    message = raw_announcement(ranges, images, labels)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert dataset.labels is not None
        plan = dataset.split(validation_rate=0.1, test_rate=0.1)
        for section in (plan.training_rows, plan.validation_rows, plan.test_rows):
            counts = np.bincount(dataset.labels.rows(section).array(), minlength=4)
            assert counts.min() > 0.15 * counts.sum()


def test_seeds_give_different_orders_of_the_same_samples(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(100)
    message = announce(memory, images, labels)
    with (
        StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path, seed=1) as one,
        StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path, seed=2) as two,
    ):
        assert rows(one) != rows(two)
        assert one.sha256 == two.sha256


def test_kafka_is_read_once(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(100)
    message = announce(memory, images, labels)
    reader = memory.reader()
    for _ in range(3):
        with StreamDataset.open(message, reader=reader, cache_dir=tmp_path) as dataset:
            assert dataset.num_samples == 100
    assert reader.records_read == 100


def test_a_topic_made_again_under_its_name_is_another_stream(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(50)
    message = announce(memory, images, labels)
    StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path).close()
    memory.delete_topic("t-1-0")
    others, _ = labelled_images(50, seed=9)
    announce(memory, others, labels)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert sorted(map(bytes, dataset.features.array())) == sorted(map(bytes, others))


def test_a_reader_that_dies_leaves_nothing_that_another_takes_for_whole(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(100)
    message = announce(memory, images, labels)

    def die(done: int, expected: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path, on_progress=die)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert dataset.num_samples == 100


def test_a_file_cut_short_is_made_again(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(100)
    message = announce(memory, images, labels)
    dataset = StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path)
    dataset.close()
    with dataset.features.path.open("r+b") as file:
        file.truncate(500)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as again:
        assert len(again.features.array()) == 100


def test_after_a_restart_of_the_machine_the_content_is_checked(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(100)
    message = announce(memory, images, labels)
    dataset = StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path)
    dataset.close()
    before = rows(dataset)
    manifest = dataset.features.path.parent / "manifest.json"
    manifest.write_bytes(orjson.dumps(orjson.loads(manifest.read_bytes()) | {"boot_id": "another"}))
    # A power cut can leave zeros in a file.
    with dataset.features.path.open("r+b") as file:
        file.seek(dataset.features.offset + 64)
        file.write(bytes(64))
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as again:
        assert rows(again) == before


def _open_in_a_process(message: ControlMessage, folder: Path, results: Any) -> None:
    memory = InMemoryBroker()
    images, labels = labelled_images(200)
    announce(memory, images, labels)
    reader = memory.reader()
    with StreamDataset.open(message, reader=reader, cache_dir=folder) as dataset:
        results.put((reader.records_read, dataset.num_samples))


def test_of_several_processes_one_reads(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(200)
    message = announce(memory, images, labels)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=_open_in_a_process, args=(message, tmp_path, results)) for _ in range(4)]
    for process in processes:
        process.start()
    found = sorted(results.get(timeout=90) for _ in processes)
    for process in processes:
        process.join(90)
    assert found == [(0, 200), (0, 200), (0, 200), (200, 200)]


def test_waiting_for_another_process_has_an_end(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(20)
    message = announce(memory, images, labels)
    waited = []

    def while_first_reads(done: int, expected: int) -> None:
        if expected and not waited:
            with pytest.raises(DeadlineExceeded):
                StreamDataset.open(
                    message,
                    reader=memory.reader(),
                    cache_dir=tmp_path,
                    wait_timeout_seconds=0.1,
                    on_progress=lambda done, expected: waited.append((done, expected)),
                )

    StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path, on_progress=while_first_reads).close()
    assert waited[0] == (0, 0)


def test_unused_slices_make_room(memory: InMemoryBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = labelled_images(50)
    message = announce(memory, images, labels)
    unused = StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path, seed=1)
    unused.close()
    used = StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path, seed=2)
    usage = dataclasses.make_dataclass("Usage", ["free"])
    monkeypatch.setattr("kafkaml.stream_dataset.shutil.disk_usage", lambda folder: usage(1 << 20))
    with pytest.raises(FailedError, match="MiB are free"):
        StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path, seed=3)
    assert not unused.features.path.exists()
    assert used.features.path.exists()
    used.close()


def test_one_bad_record_in_a_hundred_is_left_out_and_reported(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(99)
    topic = memory.create_topic("noisy")
    memory.append(OutgoingRecord(topic, b"short", b"\x01"))
    (found,) = send_raw(memory.writer(), topic, images, labels)
    message = dataclasses.replace(raw_announcement([StreamRange(topic, 0, 0, 100)], images, labels), total_msg=100)
    assert found == StreamRange(topic, 0, 1, 100)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert (dataset.num_samples, dataset.records, dataset.skipped) == (99, 100, 1)
        (warning,) = dataset.warnings
        assert "noisy[0]@0" in warning
        assert "cannot reshape 5 bytes" in warning


def test_more_bad_records_fail_with_their_place(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(98)
    topic = memory.create_topic("broken")
    ranges = send_raw(memory.writer(), topic, images, labels)
    for _ in range(2):
        memory.append(OutgoingRecord(topic, b"short", b"\x01"))
    message = raw_announcement([StreamRange(topic, 0, 0, 100)], images, labels)
    assert ranges[0].end == 98
    with pytest.raises(DecodeError, match=r"2 of 100 records .* broken\[0\]@98"):
        StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path)


def test_gaps_and_markers_are_not_counted_as_records(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(10)
    topic = memory.create_topic("gaps")
    send_raw(memory.writer(), topic, images, labels)
    memory.compact_away(topic, 0, 9)
    memory.compact_away(topic, 0, 3)
    message = raw_announcement([StreamRange(topic, 0, 0, 10)], images, labels)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert dataset.num_samples == 8
        assert "announced 10 records and the ranges hold 8" in dataset.warnings[0]


def test_a_range_without_a_record_is_unavailable(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(1)
    memory.create_topic("empty")
    message = raw_announcement([StreamRange("empty", 0, 0, 0)], images, labels)
    with pytest.raises(StreamUnavailable, match="hold no record"):
        StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path)


def test_an_online_stream_cannot_be_opened_as_a_whole(memory: InMemoryBroker, tmp_path: Path) -> None:
    message = ControlMessage((StreamRange("online"),), InputFormat.RAW, incremental=True)
    with pytest.raises(StreamUnavailable, match="no end"):
        StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path)


def test_a_stream_without_labels(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, _ = labelled_images(20)
    message = announce(memory, images, None)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert dataset.labels is None
        assert dataset.num_samples == 20


def test_unsupervised_ranges_are_a_data_set_of_their_own(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(20)
    more, _ = labelled_images(30, seed=1)
    message = announce(memory, images, labels)
    ranges = send_raw(memory.writer(), memory.create_topic("more"), more)
    message = dataclasses.replace(message, unsupervised_ranges=ranges)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path, unsupervised=True) as dataset:
        assert dataset.labels is None
        assert dataset.num_samples == 30


def test_labels_that_are_text_become_numbers_with_names(memory: InMemoryBroker, tmp_path: Path) -> None:
    message = json_stream(memory, [b"[1]", b"[2]", b"[3]"], [b'"dog"', b'"cat"', b'"dog"'])
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert dataset.class_names == ("cat", "dog")
        assert dataset.labels is not None
        by_feature = dict(zip(dataset.features.array().ravel().tolist(), dataset.labels.array().tolist(), strict=True))
        assert by_feature == {1.0: 1, 2.0: 0, 3.0: 1}


@pytest.mark.parametrize(("keys", "dtype"), [([b"1", b"2", b"0"], "int64"), ([b"1", b"2.5", b"0"], "float64")])
def test_json_labels_that_are_all_whole_are_whole_numbers(
    memory: InMemoryBroker, tmp_path: Path, keys: list[bytes | None], dtype: str
) -> None:
    message = json_stream(memory, [b"[1]", b"[2]", b"[3]"], keys)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert dataset.labels is not None
        assert dataset.labels.dtype == dtype


def test_a_key_after_records_without_one_starts_the_reading_again(memory: InMemoryBroker, tmp_path: Path) -> None:
    count = 4200
    keys: list[bytes | None] = [None] * 20 + [b"1"] * (count - 20)
    message = json_stream(memory, [b"[1]"] * count, keys)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert dataset.labels is not None
        assert (dataset.num_samples, dataset.skipped) == (count - 20, 20)


def test_features_that_are_text_are_refused(memory: InMemoryBroker, tmp_path: Path) -> None:
    memory.append(OutgoingRecord("texts", b"hello", b"\x01"))
    message = ControlMessage((StreamRange("texts", 0, 0, 1),), InputFormat.RAW, {"data_type": "string"})
    with pytest.raises(DecodeError, match="text"):
        StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path)


def test_packed_records_become_samples(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(64)
    for start in range(0, 64, 10):
        part = slice(start, start + 10)
        memory.append(OutgoingRecord("packed", images[part].tobytes(), labels[part].tobytes()))
    message = raw_announcement([StreamRange("packed", 0, 0, 7)], images, labels)
    message = dataclasses.replace(message, input_config={**message.input_config, "packed": True}, total_msg=7)
    with StreamDataset.open(message, reader=memory.reader(), cache_dir=tmp_path) as dataset:
        assert (dataset.num_samples, dataset.records, dataset.warnings) == (64, 7, ())


def test_progress_is_reported_and_may_end_the_reading(memory: InMemoryBroker, tmp_path: Path) -> None:
    images, labels = labelled_images(100)
    message = announce(memory, images, labels, partitions=2)
    seen: list[tuple[int, int]] = []
    StreamDataset.open(
        message,
        reader=memory.reader(),
        cache_dir=tmp_path,
        on_progress=lambda done, expected: seen.append((done, expected)),
    ).close()
    assert seen == [(50, 100), (100, 100)]
