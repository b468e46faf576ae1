"""Sends MNIST's test images to an inference, and shows what it answers:

python examples/MNIST_RAW_format/mnist_dataset_inference_example.py --inference 1
"""

from __future__ import annotations

import argparse
import sys

from mnist_data import load_mnist

from kafkaml.sdk import Client, Prediction


def main() -> int:
    """Predict ``--count`` images; returns 1 when one could not be answered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inference", type=int, default=1, help="the number that Kafka-ML shows (default 1)")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--digits", action="store_true", help="do not download MNIST, take scikit-learn's digits")
    options = parser.parse_args()
    _, test, what = load_mnist(digits=options.digits)
    print(what)
    images, labels = test.images[: options.count], test.labels[: options.count]
    with Client() as client:
        answers = client.inferences.predict_batch(options.inference, images)
    predicted = [answer.class_index if isinstance(answer, Prediction) else None for answer in answers]
    for number in range(min(10, len(answers))):
        print(f"image {number}: predicted {predicted[number]}, is {labels[number]}")
    right = sum(each == label for each, label in zip(predicted, labels, strict=True))
    refused = [answer for answer in answers if not isinstance(answer, Prediction)]
    print(f"{right} of {len(answers)} right ({right / max(1, len(answers)):.1%}), {len(refused)} without an answer")
    for error in refused[:3]:
        print(error)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
