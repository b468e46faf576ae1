"""BatchStream: feeds a training loop with chunks of whole batches, in an order that a seed decides.

Arrays may be memory-mapped and larger than memory: only chunks are ever gathered, one ahead in a thread, so that the
disk works while the model does. How large the chunks are changes no result.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from kafkaml.errors import ArgumentsError
from mlcode_executor.frameworks.base import Array, batch_count

__all__ = ["BatchStream", "Chunk"]

# Largest chunk. Two chunks are in memory, because one is gathered while the other is in use.
_MAX_CHUNK_BYTES = 32 << 20
# Target duration of a chunk: short enough for smooth progress, long enough to hide its overhead.
_AIM_SECONDS = 0.15
_FIRST_CHUNK_BATCHES = 8


@dataclass(frozen=True)
class Chunk:
    """Consecutive batches as one array each: features and labels (rows, ...), ``batches`` of them."""

    features: Array
    labels: Array
    batches: int


class BatchStream:
    """Endless passes over samples; each pass holds every sample once, in batches as ``batches_of`` makes them.

    ``shuffle`` True permutes the samples of each pass, ``"batch"`` only inside its batches; the same ``seed`` gives the
    same order. ``drop_last`` leaves out an incomplete last batch, which holds other samples in each shuffled pass.
    Raises ArgumentsError when nothing else is left. The stream starts as if ``batches_done`` had been handed out
    already. Use it as a context manager: it owns a thread. It has over 12 fields because a pass continues where it
    stopped while a thread gathers what comes next.
    """

    def __init__(
        self,
        features: Array,
        labels: Array,
        *,
        batch_size: int,
        shuffle: bool | str = False,
        seed: int = 0,
        drop_last: bool = False,
        batches_done: int = 0,
    ) -> None:
        self._features = features
        self._labels = labels
        self.batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._samples = len(features)
        self._count = self._samples - self._samples % batch_size if drop_last else self._samples
        if not self._count and self._samples:
            raise ArgumentsError(
                f"drop_last leaves nothing to train on: {self._samples} samples fill no batch of {batch_size}",
                argument="drop_last",
                hint="lower the batch size, or leave drop_last out",
            )
        self.batches_per_pass = batch_count(self._count, batch_size)
        row_bytes = max(1, (features.nbytes + labels.nbytes) // max(1, self._samples))
        self._most_batches = max(1, _MAX_CHUNK_BYTES // (row_bytes * batch_size))
        self._chunk_batches = min(_FIRST_CHUNK_BATCHES, self._most_batches)
        self._order: Array | None = None
        self.batches_done = batches_done
        passes, in_pass = divmod(batches_done, max(1, self.batches_per_pass))
        self._pass = passes - 1
        self._position = self._count
        if in_pass:
            self._start_pass()
            self._position = in_pass * batch_size
        self._ahead: Future[Chunk] | None = None
        self._gatherer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gather")
        self._taken_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gatherer.shutdown(wait=True, cancel_futures=True)

    @property
    def at_end_of_pass(self) -> bool:
        """Whether every sample of the current pass was handed out; true before the first."""
        return self._position >= self._count

    @property
    def batches_left(self) -> int:
        """How many batches the current pass has left; at its end, those of the next pass."""
        return self.batches_per_pass - self.batches_done % self.batches_per_pass

    def next_chunk(self, most_batches: int) -> Chunk:
        """Return the next 1 to ``most_batches`` batches of this pass, beginning another pass when this one is
        exhausted.
        """
        self._adapt()
        if self.at_end_of_pass:
            self._start_pass()
        chunk = self._ahead.result() if self._ahead is not None else self._gather(self._rows_ahead())
        self._ahead = None
        if chunk.batches > most_batches:
            # This chunk was gathered before it was known that an epoch would end inside it.
            rows = most_batches * self.batch_size
            chunk = Chunk(chunk.features[:rows], chunk.labels[:rows], most_batches)
        self._position += len(chunk.features)
        self.batches_done += chunk.batches
        if not self.at_end_of_pass:
            self._ahead = self._gatherer.submit(self._gather, self._rows_ahead())
        self._taken_at = time.monotonic()
        return chunk

    def _adapt(self) -> None:
        """Double or halve the chunks, depending on how long the last one was in use."""
        if not self._taken_at:
            return
        seconds = time.monotonic() - self._taken_at
        if seconds < _AIM_SECONDS / 2:
            self._chunk_batches = min(self._chunk_batches * 2, self._most_batches)
        elif seconds > _AIM_SECONDS * 2:
            self._chunk_batches = max(1, self._chunk_batches // 2)

    def _rows_ahead(self) -> slice:
        stop = self._position + self._chunk_batches * self.batch_size
        # A single sample does not make a batch; it joins the one before.
        alone = self.batch_size > 1 and self._count - stop == 1
        return slice(self._position, self._count if alone else min(stop, self._count))

    def _start_pass(self) -> None:
        self._pass += 1
        self._position = 0
        if not self._shuffle:
            return
        random = np.random.default_rng([self._seed, self._pass])
        if self._shuffle == "batch":
            # Sorting random numbers plus the batch's index permutes inside each batch only.
            batch_index = np.minimum(np.arange(self._count) // self.batch_size, self.batches_per_pass - 1)
            self._order = np.argsort(batch_index + random.random(self._count), kind="stable")
        else:
            self._order = random.permutation(self._samples)[: self._count]

    def _gather(self, rows: slice) -> Chunk:
        batches = batch_count(rows.stop - rows.start, self.batch_size)
        if self._order is None:
            return Chunk(self._features[rows], self._labels[rows], batches)
        order = self._order[rows]
        return Chunk(self._features[order], self._labels[order], batches)
