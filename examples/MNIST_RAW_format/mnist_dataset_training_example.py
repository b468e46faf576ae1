"""Streams MNIST to a deployment, for training; also to one of a distributed model (edge, fog and cloud):

python examples/MNIST_RAW_format/mnist_dataset_training_example.py --deployment 1
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasources import RawSink
from examples.MNIST_RAW_format.mnist_data import load_mnist
from examples.samples import Samples
from examples.scripts import arguments


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


def main() -> None:
    """Send training and test images together; the platform chooses which of them test."""
    parser = arguments(__doc__, topic="mnist")
    parser.add_argument("--digits", action="store_true", dest="offline", help="the same as --offline")
    options = parser.parse_args()
    train, test, what = load_mnist(digits=options.offline)
    print(what)
    images, labels = (np.concatenate(arrays)[: options.count] for arrays in zip(train, test, strict=True))
    began = time.monotonic()
    send(Samples(images, labels, *test, what, real=True), options.deployment, options.bootstrap_servers, options.topic)
    seconds = time.monotonic() - began
    print(f"{len(labels)} images sent in {seconds:.1f} s and announced to deployment {options.deployment}")


if __name__ == "__main__":
    main()
