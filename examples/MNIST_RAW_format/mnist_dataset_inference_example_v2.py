"""Shows what the edge of a distributed model hands up to the fog, where it is not sure: it sends nothing.

python examples/MNIST_RAW_format/mnist_dataset_inference_example_v2.py --topic minst-upper

A record is the edge's intermediate result: 64 float32 of 4 bytes, little-endian. (The program of Kafka-ML 1.0 with this
name decoded them as text, and failed.)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer


def handed_up(
    bootstrap_servers: str, topic: str, count: int, *, timeout_seconds: float = 60.0
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the first ``count`` records of the topic that a tier hands up to, (64,) each; fewer when no more come."""
    settings = {"group.id": f"watch-{topic}", "auto.offset.reset": "earliest", "isolation.level": "read_committed"}
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "enable.auto.commit": False, **settings})
    consumer.subscribe([topic])
    deadline = time.monotonic() + timeout_seconds
    try:
        while count and time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                yield np.frombuffer(message.value() or b"", "<f4")
                count -= 1
    finally:
        consumer.close()


def main() -> None:
    """Print the records that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092", help="(default 127.0.0.1:9092)")
    parser.add_argument("--topic", default="minst-upper", help="(default minst-upper)")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for them (default 60)")
    options = parser.parse_args()
    records = handed_up(options.bootstrap_servers, options.topic, options.count, timeout_seconds=options.timeout)
    seen = 0
    for numbers in records:
        seen += 1
        print(f"{numbers.nbytes} bytes: {len(numbers)} numbers, {int((numbers > 0).sum())} above 0, {numbers[:6]} ...")
    print(f"{seen} records of {options.topic}")


if __name__ == "__main__":
    main()
