"""Streams MNIST to a deployment, for training:

python examples/MNIST_RAW_format/mnist_dataset_training_example.py --deployment 1
"""

from __future__ import annotations

import argparse
import time

from mnist_data import load_mnist

from datasources import RawSink


def main() -> None:
    """Send training and test images with their labels; the last part of them validates and tests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployment", type=int, default=1, help="the number that Kafka-ML shows (default 1)")
    parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092")
    parser.add_argument("--topic", default="mnist")
    parser.add_argument("--digits", action="store_true", help="do not download MNIST, take scikit-learn's digits")
    options = parser.parse_args()
    train, test, what = load_mnist(digits=options.digits)
    print(what)
    began = time.monotonic()
    sink = RawSink(
        bootstrap_servers=options.bootstrap_servers,
        topic=options.topic,
        deployment_id=options.deployment,
        description=what,
        validation_rate=0.1,
        test_rate=0.1,
    )
    for images, labels in (train, test):
        sink.send_array(images, labels)
    # Closing waits for every acknowledgement, and then announces the stream to the deployment.
    sink.close()
    seconds = time.monotonic() - began
    print(f"{sink.total_messages} images sent in {seconds:.1f} s and announced to deployment {options.deployment}")


if __name__ == "__main__":
    main()
