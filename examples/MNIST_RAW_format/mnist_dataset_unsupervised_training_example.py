"""Streams MNIST to a semi-supervised deployment: a few images with labels, most without:

python examples/MNIST_RAW_format/mnist_dataset_unsupervised_training_example.py --deployment 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasources import RawSink
from examples.MNIST_RAW_format.mnist_data import load
from examples.scripts import arguments


def main() -> None:
    """Send every sixth image with its label, and the others without labels to a topic of their own."""
    parser = arguments(__doc__, topic="automl")
    parser.add_argument("--unsupervised-topic", default="unsupervised_automl")
    parser.add_argument("--digits", action="store_true", dest="offline", help="the same as --offline")
    options = parser.parse_args()
    samples = load(offline=options.offline, count=options.count)
    print(samples.what)
    with RawSink(
        bootstrap_servers=options.bootstrap_servers,
        topic=options.topic,
        deployment_id=options.deployment,
        description=samples.what,
        validation_rate=0.1,
        test_rate=0.1,
        unsupervised_topic=options.unsupervised_topic,
    ) as sink:
        labelled = len(samples.labels) // 6
        sink.send_array(samples.features[:labelled], samples.labels[:labelled])
        sink.unsupervised_send_array(samples.features[labelled:])
    others = len(samples.labels) - labelled
    print(f"{labelled} images sent with and {others} without a label, announced to deployment {options.deployment}")


if __name__ == "__main__":
    main()
