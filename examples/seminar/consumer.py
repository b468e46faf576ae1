"""Reads a topic as one of a group, and commits how far it is after each ten records:

python examples/seminar/consumer.py iot --group class
python examples/seminar/consumer.py iot --group class --crash-after 25
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from confluent_kafka import Consumer

from examples.seminar.kafka import READER, arguments

_COMMIT_EVERY = 10


def main() -> None:
    """Read as the arguments say, until Ctrl-C or until no record came for a while."""
    parser = arguments(__doc__)
    parser.add_argument("topic")
    parser.add_argument("--group", default="class", help="the consumer group (default class)")
    parser.add_argument("--idle", type=float, default=60.0, metavar="SECONDS", help="end after so long without records")
    parser.add_argument("--crash-after", type=int, metavar="N", help="die after N records, as by kill -9")
    options = parser.parse_args()
    consumer = Consumer({"bootstrap.servers": options.bootstrap_servers, "group.id": options.group, **READER})

    def assigned(_: Any, partitions: Any) -> None:
        print(f"this consumer reads partitions {sorted(partition.partition for partition in partitions)}", flush=True)

    consumer.subscribe([options.topic], on_assign=assigned)
    count, idle = 0, 0.0
    try:
        while idle < options.idle:
            message = consumer.poll(0.5)
            if message is None or message.error() is not None:
                # Partitions are assigned once all members of the group have answered, or have timed out.
                idle += 0.5 if consumer.assignment() else 0
                continue
            idle = 0.0
            count += 1
            text = (message.value() or b"").decode()
            print(f"{count:4}: partition {message.partition()}, offset {message.offset():4}: {text}")
            if count == options.crash_after:
                print("crash!", flush=True)
                os._exit(1)
            if count % _COMMIT_EVERY == 0:
                consumer.commit(asynchronous=False)
                print("committed", flush=True)
        if count % _COMMIT_EVERY:
            consumer.commit(asynchronous=False)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    print(f"{count} records")


if __name__ == "__main__":
    main()
