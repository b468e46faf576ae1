"""Samples of whole topics, from a real broker: their spread and their bounds."""

from __future__ import annotations

import pytest

from kafkaml.confluent.sampling import TopicSampler
from kafkaml.errors import StreamUnavailable
from kafkaml.settings import KafkaSettings
from tests.conftest import TestBroker
from tests.kafkaml.test_browse import transaction, write

pytestmark = pytest.mark.integration


@pytest.fixture
def sampler(broker: TestBroker) -> TopicSampler:
    return TopicSampler(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))


def test_a_sample_is_spread_over_all_partitions_by_their_size_and_from_start_to_end(
    broker: TestBroker, sampler: TopicSampler
) -> None:
    topic = broker.topic(3)
    sizes = {0: 9000, 1: 3000, 2: 5}
    for partition, size in sizes.items():
        write(broker, topic, [b"%d" % number for number in range(size)], partition=partition)
    sample = sampler.sample(topic, max_records=400)
    assert (sample.available, sample.timed_out) == (12_005, False)
    offsets = {key: [record.offset for record in sample.records if record.partition == key] for key in sizes}
    assert {key: len(offset) for key, offset in offsets.items()} == {0: 300, 1: 100, 2: 1}
    for key in (0, 1):
        assert (offsets[key][0], offsets[key][-1]) == (0, sizes[key] - 1)
        assert offsets[key] == sorted(set(offsets[key]))
        gaps = [later - earlier for earlier, later in zip(offsets[key], offsets[key][1:], strict=False)]
        assert max(gaps) < sizes[key] / 8
        # Neighbouring records are included, so that their order can be seen.
        assert gaps.count(1) > len(gaps) / 2
    assert all(record.value == b"%d" % record.offset for record in sample.records)


def test_a_short_topic_and_a_slice_are_taken_whole(broker: TestBroker, sampler: TopicSampler) -> None:
    topic = broker.topic(2)
    write(broker, topic, [b"x"] * 300, partition=0)
    assert len(sampler.sample(topic).records) == 300
    cut = sampler.sample(topic, offsets={0: (100, 120), 7: (0, 5)})
    assert [record.offset for record in cut.records] == list(range(100, 120))
    assert sampler.sample(broker.topic()).records == []
    with pytest.raises(StreamUnavailable, match="does not exist"):
        sampler.sample("no-such-topic")


def test_aborted_records_and_markers_are_passed_over(broker: TestBroker, sampler: TopicSampler) -> None:
    topic = broker.topic()
    write(broker, topic, [b"first"])
    transaction(broker, topic, 300, commit=False, name="sampled")
    transaction(broker, topic, 2, commit=True, name="sampled-too")
    sample = sampler.sample(topic)
    assert [record.value for record in sample.records] == [b"first"] + [b"in a transaction"] * 2
    assert not sample.timed_out


def test_large_records_are_fewer_and_still_from_both_ends(broker: TestBroker, sampler: TopicSampler) -> None:
    topic = broker.topic()
    write(broker, topic, [bytes(20_000)] * 400)
    sample = sampler.sample(topic, max_records=200, max_bytes=1_000_000)
    assert 20 < len(sample.records) < 80
    assert sample.records[0].offset == 0
    assert sample.records[-1].offset > 350
