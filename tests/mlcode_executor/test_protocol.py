"""Frames: what is sent arrives, all else is refused, and nothing waits forever or leaks a descriptor."""

from __future__ import annotations

import json
import math
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkaml.errors import ArgumentsError, BrokenError, DecodeError, KafkaMLError, ModelProcessDied, UserCodeError
from mlcode_executor.protocol import (
    MAX_FRAME_BYTES,
    Channel,
    ChannelClosed,
    FrameError,
    error_from_json,
    error_to_json,
    plain_document,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def soon() -> float:
    return time.monotonic() + 60


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


@given(document=st.dictionaries(st.text(max_size=10), JSON, max_size=5))
def test_a_frame_arrives_as_it_was_sent(document: dict[str, Any]) -> None:
    left, right = socket.socketpair()
    with left, right:
        Channel(left).send(document, deadline=soon())
        assert Channel(right).receive(deadline=soon()) == (document, [])


def test_metrics_that_are_not_numbers_survive(pair: tuple[socket.socket, socket.socket]) -> None:
    Channel(pair[0]).send({"loss": float("nan"), "up": float("inf"), "down": float("-inf")}, deadline=soon())
    document, _ = Channel(pair[1]).receive(deadline=soon())
    assert math.isnan(document["loss"])
    assert (document["up"], document["down"]) == (float("inf"), float("-inf"))


def test_a_frame_of_the_largest_size_passes_and_a_larger_one_is_refused(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    largest = {"x": "y" * (MAX_FRAME_BYTES - len('{"x":""}'))}
    sender = threading.Thread(target=Channel(pair[0]).send, args=[largest], kwargs={"deadline": soon()})
    sender.start()
    assert Channel(pair[1]).receive(deadline=soon())[0] == largest
    sender.join()
    with pytest.raises(FrameError, match="over the bound"):
        Channel(pair[0]).send({"x": largest["x"] + "y"})


@pytest.mark.parametrize(
    "wire",
    [
        struct.pack(">I", MAX_FRAME_BYTES + 1),
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 0),
        struct.pack(">I", 4) + b"\xff\xff\xff\xff",
        struct.pack(">I", 200_000) + b"[" * 200_000,
        struct.pack(">I", 10_001) + b"1" * 10_001,
    ],
    ids=["huge", "no object", "empty", "no text", "nested", "a number of many digits"],
)
def test_what_is_not_a_frame_is_refused(pair: tuple[socket.socket, socket.socket], wire: bytes) -> None:
    sender = threading.Thread(target=pair[0].sendall, args=[wire])
    sender.start()
    with pytest.raises(FrameError):
        Channel(pair[1]).receive(deadline=soon())
    sender.join()


@given(body=st.binary(max_size=200))
def test_random_bytes_are_refused_or_read_but_never_break(body: bytes) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(struct.pack(">I", len(body)) + body)
        try:
            document, _ = Channel(right).receive(deadline=soon())
        except FrameError:
            return
        assert isinstance(document, dict)


def test_half_a_frame_ends_at_the_deadline(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(struct.pack(">I", 100) + b"half")
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        Channel(pair[1]).receive(deadline=started + 0.1)
    assert time.monotonic() - started < 60


def test_sending_to_a_peer_that_does_not_read_ends_at_the_deadline(pair: tuple[socket.socket, socket.socket]) -> None:
    def flood() -> None:
        for _ in range(100):
            Channel(pair[0]).send({"x": "y" * 500_000}, deadline=time.monotonic() + 0.1)

    with pytest.raises(TimeoutError):
        flood()


def test_a_closed_peer_is_distinguished_from_garbage(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].close()
    with pytest.raises(ChannelClosed):
        Channel(pair[1]).receive(deadline=soon())
    with pytest.raises(ChannelClosed):
        Channel(pair[1]).send({"x": 1}, deadline=soon())


def test_descriptors_arrive_and_can_be_read(pair: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("content")
    with file.open() as opened:
        Channel(pair[0]).send({"x": 1}, [opened.fileno()], deadline=soon())
        _, descriptors = Channel(pair[1], accept_descriptors=True).receive(deadline=soon())
    assert os.read(descriptors[0], 100) == b"content"
    os.close(descriptors[0])


def test_descriptors_that_were_not_asked_for_are_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    with open("/dev/null") as null:
        before = len(list(Path("/proc/self/fd").iterdir()))
        Channel(pair[0]).send({"x": 1}, [null.fileno()] * 10, deadline=soon())
        assert Channel(pair[1]).receive(deadline=soon()) == ({"x": 1}, [])
        # There may be fewer, because descriptors of earlier tests may close meanwhile.
        assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_descriptors_of_a_malformed_frame_are_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    with open("/dev/null") as null:
        before = len(list(Path("/proc/self/fd").iterdir()))
        socket.send_fds(pair[0], [struct.pack(">I", 2) + b"[]"], [null.fileno()] * 3)
        with pytest.raises(FrameError):
            Channel(pair[1], accept_descriptors=True).receive(deadline=soon())
        # There may be fewer, because descriptors of earlier tests may close meanwhile.
        assert len(list(Path("/proc/self/fd").iterdir())) <= before


@pytest.mark.parametrize(
    "error",
    [
        UserCodeError("m", traceback_text="t", line=3, source="imports", kind="syntax", hint="h"),
        ArgumentsError("m", argument="epochs", hint="h"),
        DecodeError("m", hint="h"),
        BrokenError("m"),
        ModelProcessDied("m", reason="memory", hint="h"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_arrives_with_all_its_facts(error: KafkaMLError) -> None:
    arrived = error_from_json(json.loads(json.dumps(error_to_json(error))))
    assert type(arrived) is type(error)
    assert vars(arrived) == vars(error)


def test_an_error_is_cut_to_what_a_frame_can_hold() -> None:
    document = error_to_json(UserCodeError("m" * 10**6, traceback_text="t" * 10**6, hint="h" * 10**6))
    assert len(json.dumps(document)) < MAX_FRAME_BYTES


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"kind": "boom"}, {"kind": "user_code", "message": 7}, {"kind": ["user_code"], "message": ""}],
)
def test_what_is_not_an_error_is_refused(document: object) -> None:
    with pytest.raises(FrameError):
        error_from_json(document)


def test_a_line_that_cannot_be_is_left_out() -> None:
    error = error_from_json({"kind": "user_code", "message": "m", "line": "import os", "source": "/etc/passwd"})
    assert isinstance(error, UserCodeError)
    assert (error.line, error.source) == (None, "code")


def test_any_text_of_a_model_process_can_be_written_and_sent_on() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        error = error_to_json(UserCodeError("\ud800 \0 \x1b[31m \U0001f600", hint="\udfff"))
        Channel(theirs).send({"error": error, "names\ud800": ["\ud83d"]})
        received, _ = Channel(ours).receive()
    received = plain_document(received)
    assert received["names\\ud800"] == ["\\ud83d"]
    reported = error_from_json(received["error"])
    # An escape sequence is text like any other. The program that shows it has to make it harmless.
    assert (reported.message, reported.hint) == ("\\ud800 \\x00 \x1b[31m \U0001f600", "\\udfff")
    assert error_from_json(error).message == reported.message
