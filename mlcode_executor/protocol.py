"""Frames between the runner (trusted) and the model process (not), and between the runner and the fork server.

A frame is a 4-byte big-endian length and a JSON object of at most 1 MiB; descriptors travel with its first byte.
NaN and infinity are kept (Python's JSON spells them). Nothing here unpickles, and nothing trusts what it reads:
a peer that sends garbage gets ``FrameError``, never an endless wait or unbounded memory.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

from kafkaml.errors import (
    ArgumentsError,
    BrokenError,
    DecodeError,
    DiskFull,
    FailedError,
    KafkaMLError,
    ModelProcessDied,
    RefusedError,
    SandboxUnavailable,
    UserCodeError,
)

__all__ = [
    "MAX_FRAME_BYTES",
    "Channel",
    "ChannelClosed",
    "FrameError",
    "error_from_json",
    "error_to_json",
    "plain_document",
    "plain_text",
]

# Largest frame. The limit protects both sides from a peer that announces gigabytes.
MAX_FRAME_BYTES = 1 << 20
# The most descriptors in one frame. Linux takes 253 in one message, and a request names a handful.
MAX_DESCRIPTORS = 64
# Limits that protect readers of an error from a user's exception text of megabytes.
MAX_MESSAGE_CHARACTERS = 8 << 10
MAX_TRACEBACK_CHARACTERS = 64 << 10

_LENGTH = struct.Struct(">I")


class ChannelClosed(Exception):
    """The peer closed its end, or died."""


class FrameError(Exception):
    """The received bytes are not a frame; the channel is unusable from now on."""


class Channel:
    """One end of a stream socket that carries frames.

    With ``accept_descriptors`` False, descriptors that the peer attaches are closed by the kernel on arrival. A
    ``deadline`` is a reading of ``time.monotonic()``, None waits forever; TimeoutError when it passes.
    """

    def __init__(self, sock: socket.socket, *, accept_descriptors: bool = False) -> None:
        self.socket = sock
        self._accept_descriptors = accept_descriptors

    def fileno(self) -> int:
        """Return the socket's descriptor, for polling."""
        return self.socket.fileno()

    def send(
        self, document: Mapping[str, Any], descriptors: Sequence[int] = (), *, deadline: float | None = None
    ) -> None:
        """Send one frame; raises FrameError if it is over 1 MiB or not JSON, ChannelClosed if the peer is gone."""
        try:
            body = json.dumps(document, separators=(",", ":")).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise FrameError(f"cannot send as JSON: {error}") from error
        if len(body) > MAX_FRAME_BYTES:
            raise FrameError(f"frame of {len(body)} bytes is over the bound of {MAX_FRAME_BYTES}")
        if len(descriptors) > MAX_DESCRIPTORS:
            raise FrameError(f"{len(descriptors)} descriptors in one frame, at most {MAX_DESCRIPTORS} are allowed")
        data = memoryview(_LENGTH.pack(len(body)) + body)
        try:
            if descriptors:
                self._limit(deadline)
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
                data = data[self.socket.sendmsg([data], rights) :]
            while data:
                self._limit(deadline)
                data = data[self.socket.send(data) :]
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosed("the peer closed the channel") from error

    def receive(self, *, deadline: float | None = None) -> tuple[dict[str, Any], list[int]]:
        """Return the next frame and the descriptors that came with it, which the caller must close."""
        descriptors: list[int] = []
        try:
            header = self._read_header(descriptors, deadline)
            (length,) = _LENGTH.unpack(header)
            if length > MAX_FRAME_BYTES:
                raise FrameError(f"frame announces {length} bytes, at most {MAX_FRAME_BYTES} are allowed")
            return _parse(self._read(length, deadline)), descriptors
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise

    def close(self) -> None:
        """Close this end."""
        self.socket.close()

    def _read_header(self, descriptors: list[int], deadline: float | None) -> bytes:
        if not self._accept_descriptors:
            return self._read(_LENGTH.size, deadline)
        self._limit(deadline)
        space = socket.CMSG_SPACE(MAX_DESCRIPTORS * 4)
        try:
            first, ancillary, _flags, _address = self.socket.recvmsg(_LENGTH.size, space, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError as error:
            raise ChannelClosed("the peer died") from error
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
                descriptors.extend(numbers)
        if not first:
            raise ChannelClosed("the peer closed the channel")
        return first + self._read(_LENGTH.size - len(first), deadline)

    def _read(self, length: int, deadline: float | None) -> bytes:
        parts: list[bytes] = []
        missing = length
        while missing:
            self._limit(deadline)
            try:
                part = self.socket.recv(min(missing, 1 << 18))
            except ConnectionResetError as error:
                raise ChannelClosed("the peer died") from error
            if not part:
                raise ChannelClosed("the peer closed the channel")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _limit(self, deadline: float | None) -> None:
        if deadline is None:
            self.socket.settimeout(None)
            return
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the time limit has passed")
        self.socket.settimeout(remaining)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"frame is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise FrameError(f"frame holds a {type(document).__name__}, expected an object")
    return document


def plain_text(text: str) -> str:
    """Return ``text`` in a form that every file, database and reader takes: lone surrogates and NULs are escaped."""
    return text.replace("\0", r"\x00").encode("utf-8", "backslashreplace").decode()


def plain_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer of a model process with ``plain_text`` everywhere: user code chooses names and texts in it."""
    return {plain_text(name): _plain(part) for name, part in document.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return plain_document(value) if isinstance(value, dict) else value


# Name on the wire <-> class; the most specific first, because the first that fits is sent.
_ERRORS: tuple[tuple[str, type[KafkaMLError]], ...] = (
    ("user_code", UserCodeError),
    ("arguments", ArgumentsError),
    ("decode", DecodeError),
    ("refused", RefusedError),
    ("disk_full", DiskFull),
    ("failed", FailedError),
    ("sandbox", SandboxUnavailable),
    ("broken", BrokenError),
)


def error_to_json(error: KafkaMLError) -> dict[str, Any]:
    """Return an error as JSON for ``error_from_json``, with texts cut to fit into a frame."""
    document: dict[str, Any] = {
        "kind": next((name for name, kind in _ERRORS if isinstance(error, kind)), "failed"),
        "message": error.message[:MAX_MESSAGE_CHARACTERS],
        "hint": error.hint[:MAX_MESSAGE_CHARACTERS],
    }
    if isinstance(error, UserCodeError):
        document |= {
            "traceback_text": error.traceback_text[-MAX_TRACEBACK_CHARACTERS:],
            "line": error.line,
            "source": error.source,
            "user_kind": error.kind,
        }
    if isinstance(error, ArgumentsError):
        document["argument"] = error.argument[:MAX_MESSAGE_CHARACTERS]
    if isinstance(error, ModelProcessDied):
        document |= {"kind": "died", "reason": error.reason}
    return document


def error_from_json(document: Any) -> KafkaMLError:
    """Return the error that a peer reported, each field checked; raises FrameError for anything else."""
    if not isinstance(document, dict):
        raise FrameError(f"error is a {type(document).__name__}, expected an object")

    def text(name: str, bound: int = MAX_MESSAGE_CHARACTERS) -> str:
        value = document.get(name, "")
        if not isinstance(value, str):
            raise FrameError(f"error's {name} is a {type(value).__name__}, expected text")
        return plain_text(value)[:bound]

    kind, message, hint = text("kind"), text("message"), text("hint")
    if kind == "user_code":
        line = document.get("line")
        return UserCodeError(
            message,
            traceback_text=text("traceback_text", MAX_TRACEBACK_CHARACTERS),
            line=line if isinstance(line, int) and 0 <= line < 1 << 31 else None,
            source="imports" if text("source") == "imports" else "code",
            kind=text("user_kind") or "runtime",
            hint=hint,
        )
    if kind == "arguments":
        return ArgumentsError(message, argument=text("argument"), hint=hint)
    if kind == "died":
        # The only limit that a process can report about itself, because it may survive running out of memory.
        return ModelProcessDied(message, reason="memory", hint=hint)
    with contextlib.suppress(KeyError):
        return dict(_ERRORS)[kind](message, hint=hint)
    raise FrameError(f"unknown kind of error {kind!r}")
