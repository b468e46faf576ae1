from __future__ import annotations

import math
import subprocess
import sys

import orjson
import pytest
from pydantic import ValidationError

from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange
from kafkaml.wire.choices import Split, TrainingMode
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.training import TrainingPlan

PLAN = TrainingPlan(
    result_id=1,
    deployment_id=2,
    model_name="tiny",
    framework=Framework.PYTORCH,
    mode=TrainingMode.CLASSIC,
    code="x = 1",
    imports="",
    batch_size=8,
    fit_arguments={"epochs": 2},
    evaluation_arguments={},
    stream=ControlMessage(ranges=(StreamRange("t", 0, 0, 8),), input_format=InputFormat.RAW),
    seed=3,
    confusion_matrix=False,
    split=Split.TIME,
    limits=ResourceLimits(wall_seconds=9),
)


def test_a_plan_comes_back_from_json_as_it_was() -> None:
    document = orjson.loads(orjson.dumps(PLAN.to_json()))
    assert document["stream"]["topic"] == "t:0:0:8"
    assert document["limits"]["wall_seconds"] == 9
    assert TrainingPlan.model_validate(document) == PLAN


def test_what_a_newer_sender_adds_is_ignored() -> None:
    document = PLAN.to_json()
    document["limits"] |= {"energy_joules": 1}
    assert TrainingPlan.model_validate({**document, "tomorrow": 1}) == PLAN


def test_metrics_that_are_not_finite_are_null_in_json_and_nan_in_python() -> None:
    metrics = EpochMetrics(epoch=1, seconds=0.5, training={"loss": math.nan, "mae": math.inf, "mse": 2})
    document = metrics.to_json()
    assert document["training"] == {"loss": None, "mae": None, "mse": 2.0}
    found = EpochMetrics.model_validate(document).training
    assert math.isnan(found["loss"])
    assert found["mse"] == 2


def test_messages_are_bounded_and_never_change() -> None:
    failure = Failure(category=FailureCategory.DATA, cause="x")
    with pytest.raises(ValidationError, match="frozen"):
        failure.cause = "y"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="at most 100000 characters"):
        Failure(category=FailureCategory.DATA, cause="x" * 100_001)


def test_what_user_code_raises_without_an_encoding_can_be_reported() -> None:
    assert Failure(category=FailureCategory.USER_CODE, cause="\ud800 and \0").cause == "\ufffd and \ufffd"


def test_what_is_read_before_a_process_has_time_takes_none() -> None:
    light = "choices, framework, limits, state"
    program = f"import sys; from kafkaml.wire import {light}; print('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"False\n"
