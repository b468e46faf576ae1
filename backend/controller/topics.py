"""TopicMaker: makes topics without holding up the controller while Kafka is away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Protocol

from kafkaml.errors import BrokerTimeout

__all__ = ["TopicMaker", "Topics"]

# A healthy cluster answers in milliseconds; the controller has other things to do than to wait for a sick one.
_PATIENCE_SECONDS = 2.0


class Topics(Protocol):
    """What is needed of ``kafkaml.confluent.KafkaAdmin``."""

    def partition_count(self, name: str) -> int: ...

    def create_topic(self, name: str, *, partitions: int = 1, config: Mapping[str, str] | None = None) -> bool: ...


class TopicMaker:
    """Calls Kafka in a thread of its own; what takes too long goes on there and is picked up when asked for again."""

    def __init__(self, connect: Callable[[], Topics]) -> None:
        self._connect = connect
        self._admin: Topics | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="topics")
        self._under_way: dict[str, Future[int]] = {}

    def ensure_topic(self, topic: str, *, partitions: int, max_record_bytes: int = 0) -> int:
        """Create ``topic`` when it does not exist; return how many partitions it has. Raises BrokerError.

        A topic that is created takes records of ``max_record_bytes``; 0: as the broker says.
        """
        future = self._under_way.get(topic)
        if future is None:
            if any(not each.done() for each in self._under_way.values()):
                raise BrokerTimeout(f"topic {topic} is not made yet: Kafka has not answered what was asked before")
            future = self._under_way[topic] = self._pool.submit(self._ensure, topic, partitions, max_record_bytes)
        try:
            count = future.result(_PATIENCE_SECONDS)
        except FutureTimeout as error:
            raise BrokerTimeout(
                f"topic {topic} is not made yet: Kafka did not answer within {_PATIENCE_SECONDS:g} s",
                hint="check that Kafka runs and can be reached",
            ) from error
        finally:
            if future.done():
                self._under_way.pop(topic, None)
        return count

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ensure(self, topic: str, partitions: int, max_record_bytes: int) -> int:
        if self._admin is None:
            self._admin = self._connect()
        count = self._admin.partition_count(topic)
        if count:
            return count
        config = {"max.message.bytes": str(max_record_bytes)} if max_record_bytes else None
        if self._admin.create_topic(topic, partitions=partitions, config=config):
            return partitions
        # Somebody else was faster.
        return self._admin.partition_count(topic) or partitions
