"""Streams the digits to a deployment: ``python -m examples.digits.send_training_data --deployment 1``."""

from __future__ import annotations

import argparse

from datasources import RawSink
from examples.digits.data import Digits, load_digits


def send_training_data(digits: Digits, deployment_id: int, bootstrap_servers: str) -> None:
    """Send all images with their labels, then announce them; a sixth validates and a sixth tests."""
    with RawSink(
        bootstrap_servers=bootstrap_servers,
        topic="digits",
        deployment_id=deployment_id,
        description="scikit-learn's handwritten digits",
        validation_rate=0.15,
        test_rate=0.15,
    ) as sink:
        sink.send_array(digits.images, digits.labels)
    print(f"  {len(digits.labels)} images sent to topic digits and announced to deployment {deployment_id}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deployment", type=int, default=1, help="the number that Kafka-ML shows (default 1)")
    parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092")
    options = parser.parse_args()
    send_training_data(load_digits()[0], options.deployment, options.bootstrap_servers)
