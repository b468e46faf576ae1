"""Sends held-out digits to an inference and compares its answers:

python -m examples.digits.send_inference_data --inference 1
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt

from examples.digits.data import Digits, load_digits
from kafkaml.errors import DeadLettered
from kafkaml.sdk import Client


def predict_classes(client: Client, inference: int, digits: Digits) -> npt.NDArray[np.int64]:
    """Return the class that ``inference`` predicts for each image: (count,), int64.

    Raises AnswersMissing, a DeadlineExceeded, when an answer does not come, and DeadLettered when it cannot be given.
    """
    classes = []
    for answer in client.inferences.predict_batch(inference, digits.images):
        if isinstance(answer, DeadLettered):
            raise answer
        classes.append(answer.class_index)
    return np.array(classes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inference", type=int, default=1, help="the number that Kafka-ML shows (default 1)")
    held_out = load_digits()[1]
    with Client() as client:
        predicted = predict_classes(client, parser.parse_args().inference, held_out)
    print(f"{int((predicted == held_out.labels).sum())} of {len(predicted)} right")
