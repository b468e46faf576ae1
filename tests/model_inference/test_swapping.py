"""Another version loads while the present one answers. Whatever is wrong with it, the old one continues."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from kafkaml.errors import ApiError, FailedError, UserCodeError
from kafkaml.wire.choices import DeliveryGuarantee
from kafkaml.wire.distributed import Cascade
from kafkaml.wire.inference import ChallengeKind, Challenger, InferencePlan, ServedModel
from kafkaml.wire.replica import Serving
from model_inference.models import LoadedModel
from model_inference.predicting import SampleSpec
from model_inference.swap_news import SwapNews
from model_inference.swapping import Swapper
from tests.model_inference.fake_engine import EngineFactory, a_model
from tests.support import eventually

SPEC = SampleSpec(np.dtype(np.float32), (1,))


class World:
    """A swapper with fakes around it; ``want`` sets the backend's wish, ``turn`` runs the loop between two batches."""

    def __init__(self, *, keep_warm_seconds: float = 600.0) -> None:
        self.factories: dict[int, EngineFactory] = {}
        self.loads: list[int] = []
        self.load_error: Exception | None = None
        self.plan_errors: list[ApiError] = []
        self.may_load = threading.Event()
        self.may_load.set()
        self.now = 0.0
        self.decided: list[Cascade] = []
        self.carried: list[Sequence[str]] = []
        self.news = SwapNews()
        self.plan = self._plan(1, 0)
        first = self.loaded(a_model(1))
        first.predictor.prepare(SPEC)
        self.swapper = Swapper(
            first,
            revision=0,
            news=self.news,
            fetch_plan=self.fetch,
            load=self.load,
            keep_warm_seconds=keep_warm_seconds,
            on_cascade=self.decided.append,
            on_include=self.carried.append,
            clock=lambda: self.now,
        )

    def _plan(self, version: int, revision: int, challenger: Challenger | None = None) -> InferencePlan:
        return InferencePlan(
            inference_id=5,
            revision=revision,
            model=a_model(version),
            challenger=challenger,
            input_format="RAW",
            input_config={},
            input_topic="in",
            output_topic="out",
            group="g",
            guarantee=DeliveryGuarantee.EXACTLY_ONCE,
        )

    def fetch(self) -> InferencePlan:
        if self.plan_errors:
            raise self.plan_errors.pop(0)
        return self.plan

    def loaded(self, model: ServedModel) -> LoadedModel:
        factory = self.factories.setdefault(model.version, EngineFactory(factor=model.version))
        return LoadedModel.of(5, model, factory.predictor())

    def load(self, model: ServedModel, beside: LoadedModel) -> LoadedModel:
        self.loads.append(model.version)
        assert self.may_load.wait(60)
        if self.load_error is not None:
            raise self.load_error
        found = self.loaded(model)
        if beside.predictor.spec is not None:
            found.predictor.prepare(beside.predictor.spec)
        return found

    def want(self, version: int, revision: int, *, canary: int | None = None, share: float = 0.1) -> None:
        kind = ChallengeKind.CANARY
        challenger = None if canary is None else Challenger(model=a_model(canary), kind=kind, share=share)
        self.plan = self._plan(version, revision, challenger)
        self.news.want(revision)

    def want_cascade(self, cascade: Cascade) -> None:
        revision = self.plan.revision + 1
        self.plan = self.plan.model_copy(update={"cascade": cascade, "revision": revision})
        self.news.want(revision)

    def want_include(self, *names: str) -> None:
        revision = self.plan.revision + 1
        self.plan = self.plan.model_copy(update={"include": names, "revision": revision})
        self.news.want(revision)

    def turn(self, offset: int = 7) -> int:
        """Run the loop between two batches, once another model is due; returns the version that answers then."""
        eventually(lambda: self.swapper.due, 60)
        assert self.swapper.switch({("in", 0): offset}, 0.25)
        return self.answering()

    def answering(self) -> int:
        """Return the version that answers now."""
        serving = self.news.to_tell().serving
        assert serving is not None
        return serving.version


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with world.swapper:
        yield world


def acknowledge(world: World) -> Any:
    serving, swaps, failure, _ = world.news.to_tell()
    assert serving is not None
    return (serving.revision, serving.version), [(swap.from_version, swap.version) for swap in swaps], failure


def test_the_loop_changes_when_the_other_version_is_warm(world: World) -> None:
    world.may_load.clear()
    world.want(2, 1)
    eventually(lambda: world.loads == [2], 60)
    assert world.swapper.due is None
    world.may_load.set()

    assert world.turn(offset=42) == 2

    assert acknowledge(world) == ((1, 2), [(1, 2)], None)
    (swap,) = world.news.to_tell().swaps
    assert swap.positions == {"in": {"0": 42}}
    assert swap.gap_seconds == 0.25


def test_going_back_needs_no_loading(world: World) -> None:
    world.want(2, 1)
    world.turn()
    world.want(1, 2)

    assert world.turn() == 1

    assert world.loads == [2]
    assert world.factories[1].starts == 1
    assert acknowledge(world) == ((2, 1), [(1, 2), (2, 1)], None)
    world.want(2, 3)
    assert world.turn() == 2
    assert world.loads == [2]


def test_the_version_before_is_ended_in_time() -> None:
    world = World(keep_warm_seconds=5.0)
    with world.swapper:
        world.want(2, 1)
        world.turn()
        assert world.factories[1].closed == 0
        world.now = 5.0
        world.news.wake()
        eventually(lambda: world.factories[1].closed == 1, 60)
        world.want(1, 2)
        world.turn()
        assert world.loads == [2, 1]


def test_there_are_two_model_processes_at_most(world: World) -> None:
    world.want(2, 1)
    world.turn()
    world.may_load.clear()
    world.want(3, 2)
    eventually(lambda: world.loads == [2, 3], 60)

    # The version before was ended first.
    assert world.factories[1].closed == 1
    world.may_load.set()
    assert world.turn() == 3


@pytest.mark.parametrize(
    ("error", "category"),
    [(UserCodeError("no such layer"), "user_code"), (FailedError("no memory"), "configuration")],
)
def test_a_version_that_does_not_load_changes_nothing_and_says_why(
    world: World, error: Exception, category: str
) -> None:
    world.load_error = error
    world.want(2, 1)
    eventually(lambda: world.news.to_tell().failure, 60)

    serving, swaps, failure = acknowledge(world)
    assert (serving, swaps) == ((0, 1), [])
    assert (failure.revision, failure.version, failure.failure.category) == (1, 2, category)
    assert world.swapper.due is None
    # A failed revision is not tried again, but another one is.
    world.load_error = None
    world.want(3, 2)
    assert world.turn() == 3
    assert world.loads == [2, 3]
    assert acknowledge(world) == ((2, 3), [(1, 3)], None)


def test_a_version_with_answers_of_another_shape_is_refused(world: World) -> None:
    world.factories[2] = EngineFactory()
    world.factories[2].width = 3
    world.want(2, 1)
    eventually(lambda: world.news.to_tell().failure, 60)

    failure = acknowledge(world)[2].failure
    assert failure.cause == "version 2 answers [(3,)], version 1 [(1,)]: expected the same shapes"
    assert world.factories[2].closed == 1


def test_what_is_not_wanted_any_more_does_not_answer(world: World) -> None:
    world.want(2, 1)
    eventually(lambda: world.swapper.due, 60)
    world.want(1, 2)
    eventually(lambda: world.swapper.due is None, 60)

    assert not world.swapper.switch({}, 0.0)
    eventually(lambda: acknowledge(world) == ((2, 1), [], None), 60)


def test_a_backend_that_is_unreachable_is_asked_again(world: World) -> None:
    world.plan_errors = [ApiError("away")]
    world.want(2, 1)
    assert world.turn() == 2


def test_all_processes_end_with_it() -> None:
    world = World()
    with world.swapper:
        world.want(2, 1)
        world.turn()
    assert (world.factories[1].closed, world.factories[2].closed) == (1, 1)


def test_swaps_are_reported_until_they_were_heard() -> None:
    world = World()
    with world.swapper:
        world.want(2, 1)
        world.turn()
        heard = world.news.to_tell().swaps
        world.want(1, 2)
        world.turn()
        world.news.acknowledge(heard)
    assert acknowledge(world)[1] == [(2, 1)]


def serving(world: World) -> tuple[int, int, int | None]:
    found = world.news.to_tell().serving
    assert found is not None
    return found.revision, found.version, found.challenger


def test_a_canary_comes_and_is_promoted_without_loading(world: World) -> None:
    world.want(1, 1, canary=2)
    world.turn()
    assert serving(world) == (1, 1, 2)
    comparison = world.news.to_tell().comparison
    assert comparison is not None
    assert (comparison.champion.version, comparison.challenger.version) == (1, 2)
    world.want(2, 2)

    assert world.turn() == 2

    assert serving(world) == (2, 2, None)
    assert world.loads == [2]
    assert world.news.to_tell().comparison is None
    # The version before is still warm, so the way back is immediate.
    world.want(1, 3)
    assert world.turn() == 1
    assert world.loads == [2]


def test_a_canary_is_dropped(world: World) -> None:
    world.want(1, 1, canary=2)
    world.turn()
    world.want(1, 2)
    world.turn()
    assert serving(world) == (2, 1, None)
    assert world.factories[1].starts == 1


def test_another_share_loads_nothing(world: World) -> None:
    world.want(1, 1, canary=2, share=0.1)
    world.turn()
    world.want(1, 2, canary=2, share=0.5)
    world.turn()
    assert (serving(world), world.loads) == ((2, 1, 2), [2])


def test_a_swap_with_a_canary_goes_in_steps_of_one_model(world: World) -> None:
    world.want(1, 1, canary=2)
    world.turn()
    world.want(3, 2, canary=4)
    seen = []
    for _ in range(3):
        world.turn()
        seen.append(serving(world))

    assert seen == [(1, 1, None), (1, 3, None), (2, 3, 4)]
    assert world.loads == [2, 3, 4]
    # There are at most two processes, because earlier ones were ended.
    assert (world.factories[2].closed, world.factories[1].closed) == (1, 1)


def test_a_canary_that_does_not_load_changes_nothing(world: World) -> None:
    world.load_error = UserCodeError("no such layer")
    world.want(1, 1, canary=2)
    failure = eventually(lambda: world.news.to_tell().failure, 60)
    assert (failure.revision, failure.version) == (1, 2)
    assert serving(world) == (0, 1, None)
    # The backend drops the challenger.
    world.want(1, 2)
    eventually(lambda: serving(world) == (2, 1, None), 60)
    assert world.news.to_tell().failure is None


def test_another_limit_is_taken_between_two_transactions_with_nothing_to_load(world: World) -> None:
    first, second = (Cascade(upper_topic="up", limit=limit) for limit in (0.5, 0.75))
    answered = world.swapper.serving
    world.want_cascade(first)
    world.turn()
    world.want_cascade(second)
    assert world.decided == [first]
    world.turn()
    assert (world.decided, world.loads) == ([first, second], [])
    assert world.swapper.serving is answered
    acknowledge = world.news.to_tell()
    assert acknowledge.serving == Serving(revision=2, version=1, limit=0.75)
    assert [(swap.from_version, swap.version, swap.limit) for swap in acknowledge.swaps] == [(1, 1, 0.5), (1, 1, 0.75)]


def test_answers_carry_something_else_between_two_transactions_with_nothing_to_load(world: World) -> None:
    answered = world.swapper.serving
    for names in (("machine",), ()):
        world.want_include(*names)
        world.turn()
    assert (world.carried, world.loads) == ([("machine",), ()], [])
    assert world.swapper.serving is answered
    acknowledge = world.news.to_tell()
    # The version is unchanged, so no swap is reported.
    assert (acknowledge.serving, acknowledge.swaps) == (Serving(revision=2, version=1), [])
