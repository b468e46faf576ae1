"""The whole way of ``kafka-ml examples run MLGPARK_STREAM_RAW_format``: free places of car parks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.journey import Classic, Effort, Score
from examples.MLGPARK_STREAM_RAW_format.mlgpark_data import load
from examples.MLGPARK_STREAM_RAW_format.MLGPARK_dataset_training_example import send
from kafkaml.sdk import Client

EXAMPLE = Classic(
    "MLGPARK_STREAM_RAW_format",
    Path(__file__).parent,
    topic="mlgpark",
    load=load,
    send=send,
    batch_size=64,
    epochs=8,
)


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Run the whole example; see ``Classic``."""
    return EXAMPLE.run(client, effort)
