"""Streams images of EuroSAT to a deployment, for training:

python examples/EUROSAT_RAW_format/eurosat_dataset_training_example.py --deployment 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasources import RawSink
from examples.EUROSAT_RAW_format.eurosat_data import load
from examples.samples import Samples
from examples.scripts import train


def send(samples: Samples, deployment_id: int, bootstrap_servers: str, topic: str) -> None:
    """Send images with their labels, then announce them; a tenth validates, a tenth tests."""
    with RawSink(
        bootstrap_servers=bootstrap_servers,
        topic=topic,
        deployment_id=deployment_id,
        description=samples.what,
        validation_rate=0.1,
        test_rate=0.1,
    ) as sink:
        sink.send_array(samples.features, samples.labels)


if __name__ == "__main__":
    train(__doc__, load, send)
