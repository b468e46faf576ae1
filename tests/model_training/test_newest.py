from __future__ import annotations

import numpy as np
import pytest

from model_training.newest import Newest, share


def samples_of(start: int, stop: int) -> Newest:
    return Newest(np.arange(start, stop, dtype=np.float32)[:, None], np.arange(start, stop))


def test_the_newest_are_kept() -> None:
    kept = Newest.joined(samples_of(0, 1500), samples_of(1500, 2100))
    assert len(kept) == 2000
    assert kept.labels[[0, -1]].tolist() == [100, 2099]
    assert kept.features[:, 0].tolist() == kept.labels.tolist()
    assert samples_of(0, 5000).newest().labels[[0, -1]].tolist() == [3000, 4999]


def test_large_samples_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_training.newest._MAX_BYTES", 100)
    # A sample takes 12 bytes.
    assert len(samples_of(0, 20).newest()) == 8
    monkeypatch.setattr("model_training.newest._MAX_BYTES", 1)
    assert len(samples_of(0, 20).newest()) == 1


def test_what_is_shared_is_a_copy_of_the_rows_wanted() -> None:
    features = np.arange(12, dtype=np.uint8).reshape(4, 3)
    with share(features, np.arange(4), targets_are_features=False, rows=np.array([2, 0])) as samples:
        features[...] = 0
        assert samples.features.array.tolist() == [[6, 7, 8], [0, 1, 2]]
        assert samples.labels.array.tolist() == [2, 0]
        with samples.rows(1, 2) as second:
            assert second.features.array.tolist() == [[0, 1, 2]]
            assert second.labels.array.tolist() == [0]
