"""The whole way of ``kafka-ml examples run VGG16_CIFAR10_RAW_format``: a deep network on small colour images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.journey import Classic, Effort, Score
from examples.VGG16_CIFAR10_RAW_format.cifar10_data import load
from examples.VGG16_CIFAR10_RAW_format.vgg16_training_example import send
from kafkaml.sdk import Client

EXAMPLE = Classic(
    "VGG16_CIFAR10_RAW_format",
    Path(__file__).parent,
    topic="vgg",
    load=load,
    send=send,
    batch_size=64,
    epochs=4,
    most=12_000,
    confusion_matrix=True,
    quick_count=120,
    quick_code={"WIDTH = 16": "WIDTH = 2"},
)


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Run the whole example; see ``Classic``."""
    return EXAMPLE.run(client, effort)
