"""One round of the controller's loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.controller.execute import Executor
from backend.controller.leadership import Leadership
from backend.controller.loop import Controller
from backend.controller.outbox import OutboxRelay
from backend.controller.wakeup import WakeUp
from backend.launchers.names import RunKind
from kafkaml.errors import BrokenError
from kafkaml.testing import InMemoryBroker
from tests.controller.memory_store import MemoryStore
from tests.controller.test_convergence import spec_of
from tests.launchers.fake_launcher import FakeLauncher

pytestmark = pytest.mark.django_db


def test_a_controller_whose_cluster_is_unreachable_goes_on_telling_that_it_lives(tmp_path: Path) -> None:
    store, launcher, beats = MemoryStore(), FakeLauncher(), []
    # The lead does not end while the test is held up.
    leadership = Leadership(lease_seconds=3600)
    assert leadership.acquire()
    controller = Controller(
        store=store,
        launcher=launcher,
        executor=Executor(store=store, launcher=launcher, spec_of=spec_of),
        leadership=leadership,
        relays=[OutboxRelay(InMemoryBroker().writer, may_act=lambda: False)],
        wakeup=WakeUp(tmp_path),
        housekeeping={lambda: beats.append("alive"): 0.0},
    )
    store.add(RunKind.TRAINING, 1)
    launcher.fail_before = 1
    with pytest.raises(BrokenError):
        controller.tick()
    assert (beats, launcher.launches) == (["alive"], [])
    assert controller.tick()
    assert (beats, launcher.launches) == (["alive", "alive"], ["kml-train-1-a1"])
