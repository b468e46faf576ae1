"""How a process exposes its metrics: to its neighbours by a socket in the state folder, and at an address if one is
set.

Processes that share a state folder (those of a laptop; the web server and the controller in a pod) find each other by
``run/metrics/<process>.<pid>.sock``: a client of the socket gets the text and nothing else. One process can therefore
answer for all, and none needs a port of its own. Each sample carries ``process``, the name of the process that exposes
it.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Protocol, Self, cast

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest

from kafkaml.logs import get_logger
from kafkaml.settings import MetricsSettings
from kafkaml.system import socket_address

__all__ = ["CONTENT_TYPE", "Collector", "MetricsServer", "ProcessMetrics", "neighbours", "together"]

logger = get_logger(__name__)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SUFFIX = ".sock"
# A process that does not answer within this time is left out, so that it does not hold up the others.
_NEIGHBOUR_SECONDS = 3.0
_MOST_AT_ONCE = 16
# Longest pause of a slow client between two pieces of its answer.
_CLIENT_SECONDS = 5.0
_MOST_CLIENTS = 16
# Limit per process, enough for thousands of series. Protects the collecting process against a runaway neighbour.
_MAX_TEXT_BYTES = 16 << 20
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")


class Collector(Protocol):
    """Returns metrics on request, in any thread. All instruments of ``prometheus_client`` implement it."""

    def collect(self) -> Iterable[Metric]: ...


class ProcessMetrics:
    """The metrics of one process: its own (memory, descriptors, processor time) and those of ``collectors``."""

    def __init__(self, process: str, collectors: Iterable[Collector]) -> None:
        self.process = process
        self._collectors = [ProcessCollector(registry=None), *collectors]

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(cast("CollectorRegistry", self))

    def collect(self) -> Iterator[Metric]:
        """Yield the families, with the process named in each sample. A collector that fails is left out."""
        for collector in self._collectors:
            try:
                families = list(collector.collect())
            except Exception:
                logger.exception("metrics cannot be collected", collector=type(collector).__name__)
                continue
            for family in families:
                named = Metric(family.name, family.documentation, family.type)
                named.samples = [
                    sample._replace(labels={**sample.labels, "process": self.process}) for sample in family.samples
                ]
                yield named


class MetricsServer:
    """Exposes the metrics of a process while it is open, from threads of its own. A context manager.

    Failures never stop the process; a socket that cannot be created is logged.
    """

    def __init__(self, metrics: ProcessMetrics, *, state_dir: Path, settings: MetricsSettings | None = None) -> None:
        self._metrics = metrics
        self._state_dir = state_dir
        self._folder = _folder(state_dir)
        self._settings = settings or MetricsSettings()
        self.socket_name = f"{_NO_NAME.sub('_', metrics.process)[:80]}.{os.getpid()}{_SUFFIX}"
        self._listener: socket.socket | None = None
        self._web: _HttpServer | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Begin to expose the metrics."""
        try:
            self._listener = self._listen()
        except OSError as error:
            logger.warning("neighbours cannot read the metrics", folder=str(self._folder), reason=str(error))
        else:
            threading.Thread(target=self._tell, args=(self._listener,), name="metrics", daemon=True).start()
        if not self._settings.address:
            return
        try:
            self._web = _HttpServer(self._settings, self.everything)
        except OSError as error:
            logger.warning("metrics are not served", address=self._settings.address, reason=str(error))
        else:
            self._web.begin()

    def close(self) -> None:
        """Stop exposing the metrics."""
        if self._listener is not None:
            # Shutting the socket down wakes the thread that waits for it. Closing alone would not.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            (self._folder / self.socket_name).unlink(missing_ok=True)
            self._listener = None
        if self._web is not None:
            self._web.end()
            self._web = None

    def everything(self) -> bytes:
        """Return the metrics of this process and its neighbours."""
        return together([self._metrics.text(), *neighbours(self._state_dir, but=self.socket_name)])

    def _listen(self) -> socket.socket:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Rename the socket into place only when it listens, because others take a socket without a listener for a dead
        # process's.
        fresh = f".{self.socket_name}"
        try:
            with socket_address(self._folder, fresh) as address:
                listener.bind(address)
            (self._folder / fresh).chmod(0o600)
            listener.listen(8)
            (self._folder / fresh).rename(self._folder / self.socket_name)
        except OSError:
            listener.close()
            (self._folder / fresh).unlink(missing_ok=True)
            raise
        return listener

    def _tell(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(_CLIENT_SECONDS)
                connection.sendall(self._metrics.text())


class _HttpServer(ThreadingHTTPServer):
    """Answers ``GET /metrics``. Processes of one state folder share the port, and any of them answers for all."""

    daemon_threads = True
    # Closing the server does not wait for answers that are still being sent.
    block_on_close = False
    request_queue_size = 16

    def __init__(self, settings: MetricsSettings, text: Callable[[], bytes]) -> None:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self.address_family = family
        self.text = text
        self._places = threading.BoundedSemaphore(_MOST_CLIENTS)
        self._over = False
        self._thread = threading.Thread(target=self._run, name="metrics-http", daemon=True)
        super().__init__(cast("tuple[str, int]", address), _Handler)

    def begin(self) -> None:
        """Start a thread that answers requests."""
        self._thread.start()

    def end(self) -> None:
        """Stop answering, immediately, unlike ``serve_forever``, which checks twice a second whether to end."""
        self._over = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=1)
        self.server_close()

    def _run(self) -> None:
        while not self._over:
            self.handle_request()

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Replace HTTPServer's own method, which looks up this machine's name. A pod without DNS access would wait for
        # seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the library has it
        logger.debug("a client of the metrics went away", client=str(client_address), exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    timeout = _CLIENT_SECONDS

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404, explain="the metrics are at /metrics")
            return
        body = cast("_HttpServer", self.server).text()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "kafka-ml"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the library
        logger.debug("metrics asked for", line=format % args)


def _folder(state_dir: Path) -> Path:
    return state_dir / "run" / "metrics"


def neighbours(state_dir: Path, *, but: str = "") -> Iterator[bytes]:
    """Yield the texts of the processes that share ``state_dir``; sockets that processes left behind are removed.

    ``but`` is the caller's own socket, from ``MetricsServer.socket_name``. Of two processes with the same name, as when
    one takes over from another, only the newer one counts.
    """
    paths = [path for path in sorted(_sockets(_folder(state_dir)), key=_modified) if path.name != but]
    if not paths:
        return
    with ThreadPoolExecutor(min(len(paths), _MOST_AT_ONCE), thread_name_prefix="metrics") as pool:
        names = [path.name.rsplit(".", 2)[0] for path in paths]
        found = {name: text for name, text in zip(names, pool.map(_text_of, paths), strict=True) if text}
    yield from found.values()


def _text_of(path: Path) -> bytes:
    """Return the metrics of the process behind a socket; empty where it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_NEIGHBOUR_SECONDS)
            with socket_address(path.parent, path.name) as address:
                connection.connect(address)
            return _received(connection)
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.info("a process does not tell its metrics", socket=path.name, reason=str(error))
    return b""


def together(texts: Iterable[bytes]) -> bytes:
    """Return the texts of several processes as one, with all samples of a metric grouped."""
    families: dict[bytes, list[bytes]] = {}
    for text in texts:
        lines: list[bytes] = []
        for line in text.splitlines():
            if line.startswith(b"# HELP "):
                name = line.split(b" ", 3)[2]
                is_new = name not in families
                lines = families.setdefault(name, [])
            if is_new or not line.startswith(b"# "):
                lines.append(line)
    return b"".join(line + b"\n" for lines in families.values() for line in lines)


def _sockets(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in folder.iterdir() if re.fullmatch(rf"[^.].*\.\d+\{_SUFFIX}", path.name)]
    return []


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _received(connection: socket.socket) -> bytes:
    text = bytearray()
    while piece := connection.recv(1 << 16):
        text += piece
        if len(text) > _MAX_TEXT_BYTES:
            raise OSError(f"more than {_MAX_TEXT_BYTES} bytes")
    return bytes(text)
