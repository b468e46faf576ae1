"""The parts of a chain, around a model without a process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kafkaml.errors import UserCodeError
from kafkaml.testing import InMemoryBroker, RecordingReporter
from kafkaml.wire.distributed import ChainTraining, SubModel
from kafkaml.wire.training import TrainingPlan
from model_training.context import RunContext
from model_training.modes import classic
from model_training.part import NothingServable
from tests.model_training.mean_model import MeanModel
from tests.model_training.test_classic import PLAN, data

NAMES = ("edge", "mean")


class ChainModel(MeanModel):
    """Two exits with the same answers; ``broken`` is the sub-model that cannot be saved."""

    def __init__(self) -> None:
        super().__init__(input_shape=[None, 2, 2])
        self.loss = {"kind": "classes", "ignored": None, "outputs": []}
        self.broken: int | None = None

    def _describe_part(self, params: Any, *_: Any) -> dict[str, Any]:
        outputs = [{"name": "up", "shape": [None, 3]}, {"name": "y", "shape": [None, 2]}]
        return {"input": [2, 2], "outputs": outputs[params["part"] :], "seconds_per_sample": 0.25}

    def _predict_scores(self, _params: Any, arrays: Any, *_: Any) -> dict[str, Any]:
        classes = self._classes(arrays["features"])
        arrays["out"][:, 0], arrays["out"][:, 1] = 0.75 - classes / 2, 0.25 + classes / 2
        return {}

    def _evaluate(self, params: Any, arrays: Any, *others: Any) -> dict[str, Any]:
        own = super()._evaluate(params, arrays, *others)["metrics"]["accuracy"]
        return {"metrics": {"loss": 3.0, "edge_loss": 1.0, "mean_loss": 2.0, "edge_mae": own, "mean_mae": own}}

    def _artifact_names(self, params: Any, *_: Any) -> dict[str, Any]:
        if params["part"] == self.broken:
            raise UserCodeError("no file can hold it")
        return super()._artifact_names(params)


def chain_plan() -> TrainingPlan:
    parts = tuple(
        SubModel(result_id=6 + number, model_name=name, code=f"{name} code", imports="")
        for number, name in enumerate(NAMES)
    )
    return PLAN.model_copy(update={"chain": parts, "chain_training": ChainTraining(metrics=("mae",))})


@pytest.fixture
def reporters() -> dict[str, RecordingReporter]:
    return {name: RecordingReporter() for name in NAMES}


def run(model: ChainModel, reporters: dict[str, RecordingReporter], folder: Path) -> None:
    context = RunContext(
        plan=chain_plan(),
        reporters=reporters,
        read_slice=lambda _on_progress: data(),
        open_reader=InMemoryBroker().reader,
        start_process=lambda _plan: model,
        scratch=folder,
    )
    classic.run(context)


def test_all_exits_are_evaluated_at_once_and_all_weights_are_saved_before_anything_is_tried(
    reporters: dict[str, RecordingReporter], tmp_path: Path
) -> None:
    model = ChainModel()
    run(model, reporters, tmp_path)
    methods = [method for method, _ in model.calls]
    assert methods.count("evaluate") == 1
    assert methods.index("check_answers") > max(index for index, method in enumerate(methods) if method == "save")
    outcomes = [reporters[name].outcome for name in NAMES]
    assert [outcome and outcome.test_metrics for outcome in outcomes] == [
        {"loss": 1.0, "mae": 1.0},
        {"loss": 2.0, "mae": 1.0, "total_loss": 3.0},
    ]
    assert [outcome and outcome.exit and outcome.exit.upper_bytes for outcome in outcomes] == [12, 0]
    assert [outcome and outcome.exit and outcome.exit.seconds_per_sample for outcome in outcomes] == [0.25, 0.25]
    assert json.loads(reporters["mean"].artifacts["exits.json"])["samples"] == 6
    assert reporters["edge"].order[-1] == reporters["mean"].order[-1] == "finished"


@pytest.mark.parametrize("broken", [0, 1])
def test_a_chain_of_which_one_sub_model_cannot_be_kept_tells_of_no_part_that_it_finished(
    reporters: dict[str, RecordingReporter], tmp_path: Path, broken: int
) -> None:
    model = ChainModel()
    model.broken, model.raises = broken, {"export_onnx": UserCodeError("does not convert")}
    with pytest.raises(NothingServable, match="no file can hold it") as caught:
        run(model, reporters, tmp_path)
    # The leader reports for the whole run.
    assert caught.value.outcome.test_metrics == {"loss": 2.0, "mae": 1.0, "total_loss": 3.0}
    assert not [name for name in NAMES if "finished" in reporters[name].order]


def test_a_sub_model_that_only_converts_is_kept_by_that(
    reporters: dict[str, RecordingReporter], tmp_path: Path
) -> None:
    model = ChainModel()
    model.broken = 0
    run(model, reporters, tmp_path)
    assert "model.onnx" in reporters["edge"].artifacts
    assert all("finished" in reporter.order for reporter in reporters.values())
