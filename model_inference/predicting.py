"""RecoveringPredictor: predictions that survive bad samples and a dying model process. Called by the loop.

Two batches can be under way, so that one is computed while the runner handles the other. A batch that the model refuses
is halved until the samples to blame are isolated; the others are answered. When the model process dies, it is restarted
and the batch is tried once more, then halved in the same way, so a killer record costs only itself. A process that ran
out of memory is restarted for batches of half the size, and that limit stays, unless one record alone turns out to be
to blame.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kafkaml.errors import (
    DecodeError,
    FailedError,
    KafkaMLError,
    ModelProcessDied,
    RefusedError,
    UserCodeError,
)
from kafkaml.logs import get_logger

__all__ = ["Engine", "Outputs", "Prediction", "RecoveringPredictor", "SampleSpec", "StartEngine"]

logger = get_logger(__name__)

Array = npt.NDArray[Any]
# Type and shape of each output for one sample.
Outputs = Sequence[tuple[np.dtype[Any], tuple[int, ...]]]

# Batches under way at the same time: one computed, one waiting.
MAX_IN_FLIGHT = 2
_FIRST_PAUSE_SECONDS = 0.05
_MAX_PAUSE_SECONDS = 1.0
_START_TRIES = 5
# After this many deaths in a row the model counts as broken. Continuing would turn the whole stream into dead letters.
_MAX_KILLERS_IN_A_ROW = 20
# Errors by which the model refuses samples while its process stays healthy.
_REFUSALS = (UserCodeError, RefusedError)


@dataclass(frozen=True)
class SampleSpec:
    """What one sample is: element type and shape."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, samples: Array) -> SampleSpec:
        """Return the spec of a batch (n, ...)."""
        return cls(samples.dtype, samples.shape[1:])


class Engine(Protocol):
    """One model process with the model loaded and warm. Two batches at most are under way."""

    @property
    def max_batch(self) -> int:
        """The most samples of one ``submit``: what memory and time allow."""
        ...

    @property
    def outputs(self) -> Outputs:
        """Type and shape of each output of one sample."""
        ...

    @property
    def resident_bytes(self) -> int:
        """How much memory its process takes; 0 where that is not known."""
        ...

    def submit(self, samples: Array) -> None:
        """Start predicting ``samples`` (1 to max_batch, ...)."""
        ...

    def wait(self, timeout_seconds: float) -> bool:
        """Return whether ``collect`` would not block, after waiting at most ``timeout_seconds``. DeadlineExceeded ends
        the process.
        """
        ...

    def collect(self) -> list[Array]:
        """Return the outputs of the oldest batch, views that are valid until the second ``submit`` from now."""
        ...

    def close(self) -> None: ...


class StartEngine(Protocol):
    """Starts an engine for samples of one kind."""

    def __call__(self, spec: SampleSpec, most: int | None = None, /) -> Engine:
        """Return a warm engine that takes at most ``most`` samples per batch."""
        ...


@dataclass(frozen=True)
class Prediction:
    """Outputs of one batch, arrays (batch, ...); rows of samples in ``failures`` (by index) mean nothing.

    ``outputs`` is empty when every sample failed.
    """

    outputs: list[Array]
    failures: dict[int, KafkaMLError] = field(default_factory=dict)


@dataclass
class _Flight:
    samples: Array
    # Whether the running engine holds this batch; False after that engine died.
    submitted: bool = False
    prediction: Prediction | None = None
    error: KafkaMLError | None = None


class RecoveringPredictor:
    """Submits batches to an engine and restarts it; ``collect`` answers in the order of ``submit``. One thread.

    ``on_outputs`` is called when the model's outputs are known.
    """

    def __init__(
        self,
        start_engine: StartEngine,
        *,
        on_outputs: Callable[[Outputs], None] = lambda _outputs: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._start_engine = start_engine
        self._on_outputs = on_outputs
        self._sleep = sleep
        self._spec: SampleSpec | None = None
        self._engine: Engine | None = None
        self._outputs: Outputs | None = None
        self._flights: deque[_Flight] = deque()
        # The batch size allowed after the process ran out of memory; None if it never did.
        self._most: int | None = None
        # The allowed batch size before the present batch.
        self._most_before: int | None = None
        self._deaths_in_a_row = 0
        self._killers_in_a_row = 0

    @property
    def max_batch(self) -> int | None:
        """The most samples that the engine takes per batch; None before the first start."""
        return None if self._engine is None else self._engine.max_batch

    @property
    def spec(self) -> SampleSpec | None:
        """The samples that the engine was started for; None until a sample has shown it."""
        return self._spec

    @property
    def outputs(self) -> Outputs | None:
        """What the model answers; None while no engine was started."""
        return self._outputs

    @property
    def resident_bytes(self) -> int:
        """How much memory the engine's process takes; 0 where there is none."""
        return 0 if self._engine is None else self._engine.resident_bytes

    def prepare(self, spec: SampleSpec) -> None:
        """Start the engine for samples like ``spec`` and warm it up; raises the reason when it cannot serve them."""
        self._engine = self._start_engine(spec)
        self._spec = spec
        self._outputs = self._engine.outputs
        self._on_outputs(self._outputs)

    def submit(self, samples: Array) -> None:
        """Take a batch (n, ...), n >= 1; at most two are under way. A batch above ``max_batch`` is split, and its parts
        are not overlapped.
        """
        flight = _Flight(samples)
        try:
            self._submit(flight)
        except _REFUSALS as error:
            flight.prediction = _all_failed(flight.samples, error)
        except FailedError as error:
            flight.error = error
        self._flights.append(flight)

    def wait(self, timeout_seconds: float) -> bool:
        """Return whether ``collect`` has an answer or an error to handle, after waiting at most ``timeout_seconds``."""
        flight = self._flights[0]
        if self._engine is None or not flight.submitted or flight.prediction or flight.error:
            return True
        try:
            return self._engine.wait(timeout_seconds)
        except FailedError as error:
            flight.error = error
            return True

    def collect(self) -> Prediction:
        """Return the oldest batch's answers; restarts the engine and halves batches as needed, which may take seconds.

        Raises FailedError when the model process cannot be kept alive, and BrokenError as the engine does.
        """
        self._most_before = self._most
        flight = self._flights.popleft()
        if flight.prediction is not None:
            return flight.prediction
        try:
            if flight.error is not None:
                raise flight.error
            if flight.submitted and self._engine is not None:
                outputs = self._engine.collect()
                self._succeeded()
                return Prediction(outputs)
        except _REFUSALS:
            self._settle_others()
            return self._halves(flight.samples)
        except FailedError as error:
            self._restart(error, len(flight.samples))
        return self._predict(flight.samples)

    def close(self) -> None:
        """End the model process."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _submit(self, flight: _Flight) -> None:
        spec = SampleSpec.of(flight.samples)
        if self._spec is None:
            # A format such as JSON does not give the shape, so the first sample does.
            self.prepare(spec)
        elif spec != self._spec:
            raise DecodeError(
                f"sample is {spec.dtype} of shape {spec.shape}: expected {self._spec.dtype} of shape "
                f"{self._spec.shape}, as those before",
                hint="send what the model was trained on",
            )
        # Answers come in order, so this batch waits for an earlier one that the engine lost.
        if (
            self._engine is not None
            and len(flight.samples) <= self._engine.max_batch
            and all(flight.prediction or (flight.submitted and not flight.error) for flight in self._flights)
        ):
            self._engine.submit(flight.samples)
            flight.submitted = True

    def _settle_others(self) -> None:
        """Collect the other batches under way, so that the engine is free for the halves."""
        for flight in self._flights:
            if not flight.submitted or flight.prediction or flight.error or self._engine is None:
                continue
            try:
                flight.prediction = Prediction([output.copy() for output in self._engine.collect()])
            except (*_REFUSALS, FailedError) as error:
                flight.error = error

    def _restart(self, reason: KafkaMLError, count: int) -> None:
        """Start the engine again after it died for ``reason`` with a batch of ``count``."""
        self._deaths_in_a_row += 1
        if isinstance(reason, ModelProcessDied) and reason.reason == "memory":
            if count > 1:
                self._most = min(count, self.max_batch or count) // 2
                logger.warning("batches are halved: the model process ran out of memory", most=self._most)
            else:
                # A batch of one record died too, so this record is to blame and not the size of the batch.
                self._most = self._most_before
        for flight in self._flights:
            flight.submitted = False
            flight.error = None
        for attempt in range(_START_TRIES):
            pause = min(_MAX_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (self._deaths_in_a_row + attempt - 1))
            logger.warning("the model process ended, starting it again", reason=reason.message, pause_seconds=pause)
            self._sleep(pause)
            self.close()
            try:
                assert self._spec is not None
                self._engine = self._start_engine(self._spec, self._most)
                return
            except KafkaMLError as error:
                reason = error
        raise reason

    def _predict(self, samples: Array) -> Prediction:
        """Predict in one go where that works, otherwise in halves. Nothing else may be under way."""
        if len(samples) > (self.max_batch or 1):
            return self._halves(samples)
        try:
            return Prediction([output.copy() for output in self._run(samples)])
        except _REFUSALS as error:
            if len(samples) == 1:
                return _all_failed(samples, error)
        except FailedError as error:
            if len(samples) == 1:
                self._count_killer(error)
            self._restart(error, len(samples))
            if len(samples) == 1:
                return _all_failed(samples, error)
        return self._halves(samples)

    def _halves(self, samples: Array) -> Prediction:
        if len(samples) == 1:
            return self._predict(samples)
        middle = len(samples) // 2
        return _joined(
            (samples[:middle], self._predict(samples[:middle])), (samples[middle:], self._predict(samples[middle:]))
        )

    def _run(self, samples: Array) -> list[Array]:
        assert self._engine is not None
        # The engine no longer holds the other batches, because they were settled or died with it.
        self._engine.submit(samples)
        outputs = self._engine.collect()
        self._succeeded()
        return outputs

    def _succeeded(self) -> None:
        self._deaths_in_a_row = self._killers_in_a_row = 0

    def _count_killer(self, error: FailedError) -> None:
        self._deaths_in_a_row = 0
        self._killers_in_a_row += 1
        if self._killers_in_a_row >= _MAX_KILLERS_IN_A_ROW:
            raise FailedError(
                f"the model process died of {self._killers_in_a_row} records one after the other: {error.message}",
                hint=error.hint or "the model does not work on this stream: check its limits and the input format",
            ) from error


def _all_failed(samples: Array, error: KafkaMLError) -> Prediction:
    return Prediction([], dict.fromkeys(range(len(samples)), error))


def _joined(*parts: tuple[Array, Prediction]) -> Prediction:
    """Put the predictions of consecutive samples together; rows without an answer are zeros."""
    template = next((prediction.outputs for _, prediction in parts if prediction.outputs), None)
    failures: dict[int, KafkaMLError] = {}
    columns: Sequence[list[Array]] = [[] for _ in template or ()]
    start = 0
    for samples, prediction in parts:
        failures |= {start + index: error for index, error in prediction.failures.items()}
        for index, column in enumerate(columns):
            like = (template or [])[index]
            column.append(
                prediction.outputs[index]
                if prediction.outputs
                else np.zeros((len(samples), *like.shape[1:]), like.dtype)
            )
        start += len(samples)
    return Prediction([np.concatenate(column) for column in columns], failures)
