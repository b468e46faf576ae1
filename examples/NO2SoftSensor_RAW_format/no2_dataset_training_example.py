"""Streams measurements of rivers with their nitrate to a deployment, for training:

python examples/NO2SoftSensor_RAW_format/no2_dataset_training_example.py --deployment 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasources import RawSink
from examples.NO2SoftSensor_RAW_format.no2_data import load
from examples.samples import Samples
from examples.scripts import train


def send(samples: Samples, deployment_id: int, bootstrap_servers: str, topic: str) -> None:
    """Send measurements with their nitrate, then announce them; 15 % validate, 15 % test."""
    with RawSink(
        bootstrap_servers=bootstrap_servers,
        topic=topic,
        deployment_id=deployment_id,
        description=samples.what,
        validation_rate=0.15,
        test_rate=0.15,
    ) as sink:
        sink.send_array(samples.features, samples.labels)


if __name__ == "__main__":
    train(__doc__, load, send)
