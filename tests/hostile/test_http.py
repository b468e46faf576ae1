"""Hostile HTTP against the server that the platform runs: each request is refused, and the next one answered."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.support import eventually

pytestmark = pytest.mark.hostile

KEEPALIVE_SECONDS = 3
CONNECTIONS = 60
APPLICATION = "backend.config.asgi:application"
ASK = b"GET /api/health/live/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SEND = b"POST /api/models/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
CHUNKED = SEND + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The address of a server with the platform's own configuration, except for two bounds that are reached sooner."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bounds = ["--keep-alive", str(KEEPALIVE_SECONDS), "--worker-connections", str(CONNECTIONS)]
        bind = ["--bind", f"fd://{listener.fileno()}", *bounds]
        log = tmp_path_factory.mktemp("server") / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "python:backend.config.gunicorn", *bind, APPLICATION],
                env={**os.environ, "KML_STATE_DIR": str(log.parent), "KML_LOG_FORMAT": "json"},
                pass_fds=[listener.fileno()],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/api/health/live/"
            eventually(lambda: httpx.get(url, timeout=60).status_code == 200, 90, ignoring=(httpx.HTTPError,))
            yield listener.getsockname()
            assert process.poll() is None
            assert "Traceback" not in log.read_text()
        finally:
            process.terminate()
            process.wait(60)


def connected(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=60)


def answer_to(address: tuple[str, int], request: bytes) -> bytes:
    """Return everything received until the headers of an answer are complete, or the connection ends."""
    received = b""
    with closing(connected(address)) as connection:
        try:
            connection.sendall(request)
            while b"\r\n\r\n" not in received and (part := connection.recv(4096)):
                received += part
        except ConnectionError:
            # The server answered before the request was complete.
            pass
    return received


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (ASK + b"X: " + b"a" * (1 << 20) + b"\r\n\r\n", {431}),
        (ASK + b"".join(b"X%d: a\r\n" % number for number in range(5000)) + b"\r\n", {431}),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", {414}),
        (CHUNKED + b"ZZ\r\nabc\r\n0\r\n\r\n", {400}),
        (CHUNKED + b"-5\r\nabc\r\n0\r\n\r\n", {400}),
        (CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n", {400}),
        (CHUNKED + b"5;" + b"a" * (1 << 20), {400}),
        (
            SEND + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
            {400},
        ),
        (SEND + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", {400, 501}),
        (SEND + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400, 501}),
        (SEND + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}", {400}),
        (SEND + b"Content-Length: -2\r\n\r\n{}", {400}),
        (SEND + b"Content-Length: \xb2\r\n\r\n{}", {400}),
        (SEND + b"Content-Length: 99999999999999999999\r\n\r\n{}", {413}),
        (SEND + b"Expect: lightning\r\nContent-Length: 2\r\n\r\n{}", {401, 417}),
        (b"GET /\r\n\r\n", {400}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
        (b"GET /\x00 HTTP/1.1\r\n\r\n", {400}),
        (ASK + b"X: a\x00b\r\n\r\n", {400}),
        (ASK + b"X: a\r\n b\r\n\r\n", {400}),
        (ASK + b"X : a\r\n\r\n", {400}),
        (ASK.replace(b"\r\n", b"\n") + b"\n", {400}),
        (ASK + b"Host: inside.example\r\n\r\n", {400}),
        (b"GET /api/health/live/ HTTP/1.1\r\nHost: inside.example\r\n\r\n", {400}),
        (b"GET /api/models/\xff\xfe/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {400}),
        (b"GET /docs/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {404}),
        (b"GET http://169.254.169.254/latest/meta-data/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {400, 404}),
        (b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {400, 404, 405}),
        (b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {405}),
        (ASK + b"Range: bytes=" + b",".join([b"0-"] * 900) + b"\r\n\r\n", {200, 416}),
        (ASK + b"Range: bytes=" + b"9" * 3000 + b"-\xb2\r\n\r\n", {200, 400, 416}),
        (
            ASK + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            {403},
        ),
        (ASK + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n", {200}),
    ],
    ids=lambda request: re.sub(r"\W+", "-", repr(request[-60:])) if isinstance(request, bytes) else "",
)
def test_a_hostile_request_is_refused(address: tuple[str, int], request_: bytes, statuses: set[int]) -> None:
    version, _, rest = answer_to(address, request_).partition(b" ")
    assert version == b"HTTP/1.1"
    assert int(rest[:3]) in statuses
    assert answer_to(address, ASK + b"\r\n").startswith(b"HTTP/1.1 200")


def test_clients_that_only_drip_are_let_go(address: tuple[str, int]) -> None:
    beginnings = [b"", b"G", ASK, ASK + b"X: ", b"\x16\x03\x01\x02\x00\x01"]
    dripping = [connected(address) for _ in beginnings]
    for connection, beginning in zip(dripping, beginnings, strict=True):
        connection.sendall(beginning)
    for connection in dripping:
        with closing(connection):
            connection.settimeout(KEEPALIVE_SECONDS / 10)
            eventually(lambda client=connection: dripped(client), 60, what="the server's end of the connection")
    assert answer_to(address, ASK + b"\r\n").startswith(b"HTTP/1.1 200")


def dripped(connection: socket.socket) -> bool:
    """Send one more byte; returns True when the server has closed the connection."""
    try:
        connection.sendall(b"a")
        return connection.recv(1000) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_connections_beyond_the_bound_are_closed_and_the_others_are_served(address: tuple[str, int]) -> None:
    first = connected(address)
    with closing(first):
        first.sendall(ASK + b"\r\n")
        assert first.recv(4096).startswith(b"HTTP/1.1 200")
        more = [connected(address) for _ in range(2 * CONNECTIONS)]
        # The newest connection is beyond the bound, and the first one is still served.
        assert more[-1].recv(1) == b""
        first.sendall(ASK + b"\r\n")
        assert first.recv(4096).startswith(b"HTTP/1.1 200")
        for connection in more:
            connection.close()
    assert eventually(lambda: answer_to(address, ASK + b"\r\n").startswith(b"HTTP/1.1 200"), 60)
