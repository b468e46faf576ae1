"""PredictionSource: an inference's output topic, read as it grows and summed up into frames. One per open view.

Sends ``waiting`` while the topic does not exist, ``snapshot`` first (the last records, so that the page is not empty),
then ``frame``. Lives in the thread of ``backend.api.sse``.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from backend.visualisation.aggregate import MAX_PLACES, Aggregator
from backend.visualisation.options import MapOptions, WatchOptions
from backend.visualisation.predictions import Prediction, prediction_of
from kafkaml.codecs import StreamCodec, codec_for
from kafkaml.confluent.browse import PageStart, TopicBrowser
from kafkaml.confluent.tail import KafkaTail
from kafkaml.errors import DecodeError, KafkaMLError, StreamUnavailable
from kafkaml.named_inputs import flattened
from kafkaml.records import Record, parse_source
from kafkaml.settings import KafkaSettings

__all__ = ["PredictionSource", "WatchedInference"]

_SNAPSHOT_RECORDS = 200
_LOOK_AGAIN_SECONDS = 1.0
_REQUEST_TIMEOUT_SECONDS = 10.0
# At most this many records are examined per frame; more are only counted.
_MAX_RECORDS_A_TURN = 500
_MAX_RECORDS_A_SECOND = 10_000
# Step in which the window and the rate decay while nothing comes.
_IDLE_FRAME_SECONDS = 0.5
_MAX_INPUTS = 20_000
_MAX_INPUT_BYTES = 32 << 20


@dataclass(frozen=True)
class WatchedInference:
    """What of an inference the view needs; the output may be on another cluster than the input."""

    input_topic: str
    output_topic: str
    input_format: str
    input_config: Mapping[str, Any]
    input_settings: KafkaSettings
    output_settings: KafkaSettings


class PredictionSource:
    """A ``backend.api.sse.Source`` of predictions.

    It has over 12 fields because what viewers were sent last, and when, decides what is sent next.
    """

    def __init__(self, inference: WatchedInference, options: WatchOptions) -> None:
        self._inference = inference
        self._aggregator = Aggregator(options)
        self._places = _Places(inference, options.map) if options.map else None
        self._tail: KafkaTail | None = None
        self._reported_waiting = False
        self._new_snapshot = False
        self._changed = False
        self._moving = False
        self._look_again_at = 0.0
        self._sent_at = 0.0
        # Records before these offsets are in the snapshot already.
        self._begins: dict[int, int] = {}
        self._second = (0, 0)
        self._closed = threading.Event()

    def poll(self, timeout_seconds: float) -> None:
        """Take predictions in; see ``Source.poll``."""
        if self._tail is None and not self._open():
            self._closed.wait(timeout_seconds)
            return
        assert self._tail is not None
        if self._places is not None:
            # Read the inputs before the outputs, so that the input of an answer is there already.
            self._places.read()
        try:
            records = self._tail.take(_MAX_RECORDS_A_TURN, timeout_seconds)
        except StreamUnavailable:
            # The topic was deleted while it is watched, and may be created again.
            self._close_tail()
            return
        if records:
            self._changed = True
            self._take(records)

    def frames(self) -> Sequence[tuple[str, object]]:
        """Return what to send now; see ``Source.frames``."""
        if self._tail is None:
            if self._reported_waiting:
                return []
            self._reported_waiting = True
            return [("waiting", {"topic": self._inference.output_topic})]
        idle_step = self._moving and time.monotonic() - self._sent_at >= _IDLE_FRAME_SECONDS
        if not (self._new_snapshot or self._changed or idle_step):
            return []
        name = "snapshot" if self._new_snapshot else "frame"
        # ``moving`` is read before the frame is made, so that one more frame follows the last change and shows the
        # final state.
        self._moving = self._aggregator.moving
        self._new_snapshot = self._changed = False
        self._sent_at = time.monotonic()
        return [(name, self._aggregator.frame())]

    def close(self) -> None:
        """Let Kafka go."""
        self._closed.set()
        self._close_tail()
        if self._places is not None:
            self._places.close()

    def _open(self) -> bool:
        if time.monotonic() < self._look_again_at:
            return False
        self._look_again_at = time.monotonic() + _LOOK_AGAIN_SECONDS
        settings, topic = self._inference.output_settings, self._inference.output_topic
        browser = TopicBrowser(settings, request_timeout_seconds=_REQUEST_TIMEOUT_SECONDS)
        # Fix the end of the topic first and read earlier records afterwards, or records between the two would be
        # missed.
        try:
            self._tail = KafkaTail(settings, topic, request_timeout_seconds=_REQUEST_TIMEOUT_SECONDS)
            page = browser.page(topic, start=PageStart.NEWEST, limit=_SNAPSHOT_RECORDS, timeout_seconds=5.0)
        except StreamUnavailable:
            self._close_tail()
            return False
        # Continue from the page's records instead of its ends, because a page that ran out of time holds less and the
        # rest comes live.
        self._begins = {}
        for record in page.records:
            self._begins[record.partition] = max(record.offset + 1, self._begins.get(record.partition, 0))
        now = time.time()
        # A page comes newest first; the order of time holds across partitions.
        records = sorted(page.records, key=lambda record: (record.timestamp_ms, record.offset))
        predictions = [
            (record, prediction_of(record, min(now, record.timestamp_ms / 1000) if record.timestamp_ms > 0 else now))
            for record in records
        ]
        for _, prediction in predictions:
            self._aggregator.add(prediction, live=False)
        if self._places is not None:
            self._places.open()
            self._locate([prediction for _, prediction in predictions])
        self._new_snapshot = True
        return True

    def _take(self, records: Sequence[Record]) -> None:
        fresh = [record for record in records if record.offset >= self._begins.get(record.partition, 0)]
        now = time.time()
        second, looked_into = self._second
        if int(now) != second:
            second, looked_into = int(now), 0
        room = max(0, _MAX_RECORDS_A_SECOND - looked_into)
        taken = fresh[:room]
        self._second = (second, looked_into + len(taken))
        if len(fresh) > room:
            self._aggregator.add_skipped(len(fresh) - room)
        predictions = [prediction_of(record, now) for record in taken]
        for prediction in predictions:
            self._aggregator.add(prediction)
        self._locate(predictions[-MAX_PLACES:])

    def _locate(self, predictions: Sequence[Prediction]) -> None:
        if self._places is None:
            return
        for prediction in predictions:
            if (place := self._places.place_of(prediction)) is not None:
                self._aggregator.add_place(prediction, *place)

    def _close_tail(self) -> None:
        if self._tail is not None:
            tail, self._tail = self._tail, None
            self._reported_waiting = False
            tail.close()


class _Places:
    """Latitude and longitude of predictions: among their outputs, or in the input record that they answer."""

    def __init__(self, inference: WatchedInference, options: MapOptions) -> None:
        self._inference = inference
        self._options = options
        self._tail: KafkaTail | None = None
        # Input records by partition and offset; decoded only for the few that are shown.
        self._inputs: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._input_bytes = 0
        self._codec: StreamCodec | None = None

    def open(self) -> None:
        """Begin to read the inputs, where the places are in them; without the topic there are none."""
        if self._options.source == "output":
            return
        with suppress(DecodeError):
            self._codec = codec_for(self._inference.input_format, self._inference.input_config)
        settings, topic = self._inference.input_settings, self._inference.input_topic
        with suppress(StreamUnavailable):
            self.close()
            self._tail = KafkaTail(settings, topic, request_timeout_seconds=_REQUEST_TIMEOUT_SECONDS)
            browser = TopicBrowser(settings, request_timeout_seconds=_REQUEST_TIMEOUT_SECONDS)
            for record in reversed(browser.page(topic, limit=_SNAPSHOT_RECORDS, timeout_seconds=5.0).records):
                self._keep(record)

    def read(self) -> None:
        """Take in inputs that came; waits for none."""
        if self._tail is None:
            return
        try:
            while records := self._tail.take(_MAX_RECORDS_A_TURN, 0):
                for record in records:
                    self._keep(record)
                if len(records) < _MAX_RECORDS_A_TURN:
                    return
        except StreamUnavailable:
            self.close()

    def place_of(self, prediction: Prediction) -> tuple[float, float] | None:
        """Return latitude and longitude, or None where the prediction has none."""
        values: Sequence[float | None] | None = prediction.values
        if self._options.source == "input":
            values = self._input_values(prediction.source)
        if values is None or max(self._options.latitude, self._options.longitude) >= len(values):
            return None
        latitude, longitude = values[self._options.latitude], values[self._options.longitude]
        return None if latitude is None or longitude is None else (latitude, longitude)

    def close(self) -> None:
        """Let Kafka go."""
        if self._tail is not None:
            tail, self._tail = self._tail, None
            tail.close()

    def _keep(self, record: Record) -> None:
        if record.value is None:
            return
        self._inputs[record.partition, record.offset] = record.value
        self._input_bytes += len(record.value)
        while len(self._inputs) > _MAX_INPUTS or self._input_bytes > _MAX_INPUT_BYTES:
            self._input_bytes -= len(self._inputs.popitem(last=False)[1])

    def _input_values(self, source: str) -> list[float | None] | None:
        found = parse_source(source.encode())
        if found is None or found[0] != self._inference.input_topic or self._codec is None:
            return None
        value = self._inputs.get(found[1:])
        if value is None:
            return None
        with suppress(KafkaMLError, ValueError):
            decoded: list[float | None] = (
                flattened(self._codec.features.decode([value])).reshape(-1).astype(float).tolist()
            )
            return decoded
        return None
