"""Answers: one model, or a champion and a challenger that answers some or all records. Called by the loop.

A record's key alone decides whether the challenger answers it, so a key has one version on all replicas and after each
restart. The key is hashed by BLAKE2b with a digest of eight bytes, which are read as a big-endian number and divided by
2**64. The challenger answers when the result is below the share. A record without a key is hashed by its place,
``topic/partition/offset``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kafkaml.errors import KafkaMLError
from kafkaml.intake import Batch
from kafkaml.logs import get_logger
from kafkaml.records import format_source
from model_inference.comparison import ComparisonCounter
from model_inference.models import LoadedModel
from model_inference.predicting import Prediction, SampleSpec
from model_inference.provenance import Provenance

__all__ = ["Alone", "Answered", "Answers", "Challenge", "is_challenged"]

logger = get_logger(__name__)

Array = npt.NDArray[Any]

_WHOLE = 1 << 64


@dataclass(frozen=True)
class Answered:
    """The answers to a batch; ``challenger`` answered the samples in ``challenged``, ``model`` all others."""

    prediction: Prediction
    model: Provenance
    challenger: Provenance | None = None
    challenged: frozenset[int] = field(default_factory=frozenset)

    def provenance_of(self, index: int) -> Provenance:
        """Return the model that answered sample ``index`` or failed to."""
        return self.challenger if self.challenger is not None and index in self.challenged else self.model


class Answers(Protocol):
    """The methods of ``RecoveringPredictor``, which documents them, for whole batches. Used by one thread."""

    @property
    def max_batch(self) -> int | None: ...

    @property
    def spec(self) -> SampleSpec | None: ...

    def submit(self, batch: Batch) -> None:
        """Take the samples of a batch that is not empty."""
        ...

    def wait(self, timeout_seconds: float) -> bool: ...

    def collect(self) -> Answered: ...

    def none(self) -> Answered:
        """Return the answer to a batch without samples."""
        ...


class Alone:
    """Lets one model answer everything."""

    def __init__(self, model: LoadedModel) -> None:
        self._provenance = model.provenance
        self._predictor = model.predictor

    @property
    def max_batch(self) -> int | None:
        return self._predictor.max_batch

    @property
    def spec(self) -> SampleSpec | None:
        return self._predictor.spec

    def submit(self, batch: Batch) -> None:
        assert batch.samples is not None
        self._predictor.submit(batch.samples)

    def wait(self, timeout_seconds: float) -> bool:
        return self._predictor.wait(timeout_seconds)

    def collect(self) -> Answered:
        return Answered(self._predictor.collect(), self._provenance)

    def none(self) -> Answered:
        return Answered(Prediction([]), self._provenance)


@dataclass
class _Flight:
    keys: Sequence[bytes | None]
    rows: Array
    samples: int
    submitted: float


class Challenge:
    """The champion computes everything and the challenger its ``share``; both are compared on that share.

    A record that the challenger cannot answer falls back to the champion with ``fallback`` (a canary), and becomes a
    dead letter without it. ``lost`` is why the challenger stopped answering: its process could not be kept alive.
    ``on_lost`` is called with it.
    """

    def __init__(
        self,
        champion: LoadedModel,
        challenger: LoadedModel,
        *,
        share: float,
        fallback: bool,
        comparison: ComparisonCounter,
        on_lost: Callable[[KafkaMLError], None],
    ) -> None:
        self._champion = champion
        self._challenger = challenger
        self._share = share
        self._fallback = fallback
        self._comparison = comparison
        self._on_lost = on_lost
        self._flights: deque[_Flight] = deque()
        self.lost: KafkaMLError | None = None

    @property
    def max_batch(self) -> int | None:
        sizes = [self._champion.predictor.max_batch, self._challenger.predictor.max_batch]
        return min((size for size in sizes if size is not None), default=None)

    @property
    def spec(self) -> SampleSpec | None:
        return self._champion.predictor.spec

    def submit(self, batch: Batch) -> None:
        assert batch.samples is not None
        columns = batch.columns
        rows = np.flatnonzero(
            [
                self.lost is None and is_challenged(key, self._share, place=(batch.topic, partition, offset))
                for key, partition, offset in zip(columns.keys, columns.partitions, columns.offsets, strict=True)
            ]
        )
        self._champion.predictor.submit(batch.samples)
        if len(rows):
            self._challenger.predictor.submit(batch.samples[rows])
        keys = [columns.keys[row] for row in rows.tolist()]
        self._flights.append(_Flight(keys, rows, len(batch.samples), time.monotonic()))

    def wait(self, timeout_seconds: float) -> bool:
        deadline = time.monotonic() + timeout_seconds
        if not self._champion.predictor.wait(timeout_seconds):
            return False
        if not len(self._flights[0].rows) or self.lost is not None:
            return True
        return self._challenger.predictor.wait(max(0.0, deadline - time.monotonic()))

    def collect(self) -> Answered:
        flight = self._flights.popleft()
        self._comparison.saw(flight.samples)
        champion = self._champion.predictor.collect()
        taken = time.monotonic() - flight.submitted
        if not len(flight.rows) or self.lost is not None:
            return self._without(champion, flight)
        try:
            challenger = self._challenger.predictor.collect()
        except KafkaMLError as error:
            logger.warning("the challenger answers no more", reason=error.message)
            self.lost = error
            self._on_lost(error)
            return self._without(champion, flight)
        self._compare(flight, champion, challenger, (taken, time.monotonic() - flight.submitted))
        return self._together(champion, challenger, flight)

    def none(self) -> Answered:
        return Answered(Prediction([]), self._champion.provenance if self._fallback else self._challenger.provenance)

    def _without(self, champion: Prediction, flight: _Flight) -> Answered:
        """Return the champion's answers to what the challenger lost, or failures where the champion may not
        stand in.
        """
        if self._fallback or self.lost is None:
            return Answered(champion, self._champion.provenance)
        failures = dict.fromkeys(range(flight.samples), self.lost)
        return Answered(Prediction([], failures), self._challenger.provenance)

    def _compare(
        self, flight: _Flight, champion: Prediction, challenger: Prediction, seconds: tuple[float, float]
    ) -> None:
        rows = flight.rows.tolist()
        failed = [place for place, row in enumerate(rows) if row in champion.failures]
        if champion.outputs and challenger.outputs:
            self._comparison.add(
                flight.keys,
                champion.outputs[-1][flight.rows],
                challenger.outputs[-1],
                champion_failed=failed,
                challenger_failed=list(challenger.failures),
                seconds=seconds,
            )
        else:
            self._comparison.failed(len(failed), len(challenger.failures))

    def _together(self, champion: Prediction, challenger: Prediction, flight: _Flight) -> Answered:
        rows = flight.rows.tolist()
        failures: dict[int, KafkaMLError] = dict(champion.failures)
        answered = [place for place in range(len(rows)) if place not in challenger.failures]
        for place in answered:
            failures.pop(rows[place], None)
        if not self._fallback:
            failures |= {rows[place]: error for place, error in challenger.failures.items()}
            answered = list(range(len(rows)))
        outputs = _merged(champion.outputs, challenger.outputs, flight, answered)
        challenged = frozenset(rows[place] for place in answered)
        return Answered(
            Prediction(outputs, failures), self._champion.provenance, self._challenger.provenance, challenged
        )


def is_challenged(key: bytes | None, share: float, *, place: tuple[str, int, int]) -> bool:
    """Whether the challenger answers a record with this key. Without a key its topic, partition and offset decide."""
    digest = blake2b(format_source(*place) if key is None else key, digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * _WHOLE


def _merged(
    champion: Sequence[Array], challenger: Sequence[Array], flight: _Flight, places: Sequence[int]
) -> list[Array]:
    """Replace the champion's answers at ``places`` by the challenger's."""
    if not challenger or not places:
        return list(champion)
    shapes: Mapping[int, Array] = dict(enumerate(champion))
    chosen = flight.rows[list(places)]
    merged = []
    for index, output in enumerate(challenger):
        known = shapes.get(index)
        whole = np.zeros((flight.samples, *output.shape[1:]), output.dtype) if known is None else known.copy()
        whole[chosen] = output[list(places)]
        merged.append(whole)
    return merged
