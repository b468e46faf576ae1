"""FakeEngine: a function in place of a model process. Certain samples make it die or refuse."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.errors import FailedError, ModelProcessDied, UserCodeError
from kafkaml.records import PartitionKey
from kafkaml.wire.framework import Framework
from kafkaml.wire.inference import ServedModel
from model_inference.answering import Alone, Answers
from model_inference.models import LoadedModel
from model_inference.predicting import RecoveringPredictor, SampleSpec

__all__ = ["KILLER", "REFUSED", "EngineFactory", "FakeModels", "a_model"]

Array = npt.NDArray[Any]

# A sample that holds KILLER kills the process; the model refuses one that holds REFUSED.
KILLER = 666.0
REFUSED = 404.0


class _FakeEngine:
    def __init__(self, factory: EngineFactory) -> None:
        self._factory = factory
        self._batches: deque[Array] = deque()
        self._dead = False

    @property
    def max_batch(self) -> int:
        return self._factory.max_batch

    @property
    def outputs(self) -> list[tuple[np.dtype[Any], tuple[int, ...]]]:
        one = (np.dtype(np.float32), (self._factory.width,))
        return [one, one] if self._factory.hands_up else [one]

    @property
    def resident_bytes(self) -> int:
        return 1 << 20

    def submit(self, samples: Array) -> None:
        self._check_alive()
        assert len(samples) <= self._factory.max_batch
        assert len(self._batches) < 2, "two batches are under way already"
        self._factory.batches.append(len(samples))
        self._batches.append(samples.copy())

    def wait(self, timeout_seconds: float) -> bool:
        self._factory.on_wait()
        return self._factory.waits_left.popleft() if self._factory.waits_left else True

    def collect(self) -> list[Array]:
        self._check_alive()
        samples = self._batches.popleft()
        if self._factory.deaths_left:
            self._factory.deaths_left -= 1
            self._dead = True
        if np.any(samples == KILLER):
            self._dead = True
        self._check_alive()
        if len(samples) > self._factory.fits or np.any(samples == self._factory.greedy):
            self._dead = True
            raise ModelProcessDied("the model process ran out of memory", reason="memory")
        if np.any(samples == REFUSED):
            raise UserCodeError("the model refuses 404")
        answers = samples.sum(axis=1, keepdims=True) * self._factory.factor
        if not self._factory.hands_up:
            return [answers]
        sums = answers.reshape(len(answers), -1)[:, :1]
        return [sums, sums % 10 / 10]

    def close(self) -> None:
        self._factory.closed += not self._dead
        self._dead = True

    def _check_alive(self) -> None:
        if self._dead:
            raise ModelProcessDied("the model process crashed", reason="crashed")


class EngineFactory:
    """Starts engines that sum up a sample, times ``factor``. ``closed`` counts those that were ended rather than died.

    With ``hands_up`` engines are a tier's: they answer the sum, which goes up, and its last digit as a probability.

    ``deaths_left``: how many batches kill it, whatever is in them.

    Engines take batches of at most ``limit``. Batches of more than ``fits`` exceed the memory, and so does a sample
    that holds ``greedy``.
    """

    def __init__(self, *, factor: float = 1.0, hands_up: bool = False) -> None:
        self.factor = factor
        self.hands_up = hands_up
        self.closed = 0
        # The number of values in an answer, as reported by engines.
        self.width = 1
        self.starts = 0
        self.max_batch = self.limit = 1 << 20
        self.fits = 1 << 20
        self.greedy = -1.0
        self.batches: list[int] = []
        self.deaths_left = 0
        self.start_errors: deque[FailedError] = deque()
        self.waits_left: deque[bool] = deque()
        self.on_wait: Callable[[], None] = lambda: None

    def __call__(self, spec: SampleSpec, most: int | None = None, /) -> _FakeEngine:
        if self.start_errors:
            raise self.start_errors.popleft()
        self.max_batch = min(most or self.limit, self.limit)
        self.starts += 1
        return _FakeEngine(self)

    def predictor(self) -> RecoveringPredictor:
        return RecoveringPredictor(self, sleep=lambda _seconds: None)

    def loaded(self, version: int = 1) -> LoadedModel:
        """Return a version whose engines this factory starts."""
        return LoadedModel.of(5, a_model(version), self.predictor())


def a_model(version: int = 1) -> ServedModel:
    """Return a version of result 12."""
    return ServedModel(
        result_id=12, version=version, name="m", framework=Framework.PYTORCH, code="", imports="", artifacts={}
    )


class FakeModels:
    """The models as the loop sees them; ``due`` is the next to answer. ``switches`` are the positions."""

    def __init__(self, serving: LoadedModel) -> None:
        self.serving: Answers = Alone(serving)
        self.due: Answers | None = None
        self.switches: list[dict[PartitionKey, int]] = []

    def switch(self, positions: Mapping[PartitionKey, int], gap_seconds: float) -> bool:
        assert self.due is not None
        assert gap_seconds >= 0
        self.serving, self.due = self.due, None
        self.switches.append(dict(positions))
        return True
