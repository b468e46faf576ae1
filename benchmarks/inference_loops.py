"""What the inference benchmarks share: messages, the exactly-once echo (the floor), the loops of the old system.

The floor reads and writes the same bytes in the same transactions and computes nothing in between. The old loop polls
one message, predicts it, writes JSON, and flushes and commits after every sixteen.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from benchmarks.context import Context
from kafkaml.confluent.errors import ClientLog
from kafkaml.confluent.positions import committed_positions
from mlcode_executor.runtimes import OwnRuntime
from tests.fork_servers import running_fork_server
from tests.model_inference.replicas import InferenceUnderTest

__all__ = [
    "PARTITIONS",
    "SAMPLE_SHAPE",
    "EchoLoop",
    "Throughput",
    "fill",
    "measure_group",
    "measure_replica",
    "old_loop",
    "running_replica",
    "warm_state",
]

PARTITIONS = 4
SAMPLE_SHAPE = (28, 28)
_ANSWER = b'{"values":[' + b",".join([b"0.12345678"] * 10) + b"]}"
_CONSTANT_HEADERS = [("kml-inference", b"5"), ("kml-result", b"12"), ("kml-version", b"v1")]
_COMMIT_EVERY = 16
_TIMEOUT_SECONDS = 300.0


def images(count: int) -> list[bytes]:
    """Return ``count`` random images as the messages carry them."""
    random = np.random.default_rng(0)
    return [image.tobytes() for image in random.integers(0, 256, (count, *SAMPLE_SHAPE), dtype=np.uint8)]


def fill(context: Context, count: int, *, partitions: int = PARTITIONS) -> str:
    """Create a topic with ``count`` keyed images and return its name."""
    values = images(1000)
    records = ((values[number % 1000], b"%d" % number) for number in range(count))
    return context.fill(records, partitions=partitions, name="images")


@dataclass
class EchoLoop:
    """Answers every record with the same bytes, exactly once, and commits as our loop does.

    ``commit_seconds`` 0 commits after every batch, as soon as the input is drained. With ``upper`` (a topic, a value)
    each third record is answered with that value in that topic.
    """

    bootstrap_servers: str
    topic: str
    output: str
    commit_seconds: float
    upper: tuple[str, bytes] | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        name = f"echo-{uuid.uuid4().hex}"
        self._producer = Producer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "transactional.id": name,
                "linger.ms": 1,
                "retry.backoff.ms": 2,
                "batch.num.messages": 10_000,
                "queue.buffering.max.messages": 1_000_000,
                "socket.nagle.disable": True,
            }
        )
        self._producer.init_transactions()
        self._consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "group.id": name,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.queue.backoff.ms": 5,
                "fetch.message.max.bytes": 4 << 20,
                "socket.nagle.disable": True,
            }
        )
        self._consumer.subscribe([self.topic])
        self._source = self.topic.encode()

    def run(self, count: int) -> float:
        """Echo ``count`` records, or until ``stop``; returns records per second, counted from the first record."""
        done, began, committed = 0, 0.0, 0.0
        self._producer.begin_transaction()
        try:
            while done < count and not self.stop.is_set():
                messages = self._poll()
                if not messages:
                    continue
                if not began:
                    began = committed = time.perf_counter()
                for message in messages:
                    self._answer(message)
                done += len(messages)
                if time.perf_counter() - committed >= self.commit_seconds or done >= count:
                    self._commit()
                    committed = time.perf_counter()
            return done / (time.perf_counter() - began) if began else 0.0
        finally:
            self._consumer.close()

    def _poll(self) -> list[Message]:
        messages = self._consumer.consume(1024, 0)
        if not messages:
            first = self._consumer.poll(0.2)
            messages = [] if first is None else [first, *self._consumer.consume(1023, 0)]
        return messages

    def _answer(self, message: Message) -> None:
        partition = message.partition() or 0
        offset = message.offset() or 0
        source = b"%b/%d/%d" % (self._source, partition, offset)
        topic, answer = (self.output, _ANSWER) if self.upper is None or offset % 3 else self.upper
        self._producer.produce(
            topic,
            answer,
            message.key(),
            partition=partition,
            timestamp=message.timestamp()[1],
            headers=[*(message.headers() or ()), ("kml-source", source), *_CONSTANT_HEADERS],
        )

    def _commit(self) -> None:
        positions = self._consumer.position(self._consumer.assignment())
        self._producer.send_offsets_to_transaction(positions, self._consumer.consumer_group_metadata())
        self._producer.commit_transaction()
        self._producer.begin_transaction()


def old_loop(
    bootstrap_servers: str, topic: str, output: str, count: int, predict: Callable[[np.ndarray[Any, Any]], list[float]]
) -> float:
    """Answer ``count`` messages as the old system does; returns messages per second, counted from the first message."""
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"old-{uuid.uuid4().hex}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    done, began = 0, 0.0
    while done < count:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        began = began or time.perf_counter()
        sample = np.frombuffer(message.value() or b"", np.uint8).reshape(1, *SAMPLE_SHAPE)
        producer.produce(output, json.dumps({"values": predict(sample)}).encode())
        done += 1
        if done % _COMMIT_EVERY == 0:
            producer.flush()
            consumer.commit(asynchronous=False)
    producer.flush()
    seconds = time.perf_counter() - began
    consumer.close()
    return done / seconds


@contextlib.contextmanager
def warm_state(context: Context, name: str) -> Iterator[Path]:
    """Yield a state folder with a warm ONNX fork server, as a running platform has."""
    folder = context.folder / f"{name}-{uuid.uuid4().hex[:6]}"
    (folder / "run").mkdir(parents=True)
    with running_fork_server(OwnRuntime.ONNX, "auto") as server:
        (folder / "run" / "fork-onnx.sock").symlink_to(server.socket)
        yield folder


@contextlib.contextmanager
def running_replica(
    context: Context, topic: str, model: bytes, *, plan_fields: Mapping[str, Any] | None = None
) -> Iterator[InferenceUnderTest]:
    """Run one real replica (``python -m model_inference``) that answers the images of ``topic`` with ``model``."""
    shape = " ".join(map(str, SAMPLE_SHAPE))
    fields = {"input_config": {"data_type": "uint8", "data_reshape": shape}} | dict(plan_fields or {})
    with (
        warm_state(context, "inference") as folder,
        InferenceUnderTest(folder, context.bootstrap_servers, topic, {"model.onnx": model}, fields) as inference,
    ):
        inference.start()
        yield inference


@dataclass(frozen=True)
class Throughput:
    """Records per second between two readings of the committed positions, and the number of these records."""

    per_second: float
    records: int


def measure_replica(
    context: Context, topic: str, model: bytes, count: int, *, plan_fields: Mapping[str, Any] | None = None
) -> Throughput:
    """Let one replica answer the ``count`` records of ``topic`` with a fresh group, and time it from outside.

    The time runs from the replica's first commit to its last, so its start does not count.
    """
    # Each measurement has a group of its own, so the topic is read again from its start.
    fields = dict(plan_fields or {}) | {"group": f"bench-{uuid.uuid4().hex[:8]}"}
    with running_replica(context, topic, model, plan_fields=fields) as inference:
        return measure_group(
            context,
            topic,
            inference.plan.group,
            count,
            said=lambda: inference.logs if inference.replicas[-1].poll() is not None else "",
        )


def measure_group(context: Context, topic: str, group: str, count: int, *, said: Callable[[], str]) -> Throughput:
    """Time how ``group`` commits the ``count`` records of ``topic``. ``said`` returns why the measured process ended,
    once it has.
    """
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    with Positions(context, topic, group) as now:
        before, answered, asked = 0, 0, time.perf_counter()
        while answered < count:
            answered, ended = now(), time.perf_counter()
            if not before:
                before, began = answered, ended
            if (why := said()) or time.monotonic() > deadline:
                raise RuntimeError(f"{answered} of {count} records of {topic} were answered:\n{why[-3000:]}")
            time.sleep(0.005)
    if answered == before:
        # A single commit answered all records, so the start is part of the measured time.
        before, began = 0, asked
    return Throughput((answered - before) / (ended - began), answered - before)


class Positions:
    """Asks Kafka over one connection what a group has committed. A context manager that yields the function to ask
    with.
    """

    def __init__(self, context: Context, topic: str, group: str) -> None:
        self._log = ClientLog()
        self._consumer = Consumer({"bootstrap.servers": context.bootstrap_servers, "group.id": group})
        self._places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]

    def __enter__(self) -> Callable[[], int]:
        return self._total

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def _total(self) -> int:
        answers = committed_positions(
            self._consumer, self._places, self._log, request_timeout_seconds=30, recovery_timeout_seconds=60
        )
        return sum(max(0, answer.offset) for answer in answers)
