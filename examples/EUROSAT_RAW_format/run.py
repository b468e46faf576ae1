"""The whole way of ``kafka-ml examples run EUROSAT_RAW_format``: land use seen from space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.EUROSAT_RAW_format.eurosat_data import load
from examples.EUROSAT_RAW_format.eurosat_dataset_training_example import send
from examples.journey import Classic, Effort, Score
from kafkaml.sdk import Client

EXAMPLE = Classic(
    "EUROSAT_RAW_format",
    Path(__file__).parent,
    topic="eurosat",
    load=load,
    send=send,
    batch_size=64,
    epochs=4,
    most=6_000,
    confusion_matrix=True,
    quick_count=120,
    quick_code={"WIDTH = 16": "WIDTH = 2"},
)


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Run the whole example; see ``Classic``."""
    return EXAMPLE.run(client, effort)
