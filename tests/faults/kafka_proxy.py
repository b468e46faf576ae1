"""KafkaProxy: passes Kafka's requests on, and holds one back until a later transaction has begun.

Nothing is copied or invented: the request that arrives late is the client's own, on the client's own connection to the
broker.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from platform_local.ports import LOOPBACK, free_port
from tests.conftest import TestBroker

__all__ = ["Held", "KafkaProxy", "ProxiedBroker", "Request"]


class Request(IntEnum):
    """Kafka's numbers of the requests that belong to transactions."""

    PRODUCE = 0
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS = 24
    ADD_OFFSETS = 25
    END_TRANSACTION = 26
    COMMIT_OFFSETS = 28


# From this version on, a request has tagged fields in its header, and texts of variable length.
_FLEXIBLE = {
    Request.PRODUCE: 9,
    Request.INIT_PRODUCER_ID: 2,
    Request.ADD_PARTITIONS: 3,
    Request.ADD_OFFSETS: 3,
    Request.END_TRANSACTION: 3,
    Request.COMMIT_OFFSETS: 3,
}
# How many lists of tagged fields end the answers to requests that may be held back.
_TAGS = {Request.END_TRANSACTION: 1, Request.COMMIT_OFFSETS: 3}
# How long the broker may take to answer the late request.
_REPLY_SECONDS = 30.0


class _Frame(NamedTuple):
    """A request as it travels. ``transactional_id`` is empty where the request does not belong to a transaction."""

    content: bytes
    kind: int
    correlation: int
    is_flexible: bool
    transactional_id: bytes


@dataclass
class Held:
    """A request that is, or will be, held back until ``until`` comes from the same transactional id.

    With ``cut`` the client loses its connection and sends the request again on another; otherwise it gets no answer.
    """

    kind: Request
    until: Request
    cut: bool
    frame: _Frame | None = None
    upstream: socket.socket | None = None
    # Whether the request's own transaction has ended, so that the next requests belong to a later one.
    is_over: bool = False
    # Set when the broker has answered the late request.
    answered: threading.Event = field(default_factory=threading.Event)
    reply: bytes = b""

    @property
    def error(self) -> int:
        """Kafka's number of the error in the answer to the late request; 0 without one."""
        assert self.frame is not None
        # The error is the last field, unless tagged fields follow, one byte each without content.
        end = len(self.reply) - (_TAGS[self.kind] if self.frame.is_flexible else 0)
        (error,) = struct.unpack_from(">h", self.reply, end - 2)
        return int(error)


class KafkaProxy:
    """Listens at ``port`` for clients, and passes on to ``upstream_port``. A context manager."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._lock = threading.Lock()
        self._held: Held | None = None
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def address(self) -> str:
        """The address for clients."""
        return f"{LOOPBACK}:{self.port}"

    def hold_back(self, kind: Request, *, until: Request, cut: bool) -> Held:
        """Hold back the next request of a kind; one at a time."""
        with self._lock:
            assert self._held is None or self._held.answered.is_set()
            self._held = Held(kind, until, cut)
            return self._held

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for connection in [self._listener, *self._sockets]:
            _end(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                # The broker may be down just now, as it would be for a client without a proxy.
                try:
                    upstream = socket.create_connection((LOOPBACK, self._upstream_port))
                except OSError:
                    client.close()
                    continue
                for connection in (client, upstream):
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += [client, upstream]
                for run in (self._pass_requests, self._pass_answers):
                    threading.Thread(target=run, args=(client, upstream), name="proxy", daemon=True).start()

    def _pass_requests(self, client: socket.socket, upstream: socket.socket) -> None:
        with suppress(OSError), client:
            while content := _receive(client):
                frame = _parse(content)
                if self._catch(frame, client, upstream):
                    continue
                self._release(frame)
                upstream.sendall(frame.content)
        held = self._held
        if held is None or held.upstream is not upstream or held.answered.is_set():
            _end(upstream)

    def _catch(self, frame: _Frame, client: socket.socket, upstream: socket.socket) -> bool:
        """Hold the request back if it is the one to hold back."""
        with self._lock:
            held = self._held
            if held is None or held.frame is not None or frame.kind != held.kind:
                return False
            held.frame, held.upstream = frame, upstream
            held.is_over = frame.kind == Request.END_TRANSACTION
        if held.cut:
            _end(client)
        return True

    def _release(self, frame: _Frame) -> None:
        """Send the late request, before ``frame``, if that is the one to wait for."""
        with self._lock:
            held = self._held
            if held is None or held.frame is None or held.upstream is None or held.answered.is_set():
                return
            if frame.transactional_id != held.frame.transactional_id:
                return
            if not held.is_over:
                held.is_over = frame.kind in (Request.END_TRANSACTION, Request.INIT_PRODUCER_ID)
            elif frame.kind == held.until:
                held.upstream.sendall(held.frame.content)
                held.answered.wait(_REPLY_SECONDS)

    def _pass_answers(self, client: socket.socket, upstream: socket.socket) -> None:
        with suppress(OSError):
            while content := _receive(upstream):
                held, (correlation,) = self._held, struct.unpack_from(">i", content, 4)
                if held and held.frame and held.upstream is upstream and held.frame.correlation == correlation:
                    held.reply = content
                    held.answered.set()
                    continue
                with suppress(OSError):
                    client.sendall(content)
        _end(client)


class ProxiedBroker(TestBroker):
    """A broker with a second listener, whose address for clients is that of ``proxy``."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, also_port=free_port())
        self.proxy = KafkaProxy(self._also_port)

    def _settings_text(self, also: str) -> str:
        assert also, "the port of the second listener is taken"
        addresses = f"PLAINTEXT://{self.bootstrap_servers},ALSO://{self.proxy.address}"
        # The last line of a setting counts. Controllers are not advertised to clients.
        return super()._settings_text(also) + f"advertised.listeners={addresses}\n"


def _parse(content: bytes) -> _Frame:
    kind, version, correlation, client_length = struct.unpack_from(">hhih", content, 4)
    place = 14 + max(0, client_length)
    if kind not in _FLEXIBLE:
        return _Frame(content, kind, correlation, False, b"")
    is_flexible = version >= _FLEXIBLE[Request(kind)]
    if is_flexible:
        # One byte without tagged fields, and one for the length of the text plus one.
        length = content[place + 1] - 1
        place += 2
    else:
        (length,) = struct.unpack_from(">h", content, place)
        place += 2
    return _Frame(content, kind, correlation, is_flexible, content[place : place + max(0, length)])


def _receive(connection: socket.socket) -> bytes:
    """Return the next request or answer with its length; empty at the end."""
    head = _receive_bytes(connection, 4)
    if not head:
        return b""
    rest = _receive_bytes(connection, struct.unpack(">i", head)[0])
    return head + rest if rest else b""


def _receive_bytes(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            return b""
        data += part
    return bytes(data)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
