"""Sends MNIST's test images to an inference, and shows what it answers:

python examples/MNIST_RAW_format/mnist_dataset_inference_example.py --inference 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.MNIST_RAW_format.mnist_data import load_mnist
from examples.scripts import arguments
from kafkaml.sdk import Client, Prediction


def main() -> int:
    """Predict ``--count`` images; returns 1 when some image could not be answered."""
    parser = arguments(__doc__, inference=True)
    parser.set_defaults(count=300)
    parser.add_argument("--digits", action="store_true", dest="offline", help="the same as --offline")
    options = parser.parse_args()
    _, test, what = load_mnist(digits=options.offline)
    print(what)
    images, labels = test.images[: options.count], test.labels[: options.count]
    with Client() as client:
        answers = client.inferences.predict_batch(options.inference, images)
    predicted = [answer.class_index if isinstance(answer, Prediction) else None for answer in answers]
    for number in range(min(10, len(answers))):
        print(f"image {number}: predicted {predicted[number]}, is {labels[number]}")
    right = sum(prediction == label for prediction, label in zip(predicted, labels, strict=True))
    refused = [answer for answer in answers if not isinstance(answer, Prediction)]
    print(f"{right} of {len(answers)} right ({right / max(1, len(answers)):.1%}), {len(refused)} without an answer")
    for error in refused[:3]:
        print(error)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
