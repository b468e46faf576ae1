"""Settings of the Kafka clients that all of this package share, each with the reason for deviating from the default."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from typing import Any

from kafkaml.confluent.errors import ClientLog
from kafkaml.settings import KafkaSettings

__all__ = [
    "MAX_RECORD_BYTES",
    "LossWatch",
    "RecordSizes",
    "client_config",
    "consumer_config",
    "member_config",
    "producer_config",
]

# Lines of librdkafka go to this logger, which gives them our format and level. Otherwise librdkafka writes to standard
# error.
_logger = logging.getLogger("kafkaml.confluent.client")

# The client retries an unavailable broker several times a second, with the same complaint each time.
_REPEAT_SECONDS = 30.0
_CHANGING_WORDS = re.compile(r"\(after \d+ms|\[[^]]*\]|\d+ identical error")


class _OnceInAWhile(logging.Filter):
    """Lets a complaint of the client through once in half a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        text = _CHANGING_WORDS.sub("", record.getMessage())
        now = time.monotonic()
        if now - self._last.get(text, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
            return False
        # Bound the set. A client has few different complaints, so beyond a hundred all are forgotten.
        if len(self._last) > 100:
            self._last.clear()
        self._last[text] = now
        return True


_logger.addFilter(_OnceInAWhile())


class LossWatch:
    """A client's logger that counts the requests or connections that it has lost, of which the client only logs.

    A client logs the first loss of a kind, and repetitions once in half a minute.
    """

    def __init__(self) -> None:
        self.losses = 0

    def log(self, level: int, message: str, *values: object) -> None:
        """Take a line of the client: its topic, the client's name, and the text."""
        topic, text = values[0], str(values[-1])
        # In another state of the connection, no request of ours was under way.
        self.losses += topic == "REQTMOUT" or (topic == "FAIL" and "in state UP" in text)
        # A coordinator that only begins to serve is asked again at once. What lasts is raised.
        passing = topic == "GETPID" and text.endswith("retrying")
        _logger.log(logging.DEBUG if passing else level, message, *values)


# Largest record that is sent. The embedded broker takes this much; a broker with a lower limit refuses it itself.
MAX_RECORD_BYTES = 16 << 20

_HEARTBEAT_SECONDS = 0.5

_BATCH_BYTES = 1 << 20
_MIN_BATCH_BYTES = 16 << 10


@dataclass(frozen=True)
class RecordSizes:
    """How large records and batches of records may be for a producer; ``topic_bytes``: the largest batch that their
    topic takes.

    The broker measures batches, and the client does not split a refused one.
    """

    record_bytes: int = MAX_RECORD_BYTES
    topic_bytes: int | None = None

    def to_config(self) -> dict[str, Any]:
        batch = _BATCH_BYTES if self.topic_bytes is None else self.topic_bytes * 9 // 10
        return {
            "message.max.bytes": self.record_bytes,
            "batch.size": max(_MIN_BATCH_BYTES, min(_BATCH_BYTES, batch)),
            # The size of the queue bounds the memory of unsent records.
            "queue.buffering.max.kbytes": max(128 << 10, 2 * self.record_bytes >> 10),
        }


def client_config(settings: KafkaSettings, log: ClientLog) -> dict[str, Any]:
    """Return the settings that every client needs."""
    return {
        **settings.client_config(),
        "client.id": "kafka-ml",
        "logger": _logger,
        "error_cb": log,
        "log.connection.close": False,
        # A broker that comes back is found within a second, not ten.
        "reconnect.backoff.max.ms": 1000,
        # A topic that is created after the client started is noticed within seconds, not five minutes.
        "topic.metadata.refresh.interval.ms": 5000,
        "socket.keepalive.enable": True,
        # Small requests go out at once, because they determine the latency of an exactly-once commit.
        "socket.nagle.disable": True,
    }


def consumer_config(settings: KafkaSettings, log: ClientLog, *, group: str) -> dict[str, Any]:
    """Return the settings that every consumer needs: committed records only, positions committed explicitly only."""
    return {
        **client_config(settings, log),
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "allow.auto.create.topics": False,
        # Pause before a full local queue is checked again. With the default of one second the consumer would idle.
        "fetch.queue.backoff.ms": 5,
        "fetch.error.backoff.ms": 100,
        "fetch.message.max.bytes": 4 << 20,
        "fetch.max.bytes": 64 << 20,
        "receive.message.max.bytes": 128 << 20,
    }


def member_config(
    settings: KafkaSettings, log: ClientLog, *, group: str, session_timeout_seconds: float, poll_seconds: float
) -> dict[str, Any]:
    """Return the settings of a consumer that shares partitions with others; ``poll_seconds`` is the longest time
    between two polls.

    A member hears of a rebalance by its next heartbeat, and a cooperative one has two of them: with heartbeats every
    half second a second replica has its share after one second, every 2.5 s after five.
    """
    return {
        **consumer_config(settings, log, group=group),
        "session.timeout.ms": int(session_timeout_seconds * 1000),
        "heartbeat.interval.ms": int(min(_HEARTBEAT_SECONDS, session_timeout_seconds / 4) * 1000),
        "max.poll.interval.ms": int(poll_seconds * 1000),
    }


def producer_config(settings: KafkaSettings, log: ClientLog, sizes: RecordSizes | None = None) -> dict[str, Any]:
    """Return the settings of every producer: each record written once, in order, acknowledged by all replicas."""
    return {
        **client_config(settings, log),
        **(sizes or RecordSizes()).to_config(),
        "enable.idempotence": True,
        "acks": "all",
        "queue.buffering.max.messages": 1_000_000,
        # This partitioner chooses the same partition for a key as the Java client and the old sinks.
        "partitioner": "murmur2_random",
    }
