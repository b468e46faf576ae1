"""Sends held-out digits to an inference and compares its answers:

python -m examples.digits.send_inference_data --input digits-1-in --output digits-1-digits-keras-out
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import orjson

from examples.digits.data import Digits, load_digits
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.confluent.tail import KafkaTail
from kafkaml.errors import DeadlineExceeded
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings

_ANSWER_TIMEOUT_SECONDS = 60.0


def predict_through_kafka(
    digits: Digits, input_topic: str, output_topics: Sequence[str], bootstrap_servers: str
) -> dict[str, npt.NDArray[np.int64]]:
    """Send the images once and return, per output topic, the predicted class of each: (count,), int64.

    The key says which image an answer belongs to. Raises DeadlineExceeded when an answer is missing.
    """
    settings = KafkaSettings(bootstrap_servers=bootstrap_servers)
    tails = {topic: KafkaTail(settings, topic) for topic in output_topics}
    writer = KafkaRecordWriter(settings)
    for number, image in enumerate(digits.images):
        writer.write(OutgoingRecord(topic=input_topic, value=image.tobytes(), key=str(number).encode()))
    writer.flush(30)
    writer.close()
    return {topic: _collect(tail, topic, len(digits.images)) for topic, tail in tails.items()}


def _collect(tail: KafkaTail, topic: str, count: int) -> npt.NDArray[np.int64]:
    classes: dict[int, int] = {}
    with tail:
        for record in tail.records(idle_timeout_seconds=_ANSWER_TIMEOUT_SECONDS):
            classes[int(record.key or b"-1")] = int(np.argmax(orjson.loads(record.value or b"")["values"]))
            if len(classes) == count:
                return np.array([classes[number] for number in range(count)])
    raise DeadlineExceeded(
        f"{len(classes)} of {count} predictions came in {topic}", hint=f"is there something in {topic}.dlq?"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", required=True, help="input topic of the inference")
    parser.add_argument("--output", required=True, help="output topic of the inference")
    parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092")
    options = parser.parse_args()
    held_out = load_digits()[1]
    predicted = predict_through_kafka(held_out, options.input, [options.output], options.bootstrap_servers)[
        options.output
    ]
    print(f"{int((predicted == held_out.labels).sum())} of {len(predicted)} right")
