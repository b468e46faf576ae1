"""Swapper: loads and warms another version while the present one answers, and hands it to the loop. Made by
``service``.

A tier's new limit and the fields that answers carry from their records change in the same way, with nothing to load.

Works in a thread of its own. Meanwhile the loop continues to answer; it changes over between two transactions, when
nothing is in flight. A fault in the new version is found before that, in which case the old one continues and the
reason is reported. The old version stays warm for a while, so that going back takes no longer than one transaction.

A replica has at most two model processes: one that answers, and one that challenges it, is being loaded or is kept
warm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, Protocol, Self

from kafkaml.codecs.base import Codec
from kafkaml.errors import ApiError, KafkaMLError, SettingsError
from kafkaml.failpoints import failpoint
from kafkaml.failures import failure_of
from kafkaml.logs import get_logger
from kafkaml.records import PartitionKey
from kafkaml.wire.distributed import Cascade
from kafkaml.wire.inference import ChallengeKind, Challenger, InferencePlan, ServedModel
from kafkaml.wire.replica import LiveComparison, Serving, Swap, SwapFailure
from model_inference.answering import Alone, Answers, Challenge
from model_inference.comparison import ComparisonCounter
from model_inference.models import LoadedModel
from model_inference.predicting import Outputs
from model_inference.swap_news import SwapNews

__all__ = ["LoadModel", "Swapper", "check_outputs"]

logger = get_logger(__name__)

# How soon a plan that could not be fetched is fetched again.
_AGAIN_SECONDS = 2.0
_CLOSE_SECONDS = 5.0


class LoadModel(Protocol):
    """Loads a model while another one answers."""

    def __call__(self, model: ServedModel, beside: LoadedModel, /) -> LoadedModel:
        """Return ``model``, loaded and warm for the samples that ``beside`` gets, if those are known; raises the reason
        when it cannot.

        Takes seconds or minutes.
        """
        ...


class _Terms(NamedTuple):
    """How a tier decides what to hand up, and what answers carry from their records."""

    cascade: Cascade | None
    include: tuple[str, ...]


@dataclass(frozen=True)
class _Lineup:
    """The models that answer, the revision of the plan, and the ``terms``. ``loading_seconds``: how long the last model
    took to be ready. ``challenge`` is what is compared.
    """

    revision: int
    champion: LoadedModel
    challenger: LoadedModel | None
    challenge: Challenger | None
    answers: Answers
    comparison: ComparisonCounter | None
    terms: _Terms
    loading_seconds: float = 0.0

    @property
    def models(self) -> list[LoadedModel]:
        return [self.champion, *([] if self.challenger is None else [self.challenger])]

    @property
    def serving(self) -> Serving:
        challenger = None if self.challenger is None else self.challenger.model.version
        limit = None if self.terms.cascade is None else self.terms.cascade.limit
        return Serving(revision=self.revision, version=self.champion.model.version, challenger=challenger, limit=limit)


class Swapper:
    """``serving`` is what answers now; a context manager, whose end ends all model processes.

    The loop reads ``due`` before each turn and calls ``switch`` when nothing is in flight; everything else happens in
    the swapper's own thread. A new plan is reached in steps of one model each: an unwanted challenger goes, then the
    served version changes, then another challenger comes. It has over 12 fields because what serves, what is offered
    and what is kept warm change together, under one lock.
    """

    def __init__(
        self,
        first: LoadedModel,
        *,
        revision: int,
        news: SwapNews,
        fetch_plan: Callable[[], InferencePlan],
        load: LoadModel,
        keep_warm_seconds: float,
        challenger: tuple[Challenger, LoadedModel] | None = None,
        cascade: Cascade | None = None,
        on_cascade: Callable[[Cascade], None] = lambda _cascade: None,
        include: Sequence[str] = (),
        on_include: Callable[[Sequence[str]], None] = lambda _names: None,
        labels: Codec | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._news = news
        self._fetch_plan = fetch_plan
        self._load = load
        self._keep_warm_seconds = keep_warm_seconds
        # A function that the loop calls when the limit of the tier changes.
        self._on_cascade = on_cascade
        # A function that the loop calls when answers are to carry other fields of their records.
        self._on_include = on_include
        # A function that decodes keys which are labels; None where the format has no labels.
        self._labels = labels
        self._clock = clock
        self._now = self._lineup(revision, first, challenger, _Terms(cascade, tuple(include)))
        self.serving: Answers = self._now.answers
        # The lineup that the loop should change to. Reading it without the lock is safe, because the loop asks again
        # later.
        self.due: Answers | None = None
        self._offer: _Lineup | None = None
        # The newest revision that was done or given up.
        self._settled = revision
        self._spare: LoadedModel | None = None
        self._spare_until = 0.0
        self._lock = threading.Lock()
        self._taken = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="swapper", daemon=True)
        news.comparison = self._compared
        news.serves(self._now.serving)

    def switch(self, positions: Mapping[PartitionKey, int], gap_seconds: float) -> bool:
        """Let ``due`` answer from ``positions`` on. The loop calls this with nothing in flight and nothing to commit.

        ``gap_seconds`` is how long the loop paused reading for this. Returns False where ``due`` is no longer wanted.
        """
        with self._lock:
            fresh = self._offer
            if fresh is None:
                return False
            old, self._now = self._now, fresh
            self.serving = fresh.answers
            self.due = self._offer = None
            for model in old.models:
                if model not in fresh.models:
                    self._spare, self._spare_until = model, self._clock() + self._keep_warm_seconds
        cascade, include = fresh.terms
        if cascade is not None and cascade != old.terms.cascade:
            self._on_cascade(cascade)
        if include != old.terms.include:
            self._on_include(include)
        if fresh.answers is old.answers and cascade == old.terms.cascade:
            logger.info("answers carry something else of their records", include=include, positions=_as_json(positions))
            self._news.serves(fresh.serving)
            self._taken.set()
            return True
        swap = Swap(
            revision=fresh.revision,
            from_version=old.serving.version,
            version=fresh.serving.version,
            challenger=fresh.serving.challenger,
            limit=fresh.serving.limit,
            at=datetime.now(UTC),
            positions=_as_json(positions),
            gap_seconds=gap_seconds,
            loading_seconds=fresh.loading_seconds,
        )
        logger.info(
            "the plan has changed",
            version=swap.version,
            before=swap.from_version,
            challenger=swap.challenger,
            limit=swap.limit,
            positions=swap.positions,
        )
        self._news.serves(fresh.serving, swap=swap)
        self._taken.set()
        return True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended = True
        self._news.wake()
        self._taken.set()
        # The wait is limited. The process of a model that is still being loaded ends with this process.
        self._thread.join(_CLOSE_SECONDS)
        offered = [] if self._offer is None else self._offer.models
        for model in [*self._now.models, *offered, *([] if self._spare is None else [self._spare])]:
            model.close()

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
            # Only the reporter finds out whether this attempt is over, so just fetch the plan again later.
            logger.warning("the plan cannot be fetched", reason=error.message)
            self._news.wait(_AGAIN_SECONDS)
            return
        logger.info("another revision is wanted", revision=plan.revision, version=plan.model.version)
        while not self._ended and self._news.wanted <= plan.revision:
            if (step := self._next_step(plan)) is None:
                self._serve_already(plan)
                break
            try:
                lineup = step()
            except Exception as error:
                version, failure = _missing(plan, self._now).version, failure_of(error)
                logger.exception("version not changed, the old one goes on", version=version, cause=failure.cause)
                self._news.failed(SwapFailure(revision=plan.revision, version=version, failure=failure))
                break
            self._hand_over(lineup, plan)
        self._settled = max(self._settled, plan.revision)

    def _next_step(self, plan: InferencePlan) -> Callable[[], _Lineup] | None:
        """Return what makes the next lineup on the way to the plan; None when it is reached."""
        now, wanted = self._now, plan.challenger
        goes_on = wanted is not None and now.challenge is not None and wanted.model.key == now.challenge.model.key
        if now.challenger is not None and not goes_on and now.challenger.model.key != plan.model.key:
            return partial(self._without_challenger, plan)
        if now.champion.model.key != plan.model.key:
            return partial(self._with_champion, plan)
        if now.terms != _terms_of(plan):
            return partial(self._with_terms, plan)
        if wanted is not None and now.challenge != wanted:
            return partial(self._with_challenger, plan, wanted)
        return None

    def _without_challenger(self, plan: InferencePlan) -> _Lineup:
        now = self._now
        return self._lineup(self._reached(plan, now.champion.model, None), now.champion, None, now.terms)

    def _with_champion(self, plan: InferencePlan) -> _Lineup:
        loaded, seconds = self._loaded(plan.model)
        terms = _terms_of(plan)
        return self._lineup(self._reached(plan, plan.model, None), loaded, None, terms, loading_seconds=seconds)

    def _with_terms(self, plan: InferencePlan) -> _Lineup:
        now = self._now
        return replace(now, revision=self._reached(plan, now.champion.model, now.challenge), terms=_terms_of(plan))

    def _with_challenger(self, plan: InferencePlan, wanted: Challenger) -> _Lineup:
        loaded, seconds = self._loaded(wanted.model)
        now = self._now
        return self._lineup(plan.revision, now.champion, (wanted, loaded), now.terms, loading_seconds=seconds)

    def _reached(self, plan: InferencePlan, model: ServedModel, challenge: Challenger | None) -> int:
        """Return the revision of a lineup: the plan's when the lineup is everything that the plan wants."""
        done = model.key == plan.model.key and challenge == plan.challenger
        return plan.revision if done else self._now.revision

    def _serve_already(self, plan: InferencePlan) -> None:
        if self._now.revision != plan.revision:
            with self._lock:
                self._now = replace(self._now, revision=plan.revision)
            self._news.serves(self._now.serving)

    def _lineup(
        self,
        revision: int,
        champion: LoadedModel,
        challenger: tuple[Challenger, LoadedModel] | None,
        terms: _Terms,
        *,
        loading_seconds: float = 0.0,
    ) -> _Lineup:
        if challenger is None:
            return _Lineup(revision, champion, None, None, Alone(champion), None, terms, loading_seconds)
        challenge, model = challenger
        labels = self._labels if challenge.labelled else None
        counter = ComparisonCounter(champion.model.version, model.model.version, labels=labels)
        answers = Challenge(
            champion,
            model,
            share=challenge.share,
            fallback=challenge.kind is ChallengeKind.CANARY,
            comparison=counter,
            on_lost=partial(self._lost, revision, challenge),
        )
        return _Lineup(revision, champion, model, challenge, answers, counter, terms, loading_seconds)

    def _lost(self, revision: int, challenge: Challenger, error: KafkaMLError) -> None:
        """Report that the challenger ended and cannot be kept alive; called by the loop."""
        failure = failure_of(error)
        self._news.failed(SwapFailure(revision=revision, version=challenge.model.version, failure=failure))

    def _loaded(self, model: ServedModel) -> tuple[LoadedModel, float]:
        """Return ``model``, warm and answering in the shapes of what answers now, and how long that took."""
        challenger = self._now.challenger
        if challenger is not None and challenger.model.key == model.key:
            return challenger, 0.0
        spare, self._spare = self._spare, None
        if spare is not None:
            if spare.model.key == model.key:
                return spare, 0.0
            spare.close()
        started = self._clock()
        fresh = self._load(model, self._now.champion)
        failpoint("swap.loaded")
        try:
            check_outputs(self._now.champion, fresh)
        except KafkaMLError:
            fresh.close()
            raise
        return fresh, self._clock() - started

    def _hand_over(self, lineup: _Lineup, plan: InferencePlan) -> None:
        """Offer a lineup to the loop, and wait until the loop has changed to it or the plan wants another one."""
        with self._lock:
            self._taken.clear()
            self.due, self._offer = lineup.answers, lineup
        while not self._ended and not self._taken.wait(0.5):
            if self._news.wanted > plan.revision and self._withdraw():
                return

    def _withdraw(self) -> bool:
        """Withdraw an offer that the loop has not taken."""
        with self._lock:
            offered, self.due, self._offer = self._offer, None, None
            if offered is None:
                return False
            for model in offered.models:
                if model not in self._now.models:
                    self._spare, self._spare_until = model, self._clock() + self._keep_warm_seconds
        return True

    def _compared(self) -> LiveComparison | None:
        counter = self._now.comparison
        return None if counter is None else counter.report()

    def _patience(self) -> float | None:
        return None if self._spare is None else max(0.0, self._spare_until - self._clock())

    def _end_spare_in_time(self) -> None:
        spare = self._spare
        if spare is not None and self._clock() >= self._spare_until:
            self._spare = None
            spare.close()
            logger.info("a version is not kept warm any more", version=spare.model.version)


def _terms_of(plan: InferencePlan) -> _Terms:
    return _Terms(plan.cascade, plan.include)


def _missing(plan: InferencePlan, now: _Lineup) -> ServedModel:
    """Return the model in the plan that does not answer yet."""
    if plan.challenger is None or now.champion.model.key != plan.model.key:
        return plan.model
    return plan.challenger.model


def check_outputs(old: LoadedModel, fresh: LoadedModel) -> None:
    """Refuse a model whose answers have another shape, because consumers expect the old one."""
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
