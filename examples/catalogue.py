"""The examples that ``kafka-ml examples`` lists and runs. The module imports no package that an example needs."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from examples.journey import Effort, Score
    from kafkaml.sdk import Client

__all__ = ["EXAMPLES", "Listed", "find"]


@dataclass(frozen=True)
class Listed:
    """An example: ``module`` has ``run(client, effort)``; ``folder`` has its README and programs.

    ``minutes`` is about how long a run takes on two cores in both frameworks without internet.
    """

    name: str
    about: str
    minutes: float
    data: str
    module: str = "run"
    folder_name: str = ""
    frameworks: tuple[str, ...] = ("tensorflow", "pytorch")

    @property
    def folder(self) -> Path:
        """The folder of its README and its programs."""
        return Path(__file__).parent / (self.folder_name or self.name)

    def run(self, client: Client, effort: Effort) -> Sequence[Score]:
        """Run the whole example on a running platform; returns how good the models are."""
        module = importlib.import_module(f"examples.{self.folder.name}.{self.module}")
        scores: Sequence[Score] = module.run(client, effort)
        return scores


EXAMPLES = (
    Listed("digits", "handwritten digits of 8x8 pixels: the demo, in half a minute", 0.5, "real, of scikit-learn"),
    Listed("machines", "a JSON topic as data set: windows of ten readings, failing or not", 1, "generated"),
    Listed(
        "MNIST_RAW_format", "the tutorial: handwritten digits as bytes", 1, "MNIST, otherwise scikit-learn's digits"
    ),
    Listed(
        "MNIST_online",
        "incremental training: the digits a third at a time, learnt as they come",
        1.5,
        "MNIST, otherwise scikit-learn's digits",
        module="run_online",
        folder_name="MNIST_RAW_format",
    ),
    Listed(
        "MNIST_tiers",
        "a distributed model: edge, fog and cloud; each answers what it is sure of",
        2,
        "MNIST, otherwise scikit-learn's digits",
        module="run_tiers",
        folder_name="MNIST_RAW_format",
    ),
    Listed(
        "VGG16_CIFAR10_RAW_format",
        "a deep convolutional network on small colour images",
        4,
        "CIFAR-10, otherwise patches of photographs",
    ),
    Listed("EUROSAT_RAW_format", "land use seen from space", 6, "EuroSAT, otherwise patches of photographs"),
    Listed("SO2SAT_RAW_format", "local climate zones seen from space", 4, "So2Sat (a file), otherwise patches"),
    Listed("HCOPD_Avro_format", "a diagnosis from three numbers, in Avro records", 1, "Exasens, otherwise generated"),
    Listed("MLGPARK_STREAM_RAW_format", "free places of car parks: a regression", 1, "generated"),
    Listed(
        "NO2SoftSensor_RAW_format",
        "a soft sensor of nitrate: what a model cannot tell, however it is trained",
        1,
        "rivers, otherwise generated as hard",
    ),
    Listed(
        "TCN_NILM_RAW_format",
        "which appliance uses the current: a matrix as label",
        1,
        "UCI household, otherwise generated",
    ),
    Listed("river_soft_sensor", "absurd values, scaling, and the median: the seminar's river", 1.5, "generated"),
    Listed("flights_malaga", "where aircraft go, predicted from how they fly, on a live map", 1, "generated"),
)

# Former names of examples, and names that people type by mistake.
_OTHER_NAMES = {"minst_raw_format": "mnist_raw_format", "mnist": "mnist_raw_format"}


def find(name: str) -> Listed | None:
    """Return the example of a name, ignoring case; None when there is none."""
    wanted = _OTHER_NAMES.get(name.lower(), name.lower())
    return next((example for example in EXAMPLES if example.name.lower() == wanted), None)
