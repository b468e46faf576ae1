"""Swapper: loads and warms another version beside the one that answers, and hands it to the loop. Made by ``service``.

Works in a thread of its own; the loop goes on answering meanwhile, and changes over between two transactions, when
nothing is in flight. Whatever is wrong with the new version is found before that: the old one then goes on, and the
reason is told. The old one is kept warm for a while, so that going back takes no longer than one transaction.

A replica has two model processes at most: one that answers, and one that is loaded or kept warm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from kafkaml.errors import ApiError, KafkaMLError, SettingsError
from kafkaml.failpoints import failpoint
from kafkaml.failures import failure_of
from kafkaml.logs import get_logger
from kafkaml.records import PartitionKey
from kafkaml.wire.inference import InferencePlan, ServedModel
from kafkaml.wire.replica import Serving, Swap, SwapFailure
from model_inference.models import LoadedModel
from model_inference.predicting import Outputs
from model_inference.swap_news import SwapNews

__all__ = ["LoadModel", "Swapper"]

logger = get_logger(__name__)

# How soon a plan that could not be fetched is fetched again.
_AGAIN_SECONDS = 2.0
_CLOSE_SECONDS = 5.0


class LoadModel(Protocol):
    """Loads a model beside the one that answers."""

    def __call__(self, model: ServedModel, beside: LoadedModel, /) -> LoadedModel:
        """Return ``model``, loaded and warm for the samples that ``beside`` gets, if those are known; or raise why not.

        Takes seconds or minutes.
        """
        ...


class Swapper:
    """``serving`` is what answers now; a context manager, whose end ends all model processes.

    The loop asks ``due`` before each turn and calls ``switch`` when nothing is in flight; all else is done in the
    swapper's own thread.
    """

    def __init__(
        self,
        serving: LoadedModel,
        *,
        revision: int,
        news: SwapNews,
        fetch_plan: Callable[[], InferencePlan],
        load: LoadModel,
        keep_warm_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.serving = serving
        # What the loop is to change to; read without the lock, which is good enough to ask again later.
        self.due: LoadedModel | None = None
        self._revision = revision
        # The newest revision that was done or given up.
        self._settled = revision
        self._news = news
        self._fetch_plan = fetch_plan
        self._load = load
        self._keep_warm_seconds = keep_warm_seconds
        self._clock = clock
        self._offer: tuple[InferencePlan, float] | None = None
        self._spare: LoadedModel | None = None
        self._spare_until = 0.0
        self._lock = threading.Lock()
        self._taken = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="swapper", daemon=True)
        news.serves(Serving(revision=revision, version=serving.model.version))

    def switch(self, positions: Mapping[PartitionKey, int], gap_seconds: float) -> bool:
        """Let ``due`` answer from ``positions`` on; called by the loop with nothing in flight and nothing to commit.

        ``gap_seconds`` is how long the loop has read nothing for this. False where it is not wanted any more.
        """
        with self._lock:
            fresh, offer = self.due, self._offer
            if fresh is None or offer is None:
                return False
            plan, loading_seconds = offer
            old, self.serving = self.serving, fresh
            self.due = self._offer = None
            self._spare, self._spare_until = old, self._clock() + self._keep_warm_seconds
            self._revision = plan.revision
        swap = Swap(
            revision=plan.revision,
            from_version=old.model.version,
            version=fresh.model.version,
            at=datetime.now(UTC),
            positions=_as_json(positions),
            gap_seconds=gap_seconds,
            loading_seconds=loading_seconds,
        )
        logger.info("another version answers", version=swap.version, before=swap.from_version, positions=swap.positions)
        self._news.serves(Serving(revision=plan.revision, version=fresh.model.version), swap=swap)
        self._taken.set()
        return True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended = True
        self._news.wake()
        self._taken.set()
        # A model that is being loaded ends with this process.
        self._thread.join(_CLOSE_SECONDS)
        for each in (self.serving, self._spare, self.due):
            if each is not None:
                each.close()

    def _run(self) -> None:
        while not self._ended:
            if self._news.wanted > self._settled:
                self._follow()
            if self._news.wanted <= self._settled and not self._ended:
                self._news.wait(self._patience())
            self._end_spare_in_time()

    def _follow(self) -> None:
        try:
            plan = self._fetch_plan()
        except ApiError as error:
            # Whether this attempt is over is found by the reporter.
            logger.warning("the plan cannot be fetched", reason=error.message)
            self._news.wait(_AGAIN_SECONDS)
            return
        try:
            self._go_over(plan)
        except Exception as error:
            failure = failure_of(error)
            logger.exception(
                "version not changed, the old one goes on", version=plan.model.version, cause=failure.cause
            )
            self._news.failed(SwapFailure(revision=plan.revision, version=plan.model.version, failure=failure))
        self._settled = max(self._settled, plan.revision)

    def _go_over(self, plan: InferencePlan) -> None:
        if plan.model.key == self.serving.model.key:
            self._revision = plan.revision
            self._news.serves(Serving(revision=plan.revision, version=plan.model.version))
            return
        logger.info("another version is wanted", version=plan.model.version, revision=plan.revision)
        fresh, seconds = self._warm(plan.model)
        failpoint("swap.loaded")
        try:
            _check_outputs(self.serving, fresh)
        except KafkaMLError:
            fresh.close()
            raise
        with self._lock:
            self.due, self._offer = fresh, (plan, seconds)
            self._taken.clear()
        while not self._ended and not self._taken.wait(0.5):
            if self._news.wanted > plan.revision and self._withdraw():
                return

    def _withdraw(self) -> bool:
        """Take back what the loop has not changed to, because something else is wanted by now."""
        with self._lock:
            fresh, self.due, self._offer = self.due, None, None
            if fresh is None:
                return False
            self._spare, self._spare_until = fresh, self._clock() + self._keep_warm_seconds
        return True

    def _warm(self, model: ServedModel) -> tuple[LoadedModel, float]:
        """Return ``model``, warm, and how long that took."""
        spare, self._spare = self._spare, None
        if spare is not None:
            if spare.model.key == model.key:
                return spare, 0.0
            spare.close()
        started = self._clock()
        fresh = self._load(model, self.serving)
        return fresh, self._clock() - started

    def _patience(self) -> float | None:
        return None if self._spare is None else max(0.0, self._spare_until - self._clock())

    def _end_spare_in_time(self) -> None:
        spare = self._spare
        if spare is not None and self._clock() >= self._spare_until:
            self._spare = None
            spare.close()
            logger.info("a version is not kept warm any more", version=spare.model.version)


def _check_outputs(old: LoadedModel, fresh: LoadedModel) -> None:
    """Refuse a model whose answers are of another shape: whoever reads them expects those of the old."""
    before, after = old.predictor.outputs, fresh.predictor.outputs
    if before is not None and after is not None and _shapes(before) != _shapes(after):
        raise SettingsError(
            f"version {fresh.model.version} answers {_shapes(after)}, version {old.model.version} {_shapes(before)}: "
            "expected the same shapes",
            hint="serve it by an inference of its own, with an output topic of its own",
        )


def _shapes(outputs: Outputs) -> list[tuple[int, ...]]:
    return [shape for _, shape in outputs]


def _as_json(positions: Mapping[PartitionKey, int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in sorted(positions.items()):
        found.setdefault(topic, {})[str(partition)] = offset
    return found
