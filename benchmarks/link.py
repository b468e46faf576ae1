"""A link that takes its time: a proxy that hands every byte on after a delay, and a broker at its far end.

The delay is like that of ``tc netem delay`` on the interface, but needs no root and applies to one broker only.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from platform_local.broker import EmbeddedBroker
from platform_local.ports import LOOPBACK, free_port

__all__ = ["DistantBroker"]

_CHUNK_BYTES = 1 << 16


class _Link:
    """Listens at ``port`` and hands everything on to ``target_port``. ``delay_seconds`` is the delay of one way."""

    def __init__(self, port: int, target_port: int, delay_seconds: float) -> None:
        self._port = port
        self._target_port = target_port
        self._delay_seconds = delay_seconds
        self._listens = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="link", daemon=True)

    def open(self) -> None:
        self._thread.start()
        self._listens.wait()

    def close(self) -> None:
        """Break all connections."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        await asyncio.start_server(self._connect, LOOPBACK, self._port)
        self._listens.set()
        await self._ended.wait()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(LOOPBACK, self._target_port)
        # A link that is closed while connections are open cancels them.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand on each piece that arrives after the delay, in order. When one side ends, the other one is ended too."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def take() -> None:
            data = b"."
            while data:
                try:
                    data = await reader.read(_CHUNK_BYTES)
                except ConnectionError:
                    data = b""
                under_way.put_nowait((time.monotonic() + self._delay_seconds, data))

        taking = asyncio.create_task(take())
        with contextlib.suppress(ConnectionError):
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        taking.cancel()
        writer.close()


class _LinkedBroker(EmbeddedBroker):
    """A broker that tells clients of its second port to continue at ``linked_port``."""

    def __init__(self, data_dir: Path, *, port: int, linked_port: int) -> None:
        super().__init__(data_dir, also_port=port)
        self._addresses = f"ALSO://{LOOPBACK}:{port}", f"ALSO://{LOOPBACK}:{linked_port}"

    def prepare(self) -> list[str]:
        command = super().prepare()
        settings = Path(command[-1])
        first, second, rest = settings.read_text(encoding="utf-8").partition("advertised.listeners=")
        settings.write_text(first + second + rest.replace(*self._addresses, 1), encoding="utf-8")
        return command


class DistantBroker:
    """A broker with two addresses: ``near`` for clients at the same place, ``far`` for clients beyond the link."""

    def __init__(self, folder: Path, delay_seconds: float) -> None:
        port, linked_port = free_port(), free_port()
        self._broker = _LinkedBroker(folder, port=port, linked_port=linked_port)
        self._link = _Link(linked_port, port, delay_seconds)
        self.far = f"{LOOPBACK}:{linked_port}"

    @property
    def near(self) -> str:
        return self._broker.bootstrap_servers

    def __enter__(self) -> Self:
        self._broker.start()
        self._link.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._link.close()
        self._broker.stop()
