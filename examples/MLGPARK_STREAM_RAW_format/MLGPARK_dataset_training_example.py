"""Streams moments of car parks with their free places to a deployment, for training:

python examples/MLGPARK_STREAM_RAW_format/MLGPARK_dataset_training_example.py --deployment 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasources import RawSink
from examples.MLGPARK_STREAM_RAW_format.mlgpark_data import load
from examples.samples import Samples
from examples.scripts import train


def send(samples: Samples, deployment_id: int, bootstrap_servers: str, topic: str) -> None:
    """Send moments with their free places, then announce them; a tenth validates, a tenth tests."""
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
