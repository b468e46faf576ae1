"""The whole way of ``kafka-ml examples run TCN_NILM_RAW_format``: which appliance uses the current."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.journey import Classic, Effort, Score
from examples.TCN_NILM_RAW_format.nilm_data import load
from examples.TCN_NILM_RAW_format.nilm_dataset_training_example import send
from kafkaml.sdk import Client

EXAMPLE = Classic(
    "TCN_NILM_RAW_format",
    Path(__file__).parent,
    topic="nilm",
    load=load,
    send=send,
    batch_size=32,
    epochs=20,
    asked=100,
    quick_count=300,
)


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Run the whole example; see ``Classic``."""
    return EXAMPLE.run(client, effort)
