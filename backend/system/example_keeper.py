"""Keeps one run of an example: its time, its output, how it ends. A process of its own, started by ``examples``.

It outlives the web server's processes, and ends with the platform, whose mark it carries in its environment. Imports no
Django: it must be there before the request is answered. Only one runs at a time, the holder of the lock.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import orjson

from kafkaml.process_id import ProcessId
from kafkaml.system import write_atomically

__all__ = ["BUSY", "MAX_OUTPUT_BYTES", "RECORD", "STARTED", "Order", "Record", "output_path"]

# The keeper prints one of these lines; after the first one it continues alone.
STARTED, BUSY = "started", "busy"
RECORD = "example.json"
MAX_OUTPUT_BYTES = 64 * 1024


def output_path(folder: Path) -> Path:
    """Return the file that holds the beginning of what a run printed."""
    return folder / "example.log"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be run: ``command`` with ``env``, for ``seconds`` at most; ``folder`` holds everything about the run.

    At the end ``token_url`` is deleted with ``token``, which was made for this run alone.
    """

    name: str
    by: str
    command: list[str]
    env: dict[str, str]
    seconds: float
    folder: str
    token_url: str = ""
    token: str = ""


@dataclass(kw_only=True)
class Record:
    """A run as it is kept. ``keeper`` is the process that keeps it; ``exit_code`` is None until the end.

    ``ended_by`` is ``stop`` or ``time`` where the example did not end on its own. Times are seconds since 1970.
    """

    name: str
    by: str
    started_at: float
    keeper: ProcessId
    ended_at: float | None = None
    exit_code: int | None = None
    ended_by: str = ""

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Raises KeyError or TypeError where another version wrote it."""
        document = orjson.loads(text)
        return cls(**{**document, "keeper": ProcessId(**document["keeper"])})


def main() -> None:
    """Read an ``Order`` from standard input, print whether it is accepted, and keep the run to its end."""
    order = Order(**orjson.loads(sys.stdin.buffer.read()))
    folder = Path(order.folder)
    with (folder / "example.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(BUSY)
            return
        _keep(order, folder)
    _give_back(order)


def _keep(order: Order, folder: Path) -> None:
    keeper = ProcessId.of(os.getpid())
    assert keeper is not None
    record = Record(name=order.name, by=order.by, started_at=time.time(), keeper=keeper)
    output_path(folder).write_bytes(b"")
    child = subprocess.Popen(
        order.command,
        env=order.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )

    def end(why: str) -> None:
        record.ended_by = record.ended_by or why
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    signal.signal(signal.SIGTERM, lambda *_: end("stop"))
    deadline = threading.Timer(order.seconds, end, ["time"])
    deadline.daemon = True
    _write(folder, record)
    _say(STARTED)
    deadline.start()
    _copy(child, output_path(folder))
    record.exit_code = child.wait()
    deadline.cancel()
    record.ended_at = time.time()
    _write(folder, record)


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _copy(child: subprocess.Popen[bytes], path: Path) -> None:
    """Copy the example's output up to a limit. The rest is read and dropped, because the example would block on a full
    pipe.
    """
    assert child.stdout is not None
    room = MAX_OUTPUT_BYTES
    with path.open("ab", buffering=0) as file:
        while piece := os.read(child.stdout.fileno(), 8192):
            file.write(piece[:room])
            room = max(room - len(piece), 0)


def _write(folder: Path, record: Record) -> None:
    write_atomically(folder / RECORD, orjson.dumps(asdict(record)))


def _give_back(order: Order) -> None:
    if order.token_url:
        # Import late, because the import takes a while.
        import httpx

        # A token that cannot be deleted now expires soon in any case.
        with suppress(httpx.HTTPError):
            httpx.delete(order.token_url, headers={"Authorization": f"Bearer {order.token}"}, timeout=10)


if __name__ == "__main__":
    main()
