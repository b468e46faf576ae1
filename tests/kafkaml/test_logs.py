from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import pytest

from kafkaml.logs import LogSettings, configure_logs, get_logger, log_context, redact_text, register_secret


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure_logs("training", settings=LogSettings(level="INFO", format="json"), stream=stream)
    yield stream
    root.handlers, root.level = handlers, level


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_service_context_and_facts(stream: io.StringIO) -> None:
    with log_context(deployment=3, place="mnist[0]@42"):
        get_logger("kafkaml.x").info("decoded", records=7)
    (line,) = lines(stream)
    expected = {"event": "decoded", "service": "training", "deployment": 3, "place": "mnist[0]@42", "records": 7}
    assert line | expected == line


def test_lines_of_the_standard_library_have_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("django.request").warning("slow: %s", "/api/")
    assert lines(stream)[0]["event"] == "slow: /api/"
    assert lines(stream)[0]["logger"] == "django.request"


def test_no_secret_is_written(stream: io.StringIO) -> None:
    register_secret("s3cret-job-token-value")
    logger = get_logger("x")
    logger.info("a", token="canary-one", nested={"sasl_password": "canary-two", "items": ["s3cret-job-token-value"]})
    logger.info("header was Bearer canary-three-abcdef and url postgres://me:canary-four@host/db")
    try:
        raise ValueError("password=canary-five; s3cret-job-token-value")
    except ValueError:
        logger.exception("failed")
    text = stream.getvalue()
    assert "canary" not in text
    assert "s3cret-job-token-value" not in text
    assert len(lines(stream)) == 3


def test_paths_of_secret_files_stay_readable(stream: io.StringIO) -> None:
    get_logger("x").info("reading", token_file="/run/token")
    assert lines(stream)[0]["token_file"] == "/run/token"


def test_console_lines_are_for_people() -> None:
    stream = io.StringIO()
    configure_logs("web", settings=LogSettings(level="INFO", format="console"), stream=stream)
    get_logger("x").info("ready", port=8000)
    logging.getLogger().handlers = []
    assert "ready" in stream.getvalue()
    assert "port=8000" in stream.getvalue()


def test_ordinary_text_is_left_alone() -> None:
    assert redact_text("the tokenizer made 30 tokens per second") == "the tokenizer made 30 tokens per second"
