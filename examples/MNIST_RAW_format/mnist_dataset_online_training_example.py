"""Streams MNIST to an incremental deployment, a third at a time:

python examples/MNIST_RAW_format/mnist_dataset_online_training_example.py --deployment 1

The model learns each part as it comes, and its score on images that it has not seen yet grows.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasources import OnlineRawSink
from examples.MNIST_RAW_format.mnist_data import load
from examples.samples import Samples
from examples.scripts import arguments


def send_in_parts(
    samples: Samples, deployment_id: int, bootstrap_servers: str, topic: str, *, parts: int = 3, pause: float = 30.0
) -> None:
    """Send the training images in ``parts``, with ``pause`` seconds between them; a tenth of each window validates."""
    with OnlineRawSink(
        bootstrap_servers=bootstrap_servers,
        topic=topic,
        deployment_id=deployment_id,
        description=samples.what,
        validation_rate=0.1,
    ) as sink:
        for part, rows in enumerate(np.array_split(np.arange(len(samples.labels)), parts)):
            if part and pause:
                print(f"a pause of {pause:g} s")
                time.sleep(pause)
            sink.send_array(samples.features[rows], samples.labels[rows])
            sink.flush()
            print(f"{sink.total_messages:,} images sent")


def main() -> None:
    """Send the images that the arguments ask for."""
    parser = arguments(__doc__, topic="mnist-online")
    parser.add_argument("--parts", type=int, default=3, help="how many parts (default 3)")
    parser.add_argument("--pause", type=float, default=30.0, help="seconds between two parts (default 30)")
    parser.add_argument("--digits", action="store_true", dest="offline", help="the same as --offline")
    options = parser.parse_args()
    samples = load(offline=options.offline, count=options.count)
    print(samples.what)
    send_in_parts(
        samples,
        options.deployment,
        options.bootstrap_servers,
        options.topic,
        parts=options.parts,
        pause=options.pause,
    )
    print(f"the last part is sent; deployment {options.deployment} ends when nothing comes for its stream timeout")


if __name__ == "__main__":
    main()
