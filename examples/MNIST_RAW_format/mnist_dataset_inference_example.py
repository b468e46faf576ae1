"""Sends MNIST's test images to an inference, and shows what it answers:

python examples/MNIST_RAW_format/mnist_dataset_inference_example.py --input mnist-in --output mnist-out
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import orjson
from mnist_data import load_mnist

from kafkaml.confluent import KafkaRecordWriter
from kafkaml.confluent.tail import KafkaTail
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings


def main() -> int:
    """Predict ``--count`` images; returns 1 when an answer is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", default="mnist-in", help="input topic of the inference (default mnist-in)")
    parser.add_argument("--output", default="mnist-out", help="output topic of the inference (default mnist-out)")
    parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--digits", action="store_true", help="do not download MNIST, take scikit-learn's digits")
    options = parser.parse_args()
    _, test, what = load_mnist(digits=options.digits)
    print(what)
    images, labels = test.images[: options.count], test.labels[: options.count]
    settings = KafkaSettings(bootstrap_servers=options.bootstrap_servers)
    right = answers = 0
    # Watching begins before the first image is sent, so no answer is missed.
    with KafkaTail(settings, options.output) as predictions:
        writer = KafkaRecordWriter(settings)
        for number, image in enumerate(images):
            # The answer carries the key of its question.
            writer.write(OutgoingRecord(topic=options.input, value=image.tobytes(), key=str(number).encode()))
        writer.flush(30)
        writer.close()
        for record in predictions.records(idle_timeout_seconds=30):
            number = int(record.key or b"0")
            predicted = int(np.argmax(orjson.loads(record.value or b"{}")["values"]))
            right += predicted == labels[number]
            answers += 1
            if answers <= 10:
                print(f"image {number}: predicted {predicted}, is {labels[number]}")
            if answers == len(images):
                break
    print(f"{right} of {answers} right ({right / max(1, answers):.1%}), {len(images) - answers} without an answer")
    return 0 if answers == len(images) else 1


if __name__ == "__main__":
    sys.exit(main())
