"""The remaining time of a training, by the test's own clock."""

from __future__ import annotations

import pytest

from model_training.remaining import RemainingTime


def test_the_remaining_time_follows_the_recent_epochs() -> None:
    now = 0.0
    remaining = RemainingTime(lambda: now)
    assert remaining.seconds(epoch=1, epochs=10, fraction=0.0) is None
    now = 30.0
    # The first steps compile the model, so the remaining time is unknown.
    assert remaining.seconds(epoch=1, epochs=10, fraction=0.1) is None
    now = 30.5
    assert remaining.seconds(epoch=1, epochs=10, fraction=0.2) is None
    now = 54.0
    assert remaining.seconds(epoch=1, epochs=10, fraction=0.5) == pytest.approx(60 * 9.5)
    now = 60.0
    remaining.epoch_done()
    for _ in range(3):
        now += 10
        remaining.epoch_done()
    # The first epoch was slow because it compiled the model, so it does not count.
    assert remaining.seconds(epoch=5, epochs=10, fraction=0.0) == pytest.approx(60)
    now += 5
    assert remaining.seconds(epoch=5, epochs=10, fraction=0.5) == pytest.approx(55)
    # The machine has become slow, so this epoch takes longer than the earlier ones.
    now += 35
    assert remaining.seconds(epoch=5, epochs=10, fraction=0.5) == pytest.approx(40 * 5.5)
    now += 5
    remaining.epoch_done()
    assert remaining.seconds(epoch=10, epochs=10, fraction=1.0) == 0
