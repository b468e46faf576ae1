"""Classic training is saved at the end of an epoch and resumes there. A failed checkpoint does not end it."""

from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from kafkaml.errors import ApiError, RefusedError, UserCodeError
from tests.model_training.mean_model import MeanModel
from tests.model_training.test_classic import PLAN, Run, data

LONG = PLAN.model_copy(update={"fit_arguments": {"epochs": 4}})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path, plan=LONG)
    run.checkpoint_seconds = 0
    return run


def test_an_attempt_goes_on_where_the_last_checkpoint_is(run: Run, tmp_path: Path) -> None:
    # Nothing is saved after the last epoch, because its end is the result.
    whole = run.run()
    assert [checkpoint.step for checkpoint in run.reporter.checkpoints] == [1, 2, 3]
    assert run.reporter.order[:4] == ["running", "epoch", "checkpoint", "epoch"]

    saved = run.reporter.checkpoints[1]
    again = Run(tmp_path, plan=LONG.model_copy(update={"checkpoint": saved}))
    again.checkpoint = run.reporter.artifacts[saved.name]
    outcome = again.run()
    assert [epoch.epoch for epoch in again.reporter.epochs] == [3, 4]
    assert outcome.test_metrics == whole.test_metrics
    # The duration includes the work of earlier attempts.
    assert outcome.seconds > run.reporter.epochs[0].seconds / 1000
    # There is no checkpoint, because ten seconds have not passed.
    assert not again.reporter.checkpoints


def test_a_checkpoint_of_other_samples_is_refused(run: Run, tmp_path: Path) -> None:
    run.run()
    again = Run(tmp_path, plan=LONG.model_copy(update={"checkpoint": run.reporter.checkpoints[0]}))
    again.checkpoint = run.reporter.artifacts["checkpoint-1.zip"]
    again.data = lambda: data().__class__(**{**vars(data()), "slice_sha256": "6" * 64})
    with pytest.raises(RefusedError, match="of other samples"):
        again.run()


def test_checkpoints_take_a_twentieth_of_the_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("model_training.epoch_checkpoints.time.monotonic", lambda: now[0])
    checkpoint = run.reporter.checkpoint

    def slow(*arguments: object, **named: object) -> object:
        now[0] += 7
        return checkpoint(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(run.reporter, "checkpoint", slow)
    run.checkpoint_seconds = 10
    run.model.on_epoch = lambda _epoch: now.append(now.pop() + 10)
    run.run()
    assert [params["pause_seconds"] for method, params in run.model.calls if method == "fit"] == [10, 133]


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (ApiError("the backend is unavailable", status=0), [2, 3]),
        (ApiError("no room", status=507), [2, 3]),
        (ApiError("too large", status=413), []),
    ],
)
def test_a_checkpoint_that_the_backend_does_not_take_is_a_warning(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: ApiError, kept: list[int]
) -> None:
    checkpoint = run.reporter.checkpoint
    errors = [error]

    def fails_once(*arguments: object, **named: object) -> object:
        if errors:
            raise errors.pop()
        return checkpoint(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(run.reporter, "checkpoint", fails_once)
    outcome = run.run()
    assert [kept_checkpoint.step for kept_checkpoint in run.reporter.checkpoints] == kept
    (said,) = [warning for warning in outcome.warnings if "checkpoint" in warning]
    assert said.endswith(error.message)
    assert not list(run.folder.rglob("checkpoint-1.zip"))


def test_a_newer_attempt_ends_the_run_at_a_checkpoint(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def superseded(*_: object, **__: object) -> None:
        raise ApiError("newer attempt", status=409)

    monkeypatch.setattr(run.reporter, "checkpoint", superseded)
    with pytest.raises(ApiError):
        run.run()
    assert run.model.closed


def test_a_full_disk_is_a_warning_and_tried_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]
    write = zipfile.ZipFile.write

    def full_once(archive: zipfile.ZipFile, *arguments: Any) -> None:
        if errors:
            raise errors.pop()
        write(archive, *arguments)

    monkeypatch.setattr(zipfile.ZipFile, "write", full_once)
    outcome = run.run()
    assert [checkpoint.step for checkpoint in run.reporter.checkpoints] == [2, 3]
    assert any("is full: No space left on device" in warning for warning in outcome.warnings)


def test_a_model_that_no_checkpoint_can_hold_is_trained_all_the_same(tmp_path: Path) -> None:
    model = MeanModel(input_shape=[None, 2, 2])
    model.raises["save_state"] = UserCodeError("optimizer.odd is of the type object")
    run = Run(tmp_path, plan=LONG, model=model)
    run.checkpoint_seconds = 0
    outcome = run.run()
    assert len(run.reporter.epochs) == 4
    assert [method for method, _ in model.calls].count("save_state") == 1
    assert any("optimizer.odd" in warning for warning in outcome.warnings)
