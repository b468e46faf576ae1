"""StreamDataset: the ranges of a stream as arrays on disk, read from Kafka once. Step (5) of the journey of a sample.

``open`` takes the slice from the cache folder, which all runners of a machine share, or has
``slice_builder.build_slice`` read, decode and order it. Next: ``model_training.context`` hands it to
``model_training.modes.classic``, which trains on it. Samples are in an order that depends on their content and the seed
only, never on partitions or arrival, so sections of it are random splits (``splits.SplitPlan``) and two readings of one
slice train alike. Where asked for, they are in the order of their records' times instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from kafkaml.array_file import ArrayFile
from kafkaml.closing import Closing
from kafkaml.codecs import StreamCodec, codec_for
from kafkaml.codecs.columns import ColumnsCodec
from kafkaml.columns_slice import build_columns_slice
from kafkaml.control import ControlMessage
from kafkaml.disk import disk_errors
from kafkaml.errors import DeadlineExceeded, DecodeError, DiskFull, StreamUnavailable
from kafkaml.left_out import LeftOut
from kafkaml.named_inputs import dtype_from_json, dtype_to_json
from kafkaml.records import RecordReader
from kafkaml.slice_builder import BuiltSlice, build_slice, content_sum
from kafkaml.splits import SplitPlan
from kafkaml.stream_range import format_ranges
from kafkaml.system import boot_id

__all__ = ["StreamDataset"]

# Part of every cache key: raise it when the order, the layout or a codec's result changes.
_FORMAT = 2
_MANIFEST = "manifest.json"
_LOCK_WAIT_SECONDS = 0.05
# Space that stays free on the disk. Old slices are removed to make room for a new one.
_RESERVE_BYTES = 256 << 20

ProgressCallback = Callable[[int, int], None]


def _no_progress(_done: int, _expected: int) -> None:
    pass


@dataclass(frozen=True)
class StreamDataset(Closing):
    """All samples of a slice. ``labels`` is None for data without labels.

    ``class_names[i]`` is the text that label i stands for, where labels came as text; empty otherwise. ``records`` were
    read, of which ``skipped`` were not samples. ``warnings`` say so, along with other facts for the user; ``doubts``
    are reasons why a training may be useless, each with advice. ``learnt`` are entries of an ``input_config`` that the
    data decided, with which other records are read in the same way. ``sha256`` names the content: equal for equal
    samples, however they were sent; ordered by time, only where the order is equal too. A context manager; while it is
    open the slice stays in the cache.
    """

    features: ArrayFile
    labels: ArrayFile | None
    class_names: tuple[str, ...]
    records: int
    skipped: int
    warnings: tuple[str, ...]
    sha256: str
    seed: int
    _lock: int
    doubts: tuple[tuple[str, str], ...] = ()
    learnt: Mapping[str, Any] = field(default_factory=dict)
    _split: SplitPlan | None = None

    @classmethod
    def open(
        cls,
        stream: ControlMessage,
        *,
        reader: RecordReader,
        cache_dir: Path,
        seed: int = 0,
        by_time: bool = False,
        unsupervised: bool = False,
        without_labels: bool = False,
        idle_timeout_seconds: float = 60.0,
        wait_timeout_seconds: float = 3600.0,
        on_progress: ProgressCallback = _no_progress,
    ) -> StreamDataset:
        """Return the stream's samples, reading them with ``reader`` unless a runner of this machine has done so.

        ``by_time`` orders them from old to new instead of by ``seed``. ``unsupervised`` asks for the stream's data
        without labels instead, ``without_labels`` for its samples alone, whatever their keys are.
        ``on_progress(records, at most)`` is called about ten times a second or more while reading and while another
        process reads, and may raise to stop.

        Raises StreamUnavailable when records are missing, DecodeError when more than 1 % of the records do not fit the
        announced format or more than a third lack a value (``left_out``), DiskFull when there is no room,
        DeadlineExceeded when another process has been reading the same slice for ``wait_timeout_seconds``, BrokerError
        when Kafka cannot be reached.
        """
        ranges = stream.unsupervised_ranges if unsupervised else stream.ranges
        if not ranges or any(stream_range.end is None for stream_range in ranges):
            raise StreamUnavailable(
                f"the stream's ranges {format_ranges(ranges)!r} have no end: expected topic:partition:start:end",
                hint="an online stream is trained incrementally, not as a whole",
            )
        codec = codec_for(stream.input_format, stream.input_config)
        by_contract = isinstance(codec.features, ColumnsCodec)
        if by_contract and unsupervised:
            raise DecodeError("a data set of columns has no unlabelled part", hint="announce it without one")
        # The contract says in which order its samples are.
        by_time = by_time and not by_contract
        rates = {"validation_rate": stream.validation_rate, "test_rate": stream.test_rate}
        if unsupervised or without_labels:
            codec = StreamCodec(codec.features, None, codec.packed)
        identity = reader.identity([stream_range.topic for stream_range in ranges])
        rule = {
            "format": _FORMAT,
            "identity": identity,
            "ranges": sorted(map(str, ranges)),
            "input_format": str(stream.input_format),
            "input_config": dict(stream.input_config),
            "unsupervised": unsupervised,
            "seed": 0 if by_time else seed,
            # Add options only where they differ from the old default, so that cached slices stay valid.
            **({"order": "time"} if by_time else {}),
            **({"without_labels": True} if without_labels else {}),
            # What is learnt from the samples depends on which of them train.
            **(rates if by_contract else {}),
        }
        key = hashlib.sha256(orjson.dumps(rule, option=orjson.OPT_SORT_KEYS)).hexdigest()
        cache = _SliceCache(cache_dir, key, lambda: on_progress(0, 0), wait_timeout_seconds)

        def build(folder: Path) -> BuiltSlice:
            if by_contract:
                return build_columns_slice(
                    folder,
                    ranges,
                    dict(stream.input_config),
                    reader=reader,
                    seed=seed,
                    **rates,
                    without_labels=without_labels,
                    idle_timeout_seconds=idle_timeout_seconds,
                    on_progress=on_progress,
                )
            return build_slice(
                folder,
                ranges,
                codec,
                reader=reader,
                seed=seed,
                by_time=by_time,
                idle_timeout_seconds=idle_timeout_seconds,
                on_progress=on_progress,
            )

        most = sum(stream_range.max_records or 0 for stream_range in ranges)
        lock, folder, manifest = cache.get_or_build(build, _expected_bytes(codec, most), rule)
        return cls._from_manifest(manifest, folder, lock, None if unsupervised else stream.total_msg, seed)

    @classmethod
    def _from_manifest(
        cls, manifest: dict[str, Any], folder: Path, lock: int, announced: int | None, seed: int
    ) -> StreamDataset:
        records, left_out = manifest["records"], LeftOut.from_json(manifest["left_out"])
        warnings = list(manifest["notes"])
        if announced is not None and announced != records:
            warnings.append(
                f"the sink announced {announced} records and the ranges hold {records}: other producers, transaction "
                "markers, compaction or retention make the difference"
            )
        warnings += left_out.warnings(records)
        return cls(
            features=_array_file(folder, manifest["features"]),
            labels=_array_file(folder, manifest["labels"]) if manifest["labels"] else None,
            class_names=tuple(manifest["class_names"]),
            records=records,
            skipped=left_out.total,
            warnings=(*warnings, *manifest["warnings"]),
            sha256=manifest["sha256"],
            seed=seed,
            _lock=lock,
            doubts=tuple((message, hint) for message, hint in manifest["doubts"]),
            learnt=manifest["learnt"],
            _split=SplitPlan(*manifest["split"]) if manifest.get("split") else None,
        )

    @property
    def num_samples(self) -> int:
        return len(self.features)

    def split(self, *, validation_rate: float, test_rate: float) -> SplitPlan:
        """Return which rows train, validate and test; for a data set by its contract and the stream's rates."""
        if self._split is not None:
            return self._split
        return SplitPlan.of(self.num_samples, validation_rate=validation_rate, test_rate=test_rate)

    def close(self) -> None:
        """Let the slice be removed from the cache when room is needed; arrays that are mapped stay valid."""
        os.close(self._lock)


@dataclass(frozen=True)
class _SliceCache:
    """One slice's place in the cache: ``<folder>/<key>/``, complete or absent, guarded by ``<folder>/<key>.lock``.

    Users of the slice hold its lock shared; the process that makes or removes it holds it exclusively. Locks belong to
    open files, so a killed process leaves none.
    """

    folder: Path
    key: str
    while_waiting: Callable[[], None]
    wait_timeout_seconds: float

    def get_or_build(
        self, build: Callable[[Path], BuiltSlice], expected_bytes: int, rule: dict[str, Any]
    ) -> tuple[int, Path, dict[str, Any]]:
        """Return the lock (shared), the slice's folder and its manifest."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.folder / f"{self.key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + self.wait_timeout_seconds
            while True:
                self._wait(lock, fcntl.LOCK_SH, deadline)
                manifest = self._manifest()
                if manifest is not None:
                    # The folder's modification time is the time of its last use, by which slices are chosen for
                    # removal.
                    os.utime(self._slice)
                    return lock, self._slice, manifest
                fcntl.flock(lock, fcntl.LOCK_UN)
                if not self._try(lock, fcntl.LOCK_EX):
                    time.sleep(_LOCK_WAIT_SECONDS)
                elif self._manifest() is None:
                    self._build(build, expected_bytes, rule)
        except BaseException:
            os.close(lock)
            raise

    @property
    def _slice(self) -> Path:
        return self.folder / self.key

    def _manifest(self) -> dict[str, Any] | None:
        """Return the manifest of a complete slice, or None; after a restart of the machine its content is checked."""
        try:
            manifest: dict[str, Any] = orjson.loads((self._slice / _MANIFEST).read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        sides = [manifest[name] for name in ("features", "labels") if manifest[name]]
        arrays = [_array_file(self._slice, side) for side in sides]
        if any(_size(array.path) != array.offset + len(array) * array.row_bytes for array in arrays):
            return None
        # Files are not synchronised to the disk when written, so a power cut may have emptied them.
        same_boot = boot_id() != "" and manifest["boot_id"] == boot_id()
        if not same_boot and any(content_sum(array) != side["sum"] for array, side in zip(arrays, sides, strict=True)):
            return None
        return manifest

    def _build(self, build: Callable[[Path], BuiltSlice], expected_bytes: int, rule: dict[str, Any]) -> None:
        partial = self.folder / f"{self.key}.partial"
        for leftover in (partial, self._slice):
            shutil.rmtree(leftover, ignore_errors=True)
        # Rows are written as they arrive, then copied in order, so there are two of each for a while.
        self._make_room(2 * expected_bytes)
        partial.mkdir(mode=0o700)
        try:
            with disk_errors(self.folder):
                built = build(partial)
                (partial / _MANIFEST).write_bytes(orjson.dumps(_to_manifest(built, rule)))
            partial.rename(self._slice)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _make_room(self, wanted_bytes: int) -> None:
        """Remove unused slices, the longest unused first, until there is enough space."""
        needed = wanted_bytes + _RESERVE_BYTES
        if shutil.disk_usage(self.folder).free >= needed:
            return
        others = [path for path in self.folder.iterdir() if path.is_dir() and path.name != self.key]
        for other in sorted(others, key=lambda path: path.stat().st_mtime):
            with (self.folder / f"{other.name.removesuffix('.partial')}.lock").open("w") as lock:
                if self._try(lock.fileno(), fcntl.LOCK_EX):
                    shutil.rmtree(other, ignore_errors=True)
            if shutil.disk_usage(self.folder).free >= needed:
                return
        free = shutil.disk_usage(self.folder).free
        raise DiskFull(f"the slice needs up to {needed >> 20} MiB in {self.folder}: {free >> 20} MiB are free")

    def _wait(self, lock: int, mode: int, deadline: float) -> None:
        while not self._try(lock, mode):
            # Report before checking the deadline, so that even a short wait is reported once.
            self.while_waiting()
            if time.monotonic() > deadline:
                raise DeadlineExceeded(
                    f"another process has been reading the same slice for {self.wait_timeout_seconds:g} s "
                    f"({self.folder / self.key}.lock)"
                )
            time.sleep(_LOCK_WAIT_SECONDS)

    @staticmethod
    def _try(lock: int, mode: int) -> bool:
        try:
            fcntl.flock(lock, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _expected_bytes(codec: StreamCodec, records: int) -> int:
    """Return the approximate bytes of the arrays of ``records`` records; 0 where the codec cannot tell."""
    if codec.packed:
        return 0
    sides = [codec.features] if codec.labels is None else [codec.features, codec.labels]
    return records * sum(
        side.dtype.itemsize * int(np.prod(side.sample_shape, dtype=int))
        for side in sides
        if side.sample_shape is not None
    )


def _to_manifest(built: BuiltSlice, rule: dict[str, Any]) -> dict[str, Any]:
    described = [dtype_to_json(built.features.dtype), built.features.shape, list(built.class_names)]
    if built.labels is not None:
        described += [built.labels.dtype.str, built.labels.shape]
    return {
        "rule": rule,
        "features": _describe(built.features, built.feature_sum),
        "labels": _describe(built.labels, content_sum(built.labels)) if built.labels is not None else None,
        "class_names": built.class_names,
        "records": built.records,
        "left_out": built.left_out.to_json(),
        "notes": built.notes,
        "doubts": built.doubts,
        "learnt": dict(built.learnt),
        "sha256": hashlib.sha256(orjson.dumps(described) + built.hashes).hexdigest(),
        "warnings": built.warnings,
        "split": None if built.split is None else astuple(built.split),
        "boot_id": boot_id(),
    }


def _describe(array: ArrayFile, total: int) -> dict[str, Any]:
    return {
        "file": array.path.name,
        "dtype": dtype_to_json(array.dtype),
        "shape": list(array.shape),
        "offset": array.offset,
        "sum": total,
    }


def _array_file(folder: Path, description: dict[str, Any]) -> ArrayFile:
    return ArrayFile(
        folder / description["file"],
        dtype_from_json(description["dtype"]),
        tuple(description["shape"]),
        description["offset"],
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
