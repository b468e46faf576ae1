"""Fakes that behave like the real parts, and builders of samples, for the tests of every service."""

from kafkaml.testing.in_memory_broker import (
    InMemoryBroker,
    InMemoryExchange,
    InMemoryGroupReader,
    InMemoryReader,
    InMemoryWriter,
)
from kafkaml.testing.in_memory_loop import InMemoryGroup, InMemoryLoopClient
from kafkaml.testing.recording_reporter import RecordingReporter
from kafkaml.testing.samples import labelled_images, raw_announcement, raw_config, send_raw

__all__ = [
    "InMemoryBroker",
    "InMemoryExchange",
    "InMemoryGroup",
    "InMemoryGroupReader",
    "InMemoryLoopClient",
    "InMemoryReader",
    "InMemoryWriter",
    "RecordingReporter",
    "labelled_images",
    "raw_announcement",
    "raw_config",
    "send_raw",
]
