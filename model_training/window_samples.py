"""The samples of a window as a model learns them: which can be learnt, which validate, and the order of the others.

Used by incremental training. Only the seed and the step decide, so another attempt learns a window in the same way.
Copying samples to the model process takes a tenth as long as learning them, so ``Ahead`` copies the next window
meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kafkaml.closing import Closing
from model_training.fitting import WindowFit
from model_training.model_session import Samples
from model_training.newest import share
from model_training.window import Window

__all__ = ["Ahead", "Order", "Ordering", "WindowSamples"]

# At most this many samples per window are tried before the model learns them. Trying all of a larger window would take
# a quarter of the learning time, for digits of the score that are chance.
_MAX_TRIED = 2000
# Seeds of rounds begin here, so that they differ from the numbers of passes, which seed orders too.
_ROUNDS = 1 << 32


@dataclass(frozen=True, kw_only=True)
class Ordering:
    """What decides the order of samples. ``shuffle`` is as Keras takes it: whole, not at all, or inside batches."""

    seed: int
    shuffle: bool | str
    batch_size: int


class Order:
    """Which samples of a window validate, and the order of the others. Only the seed and the step decide.

    ``validates`` (count,) marks the held-out samples, or is their number. ``rows`` lists validation samples, then
    training samples. ``tried`` are the samples on which the model is tried before it learns any, None for all. Each
    ``round_`` (from 1 on) has an order of its own.
    """

    def __init__(
        self, ordering: Ordering, *, step: int, count: int, validates: int | NDArray[np.bool_], round_: int = 0
    ) -> None:
        self._ordering = ordering
        self._seed = [ordering.seed, step, *([_ROUNDS + round_] if round_ else [])]
        permuted = np.random.default_rng(self._seed).permutation(count)
        if isinstance(validates, int):
            self.validated = validates
            validation, training = np.sort(permuted[:validates]), permuted[validates:]
        else:
            validation, training = np.flatnonzero(validates), permuted[~validates[permuted]]
            self.validated = len(validation)
        if ordering.shuffle is not True:
            training = np.sort(training)
        self.rows = np.concatenate([validation, training])
        self.tried = np.sort(permuted[:_MAX_TRIED]) if count > _MAX_TRIED else None
        if ordering.shuffle == "batch":
            self.rows[self.validated :] = training[self._mixed(0)]

    def mix_again(self, samples: Samples, number: int) -> None:
        """Bring the training samples of ``samples`` into the order of pass ``number`` (from 1 on)."""
        mixed = self._mixed(number)
        for array in (samples.features.array, samples.labels.array):
            array[self.validated :] = array[self.validated :][mixed]

    def _mixed(self, number: int) -> NDArray[np.intp]:
        random = np.random.default_rng([*self._seed, number])
        count, size = len(self.rows) - self.validated, self._ordering.batch_size
        if self._ordering.shuffle != "batch":
            return random.permutation(count)
        # Sorting random numbers plus the batch's index permutes inside each batch only.
        return np.argsort(np.arange(count) // size + random.random(count), kind="stable")


@dataclass(frozen=True, kw_only=True)
class WindowSamples(Closing):
    """The samples of a window for step ``step``, in shared memory, to be closed.

    ``samples`` are in the order of ``order``. ``tried`` are the samples that the model is tried on first, None for all.
    ``wrong`` holds the rows whose labels cannot be learnt, and these labels.
    """

    step: int
    order: Order
    samples: Samples
    tried: Samples | None
    wrong: tuple[NDArray[np.intp], NDArray[Any]]

    @classmethod
    def of(
        cls, window: Window, fit: WindowFit, ordering: Ordering, *, step: int, validated: Callable[[int], int]
    ) -> Self:
        """Copy the learnable samples of ``window``; ``validated(count)`` says how many of ``count`` samples validate.

        Where the window marks its validation samples, those are used instead.
        """
        features, labels = fit.arrays(window)
        validates = window.validates
        wrong: tuple[NDArray[np.intp], NDArray[Any]] = np.zeros(0, np.intp), labels[:0]
        if fit.labels is not None:
            flags = fit.labels.wrong(labels)
            if flags.any():
                wrong = np.flatnonzero(flags), labels[flags]
                features, labels = features[~flags], labels[~flags]
                validates = None if validates is None else validates[~flags]
            labels = labels.astype(fit.labels.dtype, copy=False)
        count, as_labels = len(features), fit.labels is None
        order = Order(ordering, step=step, count=count, validates=validated(count) if validates is None else validates)
        samples = share(features, labels, rows=order.rows, targets_are_features=as_labels)
        if order.tried is None:
            return cls(step=step, order=order, samples=samples, tried=None, wrong=wrong)
        tried = share(features, labels, rows=order.tried, targets_are_features=as_labels)
        return cls(step=step, order=order, samples=samples, tried=tried, wrong=wrong)

    def __len__(self) -> int:
        return len(self.samples)

    def close(self) -> None:
        """Close the shared memory."""
        self.samples.close()
        if self.tried is not None:
            self.tried.close()


class Ahead:
    """Takes windows, and copies the samples of the next one in a thread while this one is learnt.

    This context manager must enclose that of the windows, because the thread may wait for a window until those are
    closed.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="next-window")
        self._next: Future[tuple[Window | None, WindowSamples | None]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._next is not None and self._next.exception() is None:
            _, samples = self._next.result()
            if samples is not None:
                samples.close()
        self._thread.shutdown()

    def begin(self, windows: Iterator[Window], copy: Callable[[Window], WindowSamples]) -> None:
        """Take the next window as soon as it arrives, and ``copy`` its samples."""

        def take() -> tuple[Window | None, WindowSamples | None]:
            window = next(windows, None)
            return window, None if window is None else copy(window)

        if self._next is None:
            self._next = self._thread.submit(take)

    def take(self, windows: Iterator[Window]) -> tuple[Window | None, WindowSamples | None]:
        """Return the next window, with its samples where copying was begun; None when the stream is over."""
        if self._next is None:
            return next(windows, None), None
        taken = self._next.result()
        self._next = None
        return taken
