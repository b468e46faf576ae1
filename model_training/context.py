"""RunContext: what a mode can do in a run. It reads the stream, starts model processes, keeps and reports what they
learn.

``__main__`` wires one for each attempt. It runs where the credentials are, so user code never runs here, only in the
model processes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from kafkaml.artifacts import is_checkpoint
from kafkaml.checkpoints import Contents, read_checkpoint, write_checkpoint
from kafkaml.errors import BrokenError
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger
from kafkaml.records import PartitionKey, RecordReader
from kafkaml.reporter import ResultReporter
from kafkaml.wire.checkpoint import Checkpoint
from kafkaml.wire.choices import Targets
from kafkaml.wire.progress import Progress
from kafkaml.wire.training import TrainingPlan
from model_training.background import in_background
from model_training.interrupts import Interrupts
from model_training.model_session import ModelSession
from model_training.part import Part
from model_training.read_ahead import ReadAhead
from model_training.trained_model import ModelCalls
from model_training.training_data import TrainingData
from model_training.window import HeldOut, Reading, Window
from model_training.windows import Ends, Limits, Windows, read_windows

__all__ = ["RunContext"]

logger = get_logger(__name__)


class RunContext:
    """One attempt at ``plan``.

    ``reporters`` are those of the models that the run trains, by name. ``read_slice`` reads the announced stream (its
    callback raises when the run ends early), ``open_reader`` gives a reader of streams without end, ``start_process``
    starts the model process of a plan; ``scratch`` is an empty folder that the caller removes. ``interrupts`` end the
    run from outside. ``stop_asked`` says whether a user wants the run to end; otherwise the machine is shutting down.
    ``fetch_checkpoint`` gives the file of the plan's checkpoint. Checkpoints after epochs are at least
    ``checkpoint_seconds`` apart.
    """

    def __init__(
        self,
        *,
        plan: TrainingPlan,
        reporters: Mapping[str, ResultReporter],
        read_slice: Callable[[Callable[[int, int], None]], TrainingData],
        open_reader: Callable[[], RecordReader],
        start_process: Callable[[TrainingPlan], AbstractContextManager[ModelCalls]],
        scratch: Path,
        interrupts: Interrupts | None = None,
        stop_asked: Callable[[], bool] = lambda: True,
        fetch_checkpoint: Callable[[Checkpoint], Path] | None = None,
        checkpoint_seconds: float = 10.0,
    ) -> None:
        self.plan = plan
        self.started = time.monotonic()
        self._reporters = reporters
        self._read_slice = read_slice
        self._open_reader = open_reader
        self._start_process = start_process
        self._scratch = scratch
        self.interrupts = interrupts or Interrupts()
        self.stop_asked = stop_asked
        self._fetch_checkpoint = fetch_checkpoint
        self.checkpoint_seconds = checkpoint_seconds
        self._deadline: float | None = None

    def part(self, model: str = "") -> Part:
        """Return the part of the run that trains ``model``, by default the plan's, and report that it runs.

        Called once for each model.
        """
        name = model or self.plan.model_name
        if name not in self._reporters:
            raise BrokenError(f"the run has no part {name!r}: it trains {', '.join(self._reporters)}")
        folder = self._scratch / f"part-{list(self._reporters).index(name)}"
        folder.mkdir()
        reporter = self._reporters[name]
        reporter.running()
        return Part(name, folder=folder, reporter=reporter)

    def last_checkpoint(self) -> Path | None:
        """Return the file from which this attempt continues, None where it starts afresh."""
        if self.plan.checkpoint is None or self._fetch_checkpoint is None:
            return None
        return self._fetch_checkpoint(self.plan.checkpoint)

    def read_checkpoint(self, path: Path) -> Contents:
        """Return what a checkpoint of this run holds. Raises RefusedError where it is damaged or belongs to another
        training.
        """
        return read_checkpoint(path, self._scratch, self.plan)

    def keep_checkpoint(self, part: Part, contents: Contents, *, patience_seconds: float | None = None) -> Path:
        """Upload a checkpoint and wait for the backend's confirmation; returns its file, which replaces the last one.

        The file of the state is consumed. Raises DiskFull, and ApiError after ``patience_seconds`` without the backend.
        """
        path = write_checkpoint(part.folder, contents, self.plan)
        contents.state.unlink()
        failpoint("checkpoint.written")
        try:
            # An attempt that continues from here must not repeat earlier reports, so every part sends its own now.
            for reporter in self._reporters.values():
                if reporter is not part.reporter:
                    reporter.flush(patience_seconds=patience_seconds)
            part.reporter.checkpoint(
                path,
                step=contents.step,
                records=contents.records,
                positions=contents.positions,
                patience_seconds=patience_seconds,
            )
        except BaseException:
            path.unlink()
            raise
        failpoint("checkpoint.kept")
        for other in part.folder.iterdir():
            if other != path and is_checkpoint(other.name):
                other.unlink()
        return path

    @contextmanager
    def slice(self) -> Iterator[Future[TrainingData]]:
        """Read the announced slice in a thread next to the caller, who closes the slice. The thread ends with the
        block.
        """
        with in_background(self._read) as reading:
            yield reading

    @contextmanager
    def windows(
        self,
        limits: Limits,
        past: Reading | None = None,
        *,
        held_out: HeldOut,
        first_end: Mapping[PartitionKey, int] | None = None,
    ) -> Iterator[Windows]:
        """Read the topics of the announced stream continuously, in windows. The reading ends with the block.

        In each partition, also in partitions added later, reading begins with the first record not older than the
        plan's ``since_ms``. With ``past``, the state of an earlier window, it continues after that. The first window
        ends with ``first_end`` if given, whatever the limits say. ``held_out`` is how a data set's contract chooses
        validation samples.
        """
        with closing(self._open_reader()) as reader:
            ends = Ends(reader)

            def read(is_left: Callable[[], bool]) -> Generator[Window]:
                return read_windows(
                    self.plan.stream,
                    reader,
                    limits,
                    since_ms=self.plan.since_ms,
                    past=past,
                    first_end=first_end,
                    held_out=held_out,
                    with_labels=self.plan.targets is Targets.LABELS,
                    with_unlabelled=self.plan.semi_supervised is not None,
                    is_left=is_left,
                    look=ends.look,
                )

            with ReadAhead.of(read, while_waiting=ends.look) as ahead:
                yield Windows(ahead, ends)

    @contextmanager
    def session(self, plan: TrainingPlan | None = None) -> Iterator[ModelSession]:
        """Start a model process for the run's model, or for ``plan``'s. The process ends with the block.

        Several may be open at the same time. They share one deadline: the run's wall time, counted from the first of
        them.
        """
        wanted = plan or self.plan
        with self._start_process(wanted) as process:
            if self._deadline is None:
                self._deadline = time.monotonic() + (self.plan.limits.wall_seconds or math.inf)
            yield ModelSession(process, wanted, deadline=self._deadline)

    def _read(self, checkpoint: Callable[[int, int], None]) -> TrainingData:
        started, records = time.monotonic(), 0

        def on_progress(done: int, total: int) -> None:
            nonlocal records
            checkpoint(done, total)
            records = done
            for reporter in self._reporters.values():
                reporter.progress(Progress(epoch=0, epochs=0, batch=done, batches=total))

        data = self._read_slice(on_progress)
        seconds = round(time.monotonic() - started, 3)
        if records:
            logger.info("the stream was read from Kafka", records=records, seconds=seconds)
        else:
            logger.info("the stream was read before, its slice is taken from the cache", seconds=seconds)
        return data
