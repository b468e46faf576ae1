"""SpareProcesses: model processes that are started and warmed up before they are needed.

Called by the checker, so that users wait only for the check and not for a fork, a sandbox and a first operation. A
process is used for one piece of user code and then ended.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kafkaml.errors import KafkaMLError
from kafkaml.logs import get_logger
from mlcode_executor.process import ModelProcess

__all__ = ["SpareProcesses"]

_logger = get_logger(__name__)

# Time limit for a process to become ready. No framework takes this long to import, even under load.
_WARM_UP_SECONDS = 60.0
# After a failed start, the next attempt waits this long or until the next request.
_RETRY_SECONDS = 5.0


class SpareProcesses:
    """Keeps up to ``count`` processes ready that ``start`` returned; safe to use from several threads."""

    def __init__(self, start: Callable[[], ModelProcess], *, count: int) -> None:
        self._start = start
        self._count = count
        self._ready: deque[ModelProcess] = deque()
        self._changed = threading.Condition()
        self._used: deque[ModelProcess] = deque()
        self._closed = False
        self._in_use = 0
        self._filler = threading.Thread(target=self._fill, name="spare-processes", daemon=True)
        self._filler.start()

    @contextmanager
    def process(self) -> Iterator[ModelProcess]:
        """Yield a fresh process, which is ended soon afterwards; raises like ``start`` when none is ready."""
        process = self._take()
        with self._changed:
            self._in_use += 1
        try:
            yield process
        finally:
            with self._changed:
                self._in_use -= 1
                # The other thread ends the process, so that the caller does not wait for the kernel to free its memory.
                self._used.append(process)
                self._changed.notify_all()

    @property
    def ready(self) -> int:
        """How many processes wait."""
        with self._changed:
            return len(self._ready)

    def close(self) -> None:
        """End all waiting processes, and the thread that starts and ends them."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._filler.join(_WARM_UP_SECONDS)
        while self._ready:
            self._ready.popleft().close()

    def _take(self) -> ModelProcess:
        while True:
            with self._changed:
                process = self._ready.popleft() if self._ready else None
            if process is None:
                return self._start()
            if process.alive:
                return process
            process.close()

    def _fill(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._used or self._short)
            while self._used:
                self._used.popleft().close()
            if self._closed:
                return
            if self._short:
                self._add(self._warmed())

    @property
    def _short(self) -> bool:
        # Do not start a process while a check runs, because it would share the core of the check.
        return not self._in_use and len(self._ready) < self._count

    def _add(self, process: ModelProcess | None) -> None:
        with self._changed:
            if process is None:
                self._changed.wait(_RETRY_SECONDS)
            else:
                self._ready.append(process)

    def _warmed(self) -> ModelProcess | None:
        process = None
        try:
            process = self._start()
            process.call("warm_up", timeout_seconds=_WARM_UP_SECONDS)
        except KafkaMLError as error:
            # Without a spare process a check starts its own, and reports to its user what is wrong.
            _logger.warning("no spare model process", error=error.message)
            if process is not None:
                process.close()
            return None
        return process
