"""TopicSource: what arrives in a topic, summed up for a live view. Opened by the stream's thread; uses no database."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from backend.config.environment import environment
from backend.records.decoding import Decoder, record_document
from backend.records.matching import RecordFilter
from kafkaml.confluent.browse import record_bytes
from kafkaml.confluent.tail import KafkaTail
from kafkaml.records import Record

__all__ = ["TopicSource"]

# The most records per update; of more, the last ones are shown with the total count.
_MAX_RECORDS = 20
_MAX_BYTES = 128 << 10
_POLL_RECORDS = 500
_FILTER_SECONDS = 1.0


class TopicSource:
    """Follows committed records of ``topic`` (or one partition of it) from now on; ``filter_`` as in pages."""

    def __init__(self, topic: str, decoder: Decoder, *, partition: int | None, filter_: RecordFilter) -> None:
        self._decoder = decoder
        self._codec, self._problem = decoder.codec_or_problem()
        self._partition = partition
        self._filter = filter_
        self._tail = KafkaTail(environment().kafka, topic, request_timeout_seconds=5.0)
        self._waiting: deque[Record] = deque()
        self._bytes = 0
        self._arrived = 0
        self._opened = False

    def poll(self, timeout_seconds: float) -> None:
        arrived = [
            record
            for record in self._tail.take(_POLL_RECORDS, timeout_seconds)
            if self._partition is None or record.partition == self._partition
        ]
        self._arrived += len(arrived)
        # What a slow expression leaves is not shown, as of records that arrive too fast.
        deadline = time.monotonic() + _FILTER_SECONDS
        for record, fits in zip(arrived, self._filter.fits(arrived), strict=False):
            if time.monotonic() > deadline:
                break
            if not fits:
                continue
            self._waiting.append(record)
            self._bytes += record_bytes(record)
            while len(self._waiting) > _MAX_RECORDS or (len(self._waiting) > 1 and self._bytes > _MAX_BYTES):
                self._bytes -= record_bytes(self._waiting.popleft())

    def frames(self) -> Sequence[tuple[str, Any]]:
        if not self._opened:
            self._opened = True
            return [("opened", {"decoder": self._decoder.to_json()})]
        if not self._arrived:
            return []
        records = [
            record_document(record, self._decoder, self._codec, self._problem) for record in reversed(self._waiting)
        ]
        frame = {"records": records, "arrived": self._arrived}
        self._waiting.clear()
        self._bytes = self._arrived = 0
        return [("records", frame)]

    def close(self) -> None:
        self._tail.close()
