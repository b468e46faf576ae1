from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from kafkaml.checkpoints import Contents
from kafkaml.errors import BrokenError, DeadlineExceeded
from kafkaml.testing import InMemoryBroker, RecordingReporter
from kafkaml.wire.limits import ResourceLimits
from kafkaml.wire.outcome import TrainingOutcome
from model_training.context import RunContext
from model_training.part import Whence
from tests.model_training.mean_model import MeanModel
from tests.model_training.test_classic import PLAN

OUTCOME = TrainingOutcome(
    seconds=1, samples={}, test_metrics={}, artifacts={}, versions={}, code_sha256="0" * 64, slice_sha256="0" * 64
)


def unread(_on_progress: object) -> NoReturn:
    raise AssertionError("nobody asked for the slice")


def context(folder: Path, *models: str, wall_seconds: int = 0) -> tuple[RunContext, dict[str, RecordingReporter]]:
    reporters = {model: RecordingReporter() for model in models}
    made = RunContext(
        plan=PLAN.model_copy(update={"limits": ResourceLimits(wall_seconds=wall_seconds)}),
        reporters=reporters,
        read_slice=unread,
        open_reader=InMemoryBroker().reader,
        start_process=lambda _plan: MeanModel(input_shape=[None, 2, 2]),
        scratch=folder,
    )
    return made, reporters


def test_each_part_has_a_folder_and_a_reporter_of_its_own(tmp_path: Path) -> None:
    run, reporters = context(tmp_path, "mean", "edge")
    parts = [run.part(), run.part("edge")]
    assert parts[0].folder != parts[1].folder
    parts[1].finished(OUTCOME)
    assert [reporter.order for reporter in reporters.values()] == [["running"], ["running", "finished"]]


def test_a_part_that_the_run_does_not_have_is_our_fault(tmp_path: Path) -> None:
    run, _ = context(tmp_path, "mean", "edge")
    with pytest.raises(BrokenError, match="no part 'cloud': it trains mean, edge"):
        run.part("cloud")


def test_a_version_is_reported_with_where_it_comes_from_and_its_files_start_again(tmp_path: Path) -> None:
    run, reporters = context(tmp_path, "mean")
    part = run.part()
    files = part.files
    whence = Whence(step=4, positions={("a", 0): 3, ("a", 1): 5, ("b", 0): 1})
    assert part.version_finished(OUTCOME, whence).version == 1
    # Reporting it again gives the same version.
    assert part.version_finished(OUTCOME, whence).version == 1
    assert part.files is not files
    part.finished(OUTCOME, whence)
    assert reporters["mean"].order == ["running", "version", "version", "finished"]
    assert reporters["mean"].positions == {"a": {"0": 3, "1": 5}, "b": {"0": 1}}


def test_a_checkpoint_comes_after_all_that_other_parts_reported(tmp_path: Path) -> None:
    run, reporters = context(tmp_path, "mean", "edge")
    part = run.part()
    reported: list[str] = []
    for name, reporter in reporters.items():
        reporter.flush = lambda name=name, **_: reported.append(name)  # type: ignore[method-assign]
    state = part.folder / "state.npz"
    state.write_bytes(b"state")
    reporters["mean"].checkpoint = lambda *_, **__: reported.append("checkpoint")  # type: ignore[assignment,method-assign]
    run.keep_checkpoint(part, Contents(step=1, state=state))
    assert reported == ["edge", "checkpoint"]


def test_sessions_share_the_wall_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("model_training.context.time.monotonic", lambda: now[0])
    run, _ = context(tmp_path, "mean", wall_seconds=60)
    with run.session() as first:
        first.build()
        now[0] += 40
        with run.session() as second:
            second.build()
            now[0] += 40
            for session in (first, second):
                with pytest.raises(DeadlineExceeded, match="limit of 60 s"):
                    session.build()
