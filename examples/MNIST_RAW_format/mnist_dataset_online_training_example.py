"""Streams MNIST to an incremental deployment, a third at a time:

python examples/MNIST_RAW_format/mnist_dataset_online_training_example.py --deployment 1

The model learns each part as it comes, and its score on images that it has not seen yet grows.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from mnist_data import load_mnist

from datasources import OnlineRawSink


def main() -> None:
    """Send the training images in parts, with pauses between them; a tenth of each window validates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployment", type=int, default=1, help="the number that Kafka-ML shows (default 1)")
    parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092")
    parser.add_argument("--topic", default="mnist-online")
    parser.add_argument("--parts", type=int, default=3, help="how many parts (default 3)")
    parser.add_argument("--pause", type=float, default=30.0, help="seconds between two parts (default 30)")
    parser.add_argument("--digits", action="store_true", help="do not download MNIST, take scikit-learn's digits")
    options = parser.parse_args()
    train, _, what = load_mnist(digits=options.digits)
    print(what)
    with OnlineRawSink(
        bootstrap_servers=options.bootstrap_servers,
        topic=options.topic,
        deployment_id=options.deployment,
        description=what,
        validation_rate=0.1,
    ) as sink:
        for part, rows in enumerate(np.array_split(np.arange(len(train.images)), options.parts)):
            if part:
                print(f"a pause of {options.pause:g} s")
                time.sleep(options.pause)
            sink.send_array(train.images[rows], train.labels[rows])
            sink.flush()
            print(f"{sink.total_messages:,} images sent")
    print(f"the last part is sent; deployment {options.deployment} ends when nothing comes for its stream timeout")


if __name__ == "__main__":
    main()
