from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import pytest

from kafkaml.logs import LogSettings, configure_logs
from model_training.output_log import OutputLog


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure_logs("training", settings=LogSettings(level="INFO", format="json"), stream=stream)
    yield stream
    root.handlers, root.level = handlers, level


def printed(stream: io.StringIO) -> list[str]:
    return [orjson.loads(line)["line"] for line in stream.getvalue().splitlines()]


def test_each_printed_line_is_a_log_line_at_once(stream: io.StringIO) -> None:
    log = OutputLog()
    log.write(b"epoch 1\nepo")
    assert printed(stream) == ["epoch 1"]
    log.write(b"ch 2\n\n")
    log.write("größe".encode()[:3])
    log.write("größe".encode()[3:])
    log.flush()
    assert printed(stream) == ["epoch 1", "epoch 2", "größe"]


def test_progress_bars_and_endless_lines_are_bounded(stream: io.StringIO) -> None:
    log = OutputLog()
    log.write(b"10%\r20%\r\n")
    log.write(b"x" * 4500)
    log.flush()
    assert printed(stream) == ["10%", "20%", "x" * 2000, "x" * 2000, "x" * 500]
