"""Windows of a stream without end: samples as they come, some at a time, each with the place behind it.

Made by RunContext for the modes that keep a model learning. Nothing is written to disk. Within a window records are in
the order of their times, so that what it holds does not depend on the order of arrival.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from kafkaml.codecs import StreamCodec, codec_for, with_learnt
from kafkaml.control import ControlMessage
from kafkaml.errors import BrokerError, DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.left_out import LeftOut
from kafkaml.logs import get_logger
from kafkaml.records import PartitionKey, Place, RecordBatch, RecordReader, place_text
from kafkaml.shapes import DataMismatch
from kafkaml.slice_builder import not_finite, not_finite_error, sample_origins
from kafkaml.stream_range import StreamRange
from model_training.read_ahead import ReadAhead

__all__ = ["Ends", "Limits", "Reading", "Told", "Window", "Windows", "read_windows"]

logger = get_logger(__name__)

# How long one wait for records lasts; between waits the time limits are looked at.
_WAIT_SECONDS = 0.2
# What the values of a window take at most, whatever their number: a window is in memory, and another one behind it.
_MAX_WINDOW_BYTES = 256 << 20
# How often it is looked whether a topic got more partitions.
_PARTITIONS_SECONDS = 30.0
# A broker that is away for longer when the stream seems to be over ends the attempt; another one goes on.
_AWAY_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """A window is full with ``records``, or ends ``seconds`` after its first one.

    Without a record for ``idle_seconds`` the stream is over; None: never.
    """

    records: int
    seconds: float
    idle_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the first samples told, for all that follow: entries of an ``input_config``, and how samples are shaped.

    ``features`` and ``labels`` are type and shape of a sample's; ``labels`` is None where records have none. ``notes``
    are for people.
    """

    settings: Mapping[str, Any]
    features: tuple[str, tuple[int, ...]]
    labels: tuple[str, tuple[int, ...]] | None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        sides = [document["features"], document["labels"]]
        features, labels = (None if side is None else (str(side[0]), tuple(map(int, side[1]))) for side in sides)
        if features is None:
            raise ValueError("features are null")
        return cls(settings=document["settings"], features=features, labels=labels, notes=tuple(document["notes"]))


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How far a stream was read, and what its records told: with it another reading goes on as if it were this one.

    ``positions`` are the next offsets of all partitions. ``sha256`` names the samples so far, window by window.
    ``early`` unlabelled samples came before the first labelled one, more of them than memory holds.
    """

    positions: Mapping[PartitionKey, int] = field(default_factory=dict)
    records: int = 0
    left_out: LeftOut = field(default_factory=LeftOut)
    sha256: str = "0" * 64
    told: Told | None = None
    early: int = 0

    @property
    def warnings(self) -> list[str]:
        """What to tell of how records were taken, and of those that were no samples."""
        early = f"{self.early} unlabelled samples came before the first labelled one and were not used"
        notes = self.told.notes if self.told else ()
        return [*notes, *([early] if self.early else []), *self.left_out.warnings(self.records)]

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads."""
        return {
            "positions": [[*key, offset] for key, offset in self.positions.items()],
            "records": self.records,
            "left_out": self.left_out.to_json(),
            "sha256": self.sha256,
            "told": None if self.told is None else self.told.to_json(),
            "early": self.early,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            positions={(str(topic), int(partition)): int(at) for topic, partition, at in document["positions"]},
            records=int(document["records"]),
            left_out=LeftOut.from_json(document["left_out"]),
            sha256=str(document["sha256"]),
            told=None if document["told"] is None else Told.from_json(document["told"]),
            early=int(document["early"]),
        )


@dataclass(frozen=True, kw_only=True)
class Window:
    """Samples of records that came together: ``features`` (n, *sample_shape), ``labels`` (n, *label_shape).

    ``labels`` is None where the records have no keys; ``whole_labels``: those that are all whole stand for whole
    numbers. Of ``records`` those that are no samples were left out; a window may be empty. ``origins`` says of each
    sample which record of ``places`` it comes from; ``reading`` is the state behind the window. ``unlabelled``
    (m, *sample_shape) came beside them.
    """

    features: NDArray[Any]
    labels: NDArray[Any] | None
    whole_labels: bool
    records: int
    left_out: int
    origins: NDArray[np.intp]
    places: Sequence[Place]
    reading: Reading
    unlabelled: NDArray[Any]

    def __len__(self) -> int:
        return len(self.features)

    def place(self, row: int) -> str:
        """Return where sample ``row`` comes from, as every message names a record."""
        return place_text(self.places[int(self.origins[row])])


class Ends:
    """Where the partitions of a stream end, as the thread that reads it last heard; others may ask for it.

    The reader itself may not be asked by two threads: the client of Kafka would wait for itself.
    """

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._ends: Mapping[PartitionKey, int] = {}

    def look(self) -> None:
        """Look again; called by the thread that reads."""
        self._ends = self._reader.ends()

    def behind(self, reading: Reading) -> int | None:
        """Return how many records lie behind ``reading``; None before anything was heard."""
        ends = self._ends
        behind = [max(0, ends[key] - offset) for key, offset in reading.positions.items() if key in ends]
        return sum(behind) if behind else None


@dataclass(frozen=True)
class Windows:
    """The windows of a stream, read in a thread one ahead of whoever takes them, and where the stream ends."""

    ahead: ReadAhead[Window]
    ends: Ends

    def __iter__(self) -> Iterator[Window]:
        return self.ahead


def read_windows(
    stream: ControlMessage,
    reader: RecordReader,
    limits: Limits,
    *,
    since_ms: int = 0,
    past: Reading | None = None,
    first_end: Mapping[PartitionKey, int] | None = None,
    with_labels: bool = True,
    with_unlabelled: bool = False,
    is_left: Callable[[], bool] = lambda: False,
    look: Callable[[], None] = lambda: None,
) -> Generator[Window]:
    """Yield the windows of ``stream``; see ``RunContext.windows``. Ends soon after ``is_left()`` is true.

    ``look`` is called with each batch of records. ``with_unlabelled`` takes the stream's data without labels too.

    Raises DataMismatch for features or labels that are text, DecodeError when too many records are no samples.
    """
    past = past or Reading()
    unlabelled = stream.unsupervised_ranges if with_unlabelled else ()
    if both := set(_topics(stream.ranges)).intersection(_topics(unlabelled)):
        raise DataMismatch(
            f"the stream's labelled and unlabelled data are both in {', '.join(sorted(both))}: which is which could "
            "not be told",
            hint="set unsupervised_topic in the sink to a topic of its own",
        )
    decoder = _Decoder(stream, past, with_labels=with_labels, unlabelled=_topics(unlabelled))
    ranges = [*stream.ranges, *unlabelled]
    stream_reader = _Following(ranges, reader, since_ms, past.positions, batch_records=limits.records)
    waiting = _Waiting(limits, wanted=stream_reader.announced, counted=decoder.usable)
    # None of them may be there any more, which says nothing of the records to come.
    if first_end and (records := stream_reader.up_to(first_end)):
        yield decoder.window(_in_time(records), stream_reader.positions)
    last = time.monotonic()
    with closing(stream_reader.batches()) as batches:
        for batch in batches:
            if is_left():
                return
            look()
            left = batch
            if left:
                last = time.monotonic()
            while left:
                left = waiting.add(left, stream_reader.positions)
                if waiting.is_full:
                    yield decoder.window(waiting.take(), stream_reader.positions)
                    # Waiting for whoever learns from our windows is not waiting for Kafka.
                    last = time.monotonic()
            idle = limits.idle_seconds is not None and time.monotonic() - last >= limits.idle_seconds
            over = not batch and idle and stream_reader.is_over()
            if waiting and (over or waiting.too_long):
                yield decoder.window(waiting.take(), stream_reader.positions)
                last = time.monotonic()
            if over:
                return


# A record, as it is sorted: time in milliseconds, topic, partition, offset, key, value.
_Row = tuple[int, str, int, int, bytes | None, bytes | None]


class _Taken(NamedTuple):
    """The records of a window, column by column, in the order of their times."""

    places: list[Place]
    values: list[bytes | None]
    keys: list[bytes | None]


class _Waiting:
    """The records of the window to come, taken batch by batch: a call for each would cost as much as decoding it.

    Of those that it takes the ``wanted`` ones are kept. Those that are not ``counted`` fill no window, as long as
    memory allows: they wait for others.
    """

    def __init__(
        self, limits: Limits, *, wanted: Callable[[list[_Row]], list[_Row]], counted: Callable[[list[_Row]], int]
    ) -> None:
        self._limits = limits
        self._wanted = wanted
        self._to_count = counted
        self._bytes = self._counted = 0
        self._first = 0.0
        self._rows: list[_Row] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, batch: RecordBatch, positions: dict[PartitionKey, int]) -> RecordBatch:
        """Take records until the window is full, and move ``positions`` behind them; returns those that are left."""
        if not self._counted:
            self._first = time.monotonic()
        count = 0
        for value in batch[: self._limits.records - self._counted].values():
            count += 1
            self._bytes += len(value or b"")
            if self._bytes >= _MAX_WINDOW_BYTES:
                break
        rows = _rows(batch[:count])
        kept = self._wanted(rows)
        self._rows += kept
        self._counted += self._to_count(kept)
        # In each partition the last one counts: offsets ascend.
        behind = {(topic, partition): offset for _, topic, partition, offset, *_ in rows}
        positions |= {key: offset + 1 for key, offset in behind.items()}
        return batch[count:]

    @property
    def is_full(self) -> bool:
        """Whether the window has as many records, or as much in them, as one may."""
        return self._counted >= self._limits.records or self._bytes >= _MAX_WINDOW_BYTES

    @property
    def too_long(self) -> bool:
        """Whether the first one has waited for as long as a window may last."""
        return self._counted > 0 and time.monotonic() - self._first >= self._limits.seconds

    def take(self) -> _Taken:
        """Return the records in the order of their times; the next window begins."""
        taken, self._rows = self._rows, []
        self._bytes = self._counted = 0
        return _in_time(taken)


class _Following:
    """Reads all partitions of the topics of ``ranges``, those that they get later too; of a range with an end no more.

    Old online sinks announce what they sent with labels as ranges, before they go on sending without.
    """

    def __init__(
        self,
        ranges: Sequence[StreamRange],
        reader: RecordReader,
        since_ms: int,
        positions: Mapping[PartitionKey, int],
        *,
        batch_records: int,
    ) -> None:
        self._reader = reader
        self._topics = _topics([each for each in ranges if each.end is None])
        self._bounded = [each for each in ranges if each.max_records]
        self._since_ms = since_ms
        self._batch_records = batch_records
        self._looked = self._answered = time.monotonic()
        self.positions = self._starts() | dict(positions)

    def up_to(self, ends: Mapping[PartitionKey, int]) -> list[_Row]:
        """Read what lies between the positions and ``ends``, and stand there."""
        ranges = [
            StreamRange(*key, self.positions[key], end)
            for key, end in ends.items()
            if self.positions.get(key, end) < end
        ]
        batches = self._reader.read(ranges, batch_records=self._batch_records, idle_timeout_seconds=_AWAY_SECONDS)
        rows = self.announced([row for batch in batches for row in _rows(batch)])
        self.positions |= {(each.topic, each.partition): each.end or 0 for each in ranges}
        return rows

    def announced(self, rows: list[_Row]) -> list[_Row]:
        """Return those that are of the stream: in a topic that goes on, or within a range."""
        if not self._bounded:
            return rows
        return [row for row in rows if row[1] in self._topics or self._is_within(row)]

    def _is_within(self, row: _Row) -> bool:
        _, topic, partition, offset, *_ = row
        return any(
            (each.topic, each.partition) == (topic, partition) and each.start <= offset < (each.end or 0)
            for each in self._bounded
        )

    def batches(self) -> Generator[RecordBatch]:
        """Yield what comes, without end; empty batches while nothing does."""
        while True:
            following = self._reader.follow(
                self.positions, batch_records=self._batch_records, wait_seconds=_WAIT_SECONDS
            )
            for batch in following:
                yield batch
                if self._has_grown():
                    break

    def is_over(self) -> bool:
        """Whether Kafka says that there is no more; BrokerError when it has been away for long."""
        try:
            caught_up = self._reader.caught_up()
        except BrokerError:
            if time.monotonic() - self._answered > _AWAY_SECONDS:
                raise
            return False
        self._answered = time.monotonic()
        return caught_up

    def _starts(self) -> dict[PartitionKey, int]:
        starts: dict[PartitionKey, int] = {}
        for each in sorted(self._bounded, reverse=True):
            starts[each.topic, each.partition] = each.start
        for topic in self._topics:
            starts |= self._reader.starts(topic, since_ms=self._since_ms)
        return starts

    def _has_grown(self) -> bool:
        """Look now and then whether there are more partitions; they begin where the others did, nothing is missed."""
        if time.monotonic() - self._looked < _PARTITIONS_SECONDS:
            return False
        self._looked = time.monotonic()
        try:
            starts = self._starts()
        except BrokerError:
            return False
        self._answered = time.monotonic()
        more = {key: start for key, start in starts.items() if key not in self.positions}
        if more:
            logger.info("the stream has more partitions", partitions=[f"{topic}[{place}]" for topic, place in more])
            self.positions |= more
        return bool(more)


class _Rows(NamedTuple):
    """Samples on their way into a window."""

    features: NDArray[Any]
    labels: NDArray[Any] | None
    origins: NDArray[np.intp]

    @property
    def sides(self) -> list[tuple[str, NDArray[Any]]]:
        return [("features", self.features), *([] if self.labels is None else [("labels", self.labels)])]

    def where(self, mask: NDArray[np.bool_]) -> _Rows:
        return _Rows(self.features[mask], None if self.labels is None else self.labels[mask], self.origins[mask])


class _Decoder:
    """Decodes window by window; what only data can tell is settled by the first samples.

    Records of the topics ``unlabelled`` are samples without a label, whatever their keys are.
    """

    def __init__(
        self, stream: ControlMessage, past: Reading, *, with_labels: bool, unlabelled: Collection[str]
    ) -> None:
        self._stream = stream
        self._unlabelled_topics = unlabelled
        self._early = past.early
        self._with_labels = with_labels
        self._told = past.told
        self._codec = self._codec_for(past.told)
        self._records = past.records
        self._left_out = past.left_out.copy()
        self._sha256 = past.sha256

    def usable(self, rows: list[_Row]) -> int:
        """Count those that may be learnt now: unlabelled ones not before a labelled one told how both are shaped."""
        if self._told is not None or not self._unlabelled_topics:
            return len(rows)
        return sum(row[1] not in self._unlabelled_topics for row in rows)

    def window(self, taken: _Taken, positions: Mapping[PartitionKey, int]) -> Window:
        labelled, others = self._parted(taken)
        before = self._left_out.total
        if self._told is None and labelled.places:
            self._codec = self._settled(labelled.values, labelled.keys)
        rows = self._samples(labelled, self._codec)
        # Behind the labelled ones, the first of which tell how all are shaped.
        unlabelled = self._unlabelled(others)
        self._records += len(taken.places)
        # As many as are there: of a stream without end a few odd ones at its beginning say nothing.
        self._left_out.check(self._records, self._records)
        self._sha256 = _chained(self._sha256, [*(each for _, each in rows.sides), unlabelled])
        return Window(
            features=rows.features,
            labels=rows.labels,
            whole_labels=self._codec.whole_labels,
            records=len(taken.places),
            left_out=self._left_out.total - before,
            origins=rows.origins,
            places=labelled.places,
            reading=Reading(
                positions=dict(positions),
                records=self._records,
                left_out=self._left_out.copy(),
                sha256=self._sha256,
                told=self._told,
                early=self._early,
            ),
            unlabelled=unlabelled,
        )

    def _parted(self, taken: _Taken) -> tuple[_Taken, _Taken]:
        """Return the labelled records, and the others."""
        if not self._unlabelled_topics:
            return taken, _Taken([], [], [])
        parts = _Taken([], [], []), _Taken([], [], [])
        for place, value, key in zip(*taken, strict=True):
            part = parts[place[0] in self._unlabelled_topics]
            part.places.append(place)
            part.values.append(value)
            part.keys.append(key)
        return parts

    def _samples(self, taken: _Taken, codec: StreamCodec) -> _Rows:
        """Return the samples of records; what is none is left out."""
        places, values, keys = taken
        if not places:
            return self._no_samples(codec)
        features, labels, failures = codec.decode_each(values, keys)
        for failure in failures:
            self._left_out.add(place_text(places[failure.index]), failure.error)
        rows = _Rows(features, labels, sample_origins(codec, values, failures, len(features)))
        if len(features):
            rows = self._finite(places, rows)
        return self._as_told(places, rows) if len(rows.features) else rows

    def _no_samples(self, codec: StreamCodec) -> _Rows:
        """Return none, shaped as all are where that is known."""
        told, origins = self._told, np.zeros(0, np.intp)
        if told is None:
            return _Rows(np.zeros(0), None, origins)
        labels = None if told.labels is None or codec.labels is None else np.zeros((0, *told.labels[1]), told.labels[0])
        return _Rows(np.zeros((0, *told.features[1]), told.features[0]), labels, origins)

    def _unlabelled(self, taken: _Taken) -> NDArray[Any]:
        if self._told is None:
            # Nothing has told how they are shaped, and no model learnt what could label them.
            self._early += len(taken.places)
            return np.zeros(0)
        return self._samples(taken, replace(self._codec, labels=None)).features

    def _settled(self, values: list[bytes | None], keys: list[bytes | None]) -> StreamCodec:
        codec = self._codec_for(None)
        if all(key is None for key in keys):
            codec = replace(codec, labels=None)
        return codec.settled(values, keys)

    def _codec_for(self, told: Told | None) -> StreamCodec:
        """Return the codec of the announcement, or of it and what the first samples told."""
        config = self._stream.input_config
        if self._stream.input_format == InputFormat.COLUMNS:
            raise DataMismatch(
                "the stream is a data set of columns: what is scaled cannot be learnt of a stream without end yet",
                hint="train it in the mode classic, or send arrays by a sink",
            )
        codec = codec_for(self._stream.input_format, config if told is None else with_learnt(config, told.settings))
        if not self._with_labels or (told is not None and told.labels is None):
            codec = replace(codec, labels=None)
        if told is None:
            return codec
        labels = codec.labels
        if labels is not None and told.labels is not None:
            labels = labels.pinned(told.labels[1])
        return replace(codec, features=codec.features.pinned(told.features[1]), labels=labels)

    def _finite(self, places: Sequence[Place], rows: _Rows) -> _Rows:
        bad = not_finite(rows.features, rows.labels)
        if bad is None:
            return rows
        for row in np.flatnonzero(bad).tolist():
            label = None if rows.labels is None else rows.labels[row]
            error = not_finite_error(self._codec, rows.features[row], label)
            self._left_out.add(place_text(places[int(rows.origins[row])]), error)
        return rows.where(~bad)

    def _as_told(self, places: Sequence[Place], rows: _Rows) -> _Rows:
        """Return the samples in the types of the first ones; none of them where they are shaped otherwise."""
        for what, array in rows.sides:
            if array.dtype.kind not in "biuf":
                raise DataMismatch(
                    f"the stream's {what} are of the type {array.dtype}: a stream without end takes numbers",
                    hint="the numbers of classes cannot be known before all of them came: send the number of each "
                    "label's class, from 0 on"
                    if what == "labels"
                    else "encode texts as numbers in the sink",
                )
        if self._told is None:
            self._told = self._first(rows)
            self._codec = self._codec_for(self._told)
        told = self._told
        for (what, array), wanted in zip(rows.sides, (told.features, told.labels), strict=False):
            if wanted is not None and array.shape[1:] != wanted[1]:
                error = DecodeError(
                    f"got {what} of the shape {array.shape[1:]}: expected {wanted[1]}, as in the first records"
                )
                for record in rows.origins.tolist():
                    self._left_out.add(place_text(places[record]), error)
                return rows.where(np.zeros(len(array), np.bool_))
        features = rows.features.astype(told.features[0], copy=False)
        if rows.labels is None or told.labels is None:
            return _Rows(features, None, rows.origins)
        return _Rows(features, rows.labels.astype(told.labels[0], copy=False), rows.origins)

    def _first(self, rows: _Rows) -> Told:
        wider = self._codec.widened() if rows.features.dtype != self._codec.features.dtype else None
        codec = wider or self._codec
        codecs = [codec.features, *([] if codec.labels is None else [codec.labels])]
        doubts = [
            f"{doubt[0]}; it was trained all the same"
            for codec, (_, array) in zip(codecs, rows.sides, strict=False)
            if (doubt := codec.doubt(array))
        ]
        return Told(
            settings=codec.features.learnt(),
            features=(rows.features.dtype.str, rows.features.shape[1:]),
            labels=None if rows.labels is None else (rows.labels.dtype.str, rows.labels.shape[1:]),
            notes=tuple(dict.fromkeys([*(note for codec in codecs for note in codec.notes), *doubts])),
        )


def _rows(batch: RecordBatch) -> list[_Row]:
    columns = batch.columns()
    places = batch.topics(), columns.partitions, columns.offsets
    return list(zip(columns.timestamps_ms, *places, columns.keys, batch.values(), strict=True))


def _in_time(rows: list[_Row]) -> _Taken:
    # No two are of one place, so keys and values are never compared.
    _, topics, partitions, offsets, keys, values = zip(*sorted(rows), strict=True) if rows else ((),) * 6
    return _Taken(list(zip(topics, partitions, offsets, strict=True)), list(values), list(keys))


def _topics(ranges: Sequence[StreamRange]) -> list[str]:
    return list(dict.fromkeys(each.topic for each in ranges))


def _chained(before: str, arrays: Sequence[NDArray[Any]]) -> str:
    if not any(map(len, arrays)):
        # Learnt again, such a window is part of the next one.
        return before
    digest = hashlib.sha256(bytes.fromhex(before))
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
