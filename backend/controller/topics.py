"""TopicMaker: creates topics without holding up the controller while Kafka is unavailable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Protocol

from backend.inferences.services import TopicAdmin
from kafkaml.errors import BrokerTimeout
from kafkaml.starts import Start

__all__ = ["TopicMaker", "Topics"]

# A healthy cluster answers in milliseconds, and the controller should not wait for an unhealthy one.
_PATIENCE_SECONDS = 2.0


class Topics(Protocol):
    """The part of ``kafkaml.confluent.KafkaAdmin`` that is used."""

    def partition_count(self, name: str) -> int: ...

    def create_topic(self, name: str, *, partitions: int = 1, config: Mapping[str, str] | None = None) -> bool: ...

    def begin_at(self, group: str, topic: str, start: Start) -> None: ...


class TopicMaker(TopicAdmin):
    """Calls Kafka in a thread of its own; a slow call continues there, and the next request picks up its result."""

    def __init__(self, connect: Callable[[], Topics]) -> None:
        self._connect = connect
        self._admin: Topics | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="topics")
        self._under_way: dict[str, Future[int]] = {}

    def ensure_topic(self, topic: str, *, partitions: int, max_record_bytes: int = 0) -> int:
        """See TopicAdmin."""
        return self._in_time(f"topic {topic} is not made yet", self._ensure, topic, partitions, max_record_bytes)

    def begin_at(self, group: str, topic: str, start: Start) -> None:
        """See TopicAdmin."""
        self._in_time(f"group {group} has no place in topic {topic} yet", self._begin_at, group, topic, start)

    def _in_time(self, lacks: str, action: Callable[..., int], *arguments: Any) -> int:
        future = self._under_way.get(lacks)
        if future is None:
            if any(not future.done() for future in self._under_way.values()):
                raise BrokerTimeout(f"{lacks}: Kafka has not answered what was asked before")
            future = self._under_way[lacks] = self._pool.submit(action, *arguments)
        try:
            return future.result(_PATIENCE_SECONDS)
        except FutureTimeout as error:
            raise BrokerTimeout(
                f"{lacks}: Kafka did not answer within {_PATIENCE_SECONDS:g} s",
                hint="check that Kafka runs and can be reached",
            ) from error
        finally:
            if future.done():
                self._under_way.pop(lacks, None)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _connected(self) -> Topics:
        if self._admin is None:
            self._admin = self._connect()
        return self._admin

    def _begin_at(self, group: str, topic: str, start: Start) -> int:
        self._connected().begin_at(group, topic, start)
        return 0

    def _ensure(self, topic: str, partitions: int, max_record_bytes: int) -> int:
        admin = self._connected()
        count = admin.partition_count(topic)
        if count:
            return count
        config = {"max.message.bytes": str(max_record_bytes)} if max_record_bytes else None
        if admin.create_topic(topic, partitions=partitions, config=config):
            return partitions
        # Another process has created the topic in the meantime.
        return admin.partition_count(topic) or partitions
