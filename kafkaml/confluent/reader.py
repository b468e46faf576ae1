"""KafkaRecordReader: all records of announced ranges, in large batches. Step (5) of the journey of a sample.

Used by ``kafkaml.stream_dataset`` and by ``output_tail``. Joins no consumer group and commits nothing.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from kafkaml.confluent.admin import KafkaAdmin
from kafkaml.confluent.batch import MessageBatch
from kafkaml.confluent.config import consumer_config
from kafkaml.confluent.errors import ClientLog, kafka_errors, to_error
from kafkaml.errors import BrokerError, StreamUnavailable
from kafkaml.records import PartitionKey, RecordBatch
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange

__all__ = ["KafkaRecordReader"]

# How long one wait for records lasts; the time limit is checked between waits.
_WAIT_SECONDS = 0.2
# Up to this many foreign records between two ranges are skipped by reading; seeking past more of them is quicker.
_MAX_SWEPT_GAP = 20_000
# An available broker answers within this time.
_ANSWER_SECONDS = 5.0
# A batch of large records is cut to about this size, so that no stream needs more memory than another.
_BATCH_BYTES = 16 << 20
# Number of records in the first batch, when their size is not known yet.
_FIRST_BATCH_RECORDS = 100


class _Span:
    """Ranges of one partition that are read in one sweep; records between them are read and dropped."""

    def __init__(self, ranges: Sequence[StreamRange]) -> None:
        self.ranges = ranges
        self._starts = [stream_range.start for stream_range in ranges]
        self._ends = [stream_range.end or 0 for stream_range in ranges]
        self.start, self.end = self._starts[0], self._ends[-1]

    def holds(self, offset: int) -> bool:
        place = bisect.bisect_right(self._starts, offset) - 1
        return place >= 0 and offset < self._ends[place]


class KafkaRecordReader:
    """Reads bounded slices; see ``kafkaml.records.RecordReader``. One instance belongs to one thread.

    ``read`` ends early when ``gives_up``, which is called several times a second, returns true.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        request_timeout_seconds: float = 30.0,
        gives_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._gives_up = gives_up
        self._request_timeout_seconds = request_timeout_seconds
        self._log = ClientLog()
        # For ``follow``: the offset up to which everything was handed out, per partition whose end was reached.
        self._met_ends: dict[PartitionKey, int] = {}
        self._followed: list[PartitionKey] = []
        # The group is never joined, but the client needs a name.
        self._consumer = Consumer(
            consumer_config(settings, self._log, group="kafka-ml-reader")
            | {
                # Reading must fail at a start that retention deleted, not continue from another offset.
                "auto.offset.reset": "error",
                # The client signals the end of a partition, so that a marker or a gap before a range's end cannot block
                # us.
                "enable.partition.eof": True,
                # Space for records that arrive while a batch is decoded.
                "queued.min.messages": 200_000,
                "queued.max.messages.kbytes": 64 << 10,
                "check.crcs": False,
            }
        )

    def identity(self, topics: Sequence[str]) -> str:
        """Return the cluster's id and the topics' ids, as text; see ``RecordReader.identity``."""
        admin = KafkaAdmin(self._settings, timeout_seconds=self._request_timeout_seconds)
        return admin.identity(sorted(set(topics)))

    def watermarks(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return the first and the next offset of every partition; empty for a topic that does not exist."""
        with kafka_errors(f"asking for the offsets of {topic}", self._log, self._poll):
            metadata = self._consumer.list_topics(topic, timeout=self._request_timeout_seconds).topics[topic]
            return {
                partition: self._consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=self._request_timeout_seconds
                )
                for partition in metadata.partitions
            }

    def _poll(self, timeout_seconds: float) -> None:
        # Remove the assignment first, because this poll would take one of its records.
        if not self._consumer.assignment():
            self._consumer.poll(timeout_seconds)

    def read(
        self, ranges: Sequence[StreamRange], *, batch_records: int = 10_000, idle_timeout_seconds: float = 60.0
    ) -> Iterator[RecordBatch]:
        """Iterate over all records of ``ranges``; see ``RecordReader.read``."""
        for spans in _rounds(ranges):
            yield from self._read_round(spans, batch_records, idle_timeout_seconds)

    def starts(self, topic: str, *, since_ms: int = 0) -> dict[PartitionKey, int]:
        """Return the offsets of the first records since a time; see ``RecordReader.starts``."""
        marks = self.watermarks(topic)
        if not marks:
            raise StreamUnavailable(f"topic {topic} does not exist", hint="check the name of the topic")
        with kafka_errors(f"asking for the offsets of {topic}", self._log):
            found = self._consumer.offsets_for_times(
                [TopicPartition(topic, partition, since_ms) for partition in marks],
                timeout=self._request_timeout_seconds,
            )
        # Where no record is that new, take the end from before the request, so that records since then are not skipped.
        return {
            (topic, place.partition): place.offset if place.offset >= 0 else marks[place.partition][1]
            for place in found
        }

    def follow(
        self, starts: Mapping[PartitionKey, int], *, batch_records: int = 10_000, wait_seconds: float = 1.0
    ) -> Iterator[RecordBatch]:
        """Iterate over all records from ``starts`` on; see ``RecordReader.follow``."""
        spans = {key: _Span([StreamRange(*key, start, start)]) for key, start in starts.items()}
        self._met_ends, self._followed = {}, list(starts)
        with kafka_errors("starting to read", self._log):
            self._consumer.assign([TopicPartition(*key, start) for key, start in starts.items()])
        try:
            deadline = time.monotonic() + wait_seconds
            while True:
                with kafka_errors("reading", self._log):
                    messages = self._consumer.consume(batch_records, min(_WAIT_SECONDS, wait_seconds))
                if met := self._take_events(messages, spans):
                    self._met_ends |= met
                    messages = [message for message in messages if message.error() is None]
                if messages or time.monotonic() >= deadline:
                    yield MessageBatch(messages)
                    deadline = time.monotonic() + wait_seconds
        finally:
            self._consumer.unassign()

    def caught_up(self) -> bool:
        """Return whether everything was handed out; see ``RecordReader.caught_up``."""
        with kafka_errors("asking for the ends of the partitions that are read", self._log):
            return all(
                self._consumer.get_watermark_offsets(TopicPartition(*key), timeout=_ANSWER_SECONDS)[1]
                == self._met_ends.get(key)
                for key in self._followed
            )

    def ends(self) -> dict[PartitionKey, int]:
        """Return the last known ends; see ``RecordReader.ends``."""
        watermarks = {
            key: self._consumer.get_watermark_offsets(TopicPartition(*key), cached=True) for key in self._followed
        }
        return {key: marks[1] for key, marks in watermarks.items() if marks is not None and marks[1] >= 0}

    def close(self) -> None:
        self._consumer.close()

    def _read_round(
        self, spans: Mapping[PartitionKey, _Span], batch_records: int, idle_timeout_seconds: float
    ) -> Iterator[RecordBatch]:
        ends = {key: span.end for key, span in spans.items()}
        with kafka_errors("starting to read", self._log):
            self._consumer.assign([TopicPartition(*key, span.start) for key, span in spans.items()])
        try:
            last_arrival = time.monotonic()
            count = min(batch_records, _FIRST_BATCH_RECORDS)
            missing = sum(span.end - span.start for span in spans.values())
            while ends and not self._gives_up():
                # Request at most what is missing. Otherwise the last request of every slice would wait until it times
                # out.
                with kafka_errors("reading", self._log):
                    messages = self._consumer.consume(max(1, min(count, missing)), _WAIT_SECONDS)
                reached_ends = self._take_events(messages, spans)
                if reached_ends:
                    messages = [message for message in messages if message.error() is None]
                if messages:
                    last_arrival = time.monotonic()
                    messages = self._within(messages, ends, spans)
                    if messages:
                        yield MessageBatch(messages)
                        count = _next_count(messages, batch_records)
                        # Time spent in the consumer of our batches does not count as waiting for Kafka.
                        last_arrival = time.monotonic()
                missing = self._finish(ends, reached_ends) or missing
                if ends and time.monotonic() - last_arrival > idle_timeout_seconds:
                    raise self._idle(ends, idle_timeout_seconds)
        finally:
            self._consumer.unassign()

    def _take_events(self, messages: Sequence[Message], spans: Mapping[PartitionKey, _Span]) -> dict[PartitionKey, int]:
        """Return the log ends that the client signalled among ``messages``; raise other errors."""
        log_ends: dict[PartitionKey, int] = {}
        if not any(map(Message.error, messages)):
            return log_ends
        for message in messages:
            error = message.error()
            if error is None:
                continue
            key = (message.topic() or "", message.partition() or 0)
            if error.code() == KafkaError._PARTITION_EOF:
                log_ends[key] = message.offset() or 0
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                raise self._out_of_range(spans[key].ranges[0])
            elif not error.retriable() and error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                raise to_error(error, f"reading {key[0]}[{key[1]}]", self._log)
        return log_ends

    def _within(
        self, messages: list[Message], ends: Mapping[PartitionKey, int], spans: Mapping[PartitionKey, _Span]
    ) -> list[Message]:
        """Drop records between the ranges and after the ends. One call for the positions shows whether there can be
        any.
        """
        if any(len(spans[key].ranges) > 1 for key in ends):
            wanted = {key: spans[key] for key in ends}
            return [message for message in messages if _is_wanted(message, wanted)]
        keys = list(ends)
        positions = self._consumer.position([TopicPartition(*key) for key in keys])
        if all(place.offset <= ends[key] for key, place in zip(keys, positions, strict=True)):
            return messages
        return [
            message
            for message in messages
            if message.offset() < ends.get((message.topic(), message.partition()), 0)  # type: ignore[operator, arg-type]
        ]

    def _finish(self, ends: dict[PartitionKey, int], log_ends: Mapping[PartitionKey, int]) -> int:
        """Remove the ranges whose position passed their end, by records or by the end of the log.

        Returns how many records the others can still hold; 0 where a position is not known yet.
        """
        keys = list(ends)
        positions = self._consumer.position([TopicPartition(*key) for key in keys])
        done = [
            TopicPartition(*key)
            for key, place in zip(keys, positions, strict=True)
            if max(place.offset, log_ends.get(key, 0)) >= ends[key]
        ]
        for place in done:
            del ends[place.topic, place.partition]
        if done and ends:
            self._consumer.incremental_unassign(done)
        left = {key: place.offset for key, place in zip(keys, positions, strict=True) if key in ends}
        return 0 if min(left.values(), default=-1) < 0 else sum(ends[key] - offset for key, offset in left.items())

    def _idle(self, ends: Mapping[PartitionKey, int], idle_timeout_seconds: float) -> BrokerError | StreamUnavailable:
        (topic, partition), end = next(iter(ends.items()))
        position = self._consumer.position([TopicPartition(topic, partition)])[0].offset
        if position < 0 and self._log.last:
            return BrokerError(
                f"reading {topic}[{partition}]: Kafka did not answer for {idle_timeout_seconds:g} s ({self._log.last})",
                hint="check that the broker runs and that bootstrap_servers is right",
            )
        return StreamUnavailable(
            f"{topic}[{partition}] ended before offset {end}, which was announced: nothing arrived for "
            f"{idle_timeout_seconds:g} s after offset {max(position, 0)}",
            hint="the data may still be in an open transaction, or the topic was made again: send it again",
        )

    def _out_of_range(self, wanted: StreamRange) -> StreamUnavailable:
        low, high = self._consumer.get_watermark_offsets(
            TopicPartition(wanted.topic, wanted.partition), timeout=self._request_timeout_seconds
        )
        return StreamUnavailable(
            f"{wanted} is not in the log any more: the broker holds offsets {low} to {high}",
            hint="the topic's retention deleted it, or the topic was made again: send the data again, or raise "
            "retention.ms of the topic",
        )


def _rounds(ranges: Sequence[StreamRange]) -> list[dict[PartitionKey, _Span]]:
    """Return the sweeps in order, because a partition can only be read at one place at a time."""
    spans: dict[PartitionKey, list[list[StreamRange]]] = {}
    for stream_range in sorted(ranges, key=lambda range_: (range_.topic, range_.partition, range_.start)):
        if stream_range.end is None:
            raise StreamUnavailable(f"range {stream_range} has no end: an online stream cannot be read as a whole")
        if stream_range.start == stream_range.end:
            continue
        groups = spans.setdefault((stream_range.topic, stream_range.partition), [])
        if groups and stream_range.start - (groups[-1][-1].end or 0) <= _MAX_SWEPT_GAP:
            groups[-1].append(stream_range)
        else:
            groups.append([stream_range])
    most = max(map(len, spans.values()), default=0)
    return [
        {key: _Span(groups[place]) for key, groups in spans.items() if place < len(groups)} for place in range(most)
    ]


def _is_wanted(message: Message, spans: Mapping[PartitionKey, _Span]) -> bool:
    span = spans.get((message.topic() or "", message.partition() or 0))
    return span is not None and span.holds(message.offset() or 0)


def _next_count(messages: Sequence[Message], most: int) -> int:
    """Return how many records to request next, judged by the sizes of some received values."""
    some = messages[:: max(1, len(messages) // 50)]
    mean_bytes = sum(map(len, some)) / len(some)
    return max(1, min(most, int(_BATCH_BYTES / max(1.0, mean_bytes))))
