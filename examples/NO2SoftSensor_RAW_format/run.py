"""The whole way of ``kafka-ml examples run NO2SoftSensor_RAW_format``: a soft sensor of nitrate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.journey import Classic, Effort, Score
from examples.NO2SoftSensor_RAW_format.no2_data import load
from examples.NO2SoftSensor_RAW_format.no2_dataset_training_example import send
from kafkaml.sdk import Client

EXAMPLE = Classic(
    "NO2SoftSensor_RAW_format",
    Path(__file__).parent,
    topic="no2",
    load=load,
    send=send,
    batch_size=64,
    epochs=8,
)


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Run the whole example; see ``Classic``."""
    return EXAMPLE.run(client, effort)
