"""Sends readings of sensors, one JSON record each, and says where Kafka put each and after how long:

python examples/seminar/producer.py iot --count 100
python examples/seminar/producer.py iot --count 100 --no-keys
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from confluent_kafka import Producer

from examples.seminar.kafka import QUIET, arguments


def main() -> None:
    """Send the readings that the arguments ask for."""
    parser = arguments(__doc__)
    parser.add_argument("topic")
    parser.add_argument("--count", type=int, default=100, help="how many records (default 100)")
    parser.add_argument("--sensors", type=int, default=6, help="of how many sensors (default 6)")
    parser.add_argument("--every", type=float, default=0.0, metavar="SECONDS", help="pause between two (default none)")
    parser.add_argument("--no-keys", action="store_true", help="leave the key out")
    parser.add_argument("--quiet", action="store_true", help="print the sums alone")
    options = parser.parse_args()
    producer = Producer({"bootstrap.servers": options.bootstrap_servers, "enable.idempotence": True, **QUIET})
    partitions: Counter[int] = Counter()

    def delivered(error: Any, message: Any) -> None:
        if error is not None:
            sys.exit(f"Kafka did not take a record: {error}")
        partitions[message.partition()] += 1
        if not options.quiet:
            key = "-" if message.key() is None else message.key().decode()
            milliseconds = 1000 * message.latency()
            print(f"partition {message.partition()}, offset {message.offset():4}, key {key}, {milliseconds:.1f} ms")

    for number in range(options.count):
        sensor = f"sensor-{number % options.sensors + 1}"
        reading = {"sensor": sensor, "number": number, "temperature": round(random.gauss(20, 3), 1)}
        producer.produce(options.topic, json.dumps(reading), None if options.no_keys else sensor, on_delivery=delivered)
        # poll calls ``delivered`` for the records that Kafka has acknowledged meanwhile.
        producer.poll(0)
        time.sleep(options.every)
    producer.flush()
    print(
        "records by partition:", ", ".join(f"{partition}: {partitions[partition]}" for partition in sorted(partitions))
    )


if __name__ == "__main__":
    main()
