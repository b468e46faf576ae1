"""The whole way of ``kafka-ml examples run MNIST_RAW_format``: the tutorial's single models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.journey import Classic, Effort, Score
from examples.MNIST_RAW_format.mnist_data import load
from examples.MNIST_RAW_format.mnist_dataset_training_example import send
from kafkaml.sdk import Client

EXAMPLE = Classic("MNIST_RAW_format", Path(__file__).parent, topic="mnist", load=load, send=send, confusion_matrix=True)


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Run the whole example; see ``Classic``."""
    return EXAMPLE.run(client, effort)
