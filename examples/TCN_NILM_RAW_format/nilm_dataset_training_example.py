"""Streams two hours of a household with what its meters said to a deployment, for training:

python examples/TCN_NILM_RAW_format/nilm_dataset_training_example.py --deployment 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasources import RawSink
from examples.samples import Samples
from examples.scripts import train
from examples.TCN_NILM_RAW_format.nilm_data import load


def send(samples: Samples, deployment_id: int, bootstrap_servers: str, topic: str) -> None:
    """Send windows with the readings of the meters, a matrix as label, then announce them; 15 % validate, 15 % test."""
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
