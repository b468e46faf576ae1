"""EpochCheckpoints: saves a training over many epochs at the end of some of them.

The cost is bounded, and a checkpoint that cannot be kept does not end the training. Used by ``modes/classic.py``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from kafkaml.checkpoints import Contents
from kafkaml.errors import ApiError, DiskFull, RefusedError, UserCodeError
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger
from kafkaml.retry import is_transient
from model_training.context import RunContext
from model_training.model_session import ModelSession
from model_training.part import Part

__all__ = ["Around", "EpochCheckpoints"]

logger = get_logger(__name__)

# Checkpoints may take at most a twentieth of the training's time.
_TRAINING_FOR_EACH_SECOND = 19.0
# How long one upload is tried. A backend that is unavailable for longer gets the next checkpoint instead.
_PATIENCE_SECONDS = 30.0
# Status codes by which the backend refuses the file for its size or name. It would refuse every later checkpoint too.
_REFUSED_FILE_STATUS = frozenset({400, 413, 422})


@dataclass(frozen=True, kw_only=True)
class Around:
    """The context of one fit among several: the ``epochs`` done before it, and other state that a
    checkpoint must hold.
    """

    epochs: int = 0
    document: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class EpochCheckpoints:
    """Saves ``session`` in pauses of the fit. ``slice_sha256`` names the samples that it learns.

    With ``checkpoint_seconds`` 0 it is saved after each epoch, whatever that costs.
    """

    def __init__(self, context: RunContext, session: ModelSession, part: Part, *, slice_sha256: str) -> None:
        self._context = context
        self._session = session
        self._part = part
        self._slice = slice_sha256
        self._before_seconds = 0.0
        self._has_reported = False
        self._kept_at = time.monotonic()
        self.around = Around()
        self.seconds: float | None = context.checkpoint_seconds

    def resume(self) -> Contents | None:
        """Restore the session from the run's checkpoint, if there is one, and return the checkpoint.

        Raises RefusedError where it does not fit.
        """
        path = self._context.last_checkpoint()
        if path is None:
            return None
        contents = self._context.read_checkpoint(path)
        if contents.document.get("slice_sha256") != self._slice:
            raise RefusedError(
                f"the checkpoint {path.name} is of other samples: the stream's slice has changed since",
                hint="start the training from the beginning, without its checkpoint",
            )
        self._before_seconds = float(contents.document["seconds"])
        self.around = Around(epochs=int(contents.document["epochs_before"]))
        self._session.restore_state(contents.state)
        logger.info("going on from a checkpoint", epoch=contents.step)
        return contents

    @property
    def run_seconds(self) -> float:
        """How long the run has taken so far, including the earlier attempts that it continues."""
        return self._before_seconds + time.monotonic() - self._context.started

    def between_fits(self) -> None:
        """Keep the state before the next fit, unless it was kept recently."""
        if self.seconds is not None and time.monotonic() - self._kept_at >= self.seconds:
            self.paused(0)

    def paused(self, epoch: int) -> None:
        """Keep the state after ``epoch`` epochs of the present fit; one that cannot be kept is a warning."""
        started = time.monotonic()
        try:
            state = self._session.save_state(self._part.folder)
            failpoint("training.state_saved")
            around = self.around
            own = {"slice_sha256": self._slice, "seconds": self.run_seconds, "epochs_before": around.epochs}
            contents = Contents(
                step=around.epochs + epoch, state=state, document={**around.document, **own}, arrays=around.arrays
            )
            self._context.keep_checkpoint(self._part, contents, patience_seconds=_PATIENCE_SECONDS)
        except (UserCodeError, DiskFull, ApiError) as error:
            refused = isinstance(error, ApiError) and error.status in _REFUSED_FILE_STATUS
            if isinstance(error, ApiError) and not refused and not is_transient(error):
                raise
            logger.warning("no checkpoint is kept", epoch=epoch, error=error.message)
            self._warn(error.message)
            if refused or isinstance(error, UserCodeError):
                self.seconds = None
                return
        self._kept_at = time.monotonic()
        cost = self._kept_at - started
        if self.seconds:
            self.seconds = max(self._context.checkpoint_seconds, cost * _TRAINING_FOR_EACH_SECOND)
        logger.info("checkpoint", epoch=epoch, seconds=round(cost, 3), next_after_seconds=self.seconds)

    def _warn(self, reason: str) -> None:
        if not self._has_reported:
            self._part.warnings.add(
                f"a checkpoint could not be kept, an interrupted training would have begun further back: {reason}"
            )
        self._has_reported = True
