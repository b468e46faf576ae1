"""Counts the records of a topic, committed ones or all, and where they are readings, how many different ones:

python examples/seminar/count.py alarms
python examples/seminar/count.py alarms --uncommitted
"""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from confluent_kafka import Consumer, KafkaError

from examples.seminar.kafka import READER, arguments


def main() -> None:
    """Read the topic from its beginning to its end."""
    parser = arguments(__doc__)
    parser.add_argument("topic")
    parser.add_argument("--uncommitted", action="store_true", help="also what no transaction has committed")
    options = parser.parse_args()
    consumer = Consumer(
        {
            "bootstrap.servers": options.bootstrap_servers,
            "group.id": f"count-{uuid.uuid4()}",
            **READER,
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted" if options.uncommitted else "read_committed",
        }
    )
    left = set(consumer.list_topics(options.topic, timeout=30).topics[options.topic].partitions)
    consumer.subscribe([options.topic])
    count, numbers = 0, set()
    while left:
        message = consumer.poll(30)
        if message is None:
            sys.exit("Kafka does not answer")
        error = message.error()
        if error is None:
            count += 1
            numbers |= _numbers(message.value() or b"")
        elif error.code() == KafkaError._PARTITION_EOF:
            left.discard(message.partition())
        else:
            sys.exit(str(error))
    consumer.close()
    print(f"{count} records" + (f" of {len(numbers)} readings" if numbers else ""))


def _numbers(record: bytes) -> set[int]:
    """Return the number of a reading; None for any other record."""
    try:
        reading = json.loads(record)
    except ValueError:
        return set()
    return {reading["number"]} if isinstance(reading, dict) and "number" in reading else set()


if __name__ == "__main__":
    main()
