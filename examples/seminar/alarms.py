"""Reads readings, and writes those that are too warm to another topic: exactly once, even if a process dies at any
moment.

python examples/seminar/alarms.py iot alarms
python examples/seminar/alarms.py iot alarms --crash-after 3
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from confluent_kafka import Consumer, Producer

from examples.seminar.kafka import QUIET, READER, arguments

_BATCH = 10


def main() -> None:
    """Go on from the group's committed offsets, until no record came for a while."""
    parser = arguments(__doc__)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--group", default="alarms", help="the consumer group (default alarms)")
    parser.add_argument("--above", type=float, default=22.0, help="degrees that are too warm (default 22)")
    parser.add_argument("--idle", type=float, default=5.0, metavar="SECONDS", help="end after so long without records")
    parser.add_argument("--crash-after", type=int, metavar="N", help="die in the N-th transaction, before its commit")
    options = parser.parse_args()
    servers = {"bootstrap.servers": options.bootstrap_servers}
    consumer = Consumer({**servers, "group.id": options.group, **READER})
    # Another program with the same name ends the transaction that this one leaves open when it dies.
    producer = Producer({**servers, "transactional.id": options.group, **QUIET})
    producer.init_transactions()
    consumer.subscribe([options.source])
    transactions, idle = 0, 0.0
    while idle < options.idle:
        messages = [polled for polled in consumer.consume(_BATCH, timeout=0.5) if polled.error() is None]
        if not messages:
            # Partitions are assigned only after the dead predecessor's session has timed out.
            idle += 0.5 if consumer.assignment() else 0
            continue
        idle = 0.0
        transactions += 1
        producer.begin_transaction()
        for message in messages:
            reading = json.loads(message.value() or b"{}")
            if reading["temperature"] > options.above:
                producer.produce(options.target, message.value(), message.key())
        if transactions == options.crash_after:
            # The alarms are in the log before the commit, but readers of committed records do not see them.
            producer.flush()
            print("crash!", flush=True)
            os._exit(1)
        # The transaction commits the alarms and the offsets together, or neither.
        places = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(places, consumer.consumer_group_metadata())
        producer.commit_transaction()
    consumer.close()
    print(f"{transactions} transactions")


if __name__ == "__main__":
    main()
