"""TrainingMetrics: one attempt's progress for Prometheus, taken from its reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from prometheus_client.core import Metric

from kafkaml.prometheus import definitions
from kafkaml.wire.progress import EpochMetrics, Progress

__all__ = ["TrainingMetrics"]


class TrainingMetrics:
    """The metrics of one attempt. The reporters of all its models update them, and any thread may read them."""

    def __init__(self, *, attempt: int) -> None:
        self._attempt = str(attempt)
        self._epoch = definitions.TRAINING_EPOCH.made()
        self._epochs = definitions.TRAINING_EPOCHS.made()
        self._batch = definitions.TRAINING_BATCH.made()
        self._batches = definitions.TRAINING_BATCHES.made()
        self._remaining = definitions.TRAINING_REMAINING.made()
        self._done = definitions.TRAINING_EPOCHS_DONE.made()
        self._seconds = definitions.TRAINING_EPOCH_SECONDS.made()
        self._lag = definitions.TRAINING_LAG.made()
        self._records = definitions.TRAINING_WINDOW_RECORDS.made()

    def of(self, result: int) -> Callable[[Progress | EpochMetrics], None]:
        """Return the callback that takes the reports of one result."""
        labels = (str(result), self._attempt)

        def reported(said: Progress | EpochMetrics) -> None:
            if isinstance(said, Progress):
                self._progress(labels, said)
            else:
                self._learnt(labels, said)

        return reported

    def _progress(self, labels: tuple[str, str], said: Progress) -> None:
        self._epoch.labels(*labels).set(said.epoch)
        self._epochs.labels(*labels).set(said.epochs)
        self._batch.labels(*labels).set(said.batch)
        self._batches.labels(*labels).set(said.batches)
        if said.remaining_seconds is not None:
            self._remaining.labels(*labels).set(said.remaining_seconds)
        else:
            with suppress(KeyError):
                self._remaining.remove(*labels)

    def _learnt(self, labels: tuple[str, str], said: EpochMetrics) -> None:
        self._done.labels(*labels).inc()
        self._seconds.labels(*labels).inc(said.seconds)
        if said.window is not None:
            self._records.labels(*labels).inc(said.window.records)
            if said.window.lag is not None:
                self._lag.labels(*labels).set(said.window.lag)

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        for metric in vars(self).values():
            if not isinstance(metric, str):
                yield from metric.collect()
