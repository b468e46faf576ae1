"""The runner's handle on a model process: start it, call its methods, end it.

Called by the training and inference runners and by the executor's HTTP service. The process is forked by a fork
server (``mlcode_executor/fork_server.py``); whatever comes back from it is checked and bounded.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any, Self

from kafkaml.closing import Closing
from kafkaml.errors import BrokenError, DeadlineExceeded, KafkaMLError, ModelProcessDied
from kafkaml.system import memory_kills
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.death import ExitReport, LimitReason, death
from mlcode_executor.fork_server import PrivateForkServer, connect
from mlcode_executor.output import Allowance, OutputDrain, output_pipe
from mlcode_executor.protocol import Channel, ChannelClosed, FrameError, error_from_json, plain_document
from mlcode_executor.runtimes import Runtime
from mlcode_executor.shared_array import SharedArray

__all__ = ["EventCallback", "LimitReason", "ModelProcess"]

EventCallback = Callable[[str, dict[str, Any]], None]

# How long a killed process may take to end, because large memory is freed slowly.
_EXIT_SECONDS = 10.0
# How long to wait for the end of a process that closed its channel before killing it.
_GRACE_SECONDS = 1.0
# Limits of events. Honest handlers stay below: they emit five progress events a second and one event per epoch, of
# which a tiny data set may have hundreds a second.
_EVENT_BURST = 20_000
_EVENTS_PER_SECOND = 2_000


class _State(StrEnum):
    RUNNING = "running"
    ENDED = "ended"


class ModelProcess(Closing):
    """One running model process; a context manager. Calls come one at a time, ``close`` may come from any thread.

    It has over 12 fields because calls, events and the end of one process come by several threads.
    """

    def __init__(
        self,
        *,
        control: socket.socket,
        connection: socket.socket,
        drain_descriptor: int,
        limits: ResourceLimits,
        private_server: PrivateForkServer | None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> None:
        self._control = Channel(control)
        self._connection = Channel(connection)
        self._limits = limits
        self._private_server = private_server
        self._busy = threading.Lock()
        self._ending = threading.Lock()
        self._state = _State.RUNNING
        self._report: ExitReport | None = None
        self._we_killed = False
        self._oom_kills = memory_kills()
        self._events = Allowance(_EVENT_BURST, _EVENTS_PER_SECOND)
        self._event_flood = False
        self._drain = OutputDrain(drain_descriptor, self._kill, on_output)
        self.isolation_level = ""
        self.pid = 0

    @classmethod
    def start(
        cls,
        runtime: Runtime,
        limits: ResourceLimits,
        *,
        fork_server: str = "",
        isolation: str = "auto",
        gpu: int = 0,
        start_timeout_seconds: float = 60,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Self:
        """Start a model process and return once it waits for calls.

        ``fork_server`` is the path of a warm server's socket; with ``""`` a server is started that ends with the
        process, which costs seconds to import the framework. ``on_output`` gets the process's output as it comes, in a
        thread of its own. ``isolation`` is auto, namespaces, landlock or off. Raises SandboxUnavailable, BrokenError if
        the server cannot be reached, DeadlineExceeded.
        """
        deadline = time.monotonic() + start_timeout_seconds
        # A warm process that dies loses the request on its way to it, and the server then has a new process. Nothing of
        # the model has run yet, so asking again is safe.
        attempts = 2 if fork_server else 1
        while True:
            attempts -= 1
            private_server = None if fork_server else PrivateForkServer(runtime, isolation)
            process: Self | None = None
            try:
                connection = private_server.connection if private_server else connect(fork_server, deadline)
                process = cls._request(connection, limits, isolation, gpu, private_server, deadline, on_output)
                process._await_ready(deadline)
                return process
            except (ChannelClosed, FrameError) as error:
                if attempts and isinstance(error, ChannelClosed):
                    continue
                what = private_server.last_words() if private_server else f"see the log of the server at {fork_server}"
                raise BrokenError(f"the fork server for {runtime} gave up: {what or error}") from error
            except TimeoutError as error:
                raise DeadlineExceeded(
                    f"the model process for {runtime} did not start within {start_timeout_seconds:g} s",
                    hint="the machine is very busy, or the fork server hangs; see its log",
                ) from error
            finally:
                if process is None or not process.isolation_level:
                    if process is not None:
                        process.close()
                    elif private_server is not None:
                        private_server.close()

    @classmethod
    def _request(
        cls,
        connection: socket.socket,
        limits: ResourceLimits,
        isolation: str,
        gpu: int,
        private_server: PrivateForkServer | None,
        deadline: float,
        on_output: Callable[[bytes], None] | None,
    ) -> Self:
        ours, theirs = socket.socketpair()
        readable, writable = output_pipe()
        process = cls(
            control=ours,
            connection=connection,
            drain_descriptor=readable,
            limits=limits,
            private_server=private_server,
            on_output=on_output,
        )
        request = {"request": "start", "limits": asdict(limits), "isolation": isolation, "gpu": gpu}
        try:
            process._connection.send(request, [theirs.fileno(), writable], deadline=deadline)
        finally:
            theirs.close()
            os.close(writable)
        return process

    def _await_ready(self, deadline: float) -> None:
        started, _ = self._connection.receive(deadline=deadline)
        if "refused" in started:
            raise error_from_json(started["refused"])
        self.pid = int(started["pid"])
        try:
            ready, _ = self._control.receive(deadline=deadline)
        except ChannelClosed:
            raise self.explain_death("starting") from None
        if "refused" in ready:
            raise error_from_json(ready["refused"])
        self.isolation_level = str(started["level"])

    @property
    def output(self) -> str:
        """The last 64 KiB that the process printed."""
        return self._drain.text()

    @property
    def alive(self) -> bool:
        """False once the process has ended, for whatever reason."""
        if self._state is _State.ENDED:
            return False
        # The guardian sends only one message, when the process has ended.
        poller = select.poll()
        poller.register(self._connection, select.POLLIN)
        return not poller.poll(0)

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        arrays: Mapping[str, SharedArray] | None = None,
        files: Mapping[str, int] | None = None,
        timeout_seconds: float,
        on_event: EventCallback | None = None,
    ) -> dict[str, Any]:
        """Run ``method`` and return its result.

        Raises what the process reported (UserCodeError, ArgumentsError, DecodeError, ...), ModelProcessDied with a
        ``LimitReason``, or DeadlineExceeded after killing the process. ``on_event`` is called in
        this thread; if it raises, the process is ended and the error passes.
        """
        deadline = time.monotonic() + timeout_seconds
        self.begin_call(method, params or {}, arrays=arrays or {}, files=files or {}, timeout_seconds=timeout_seconds)
        return self.finish_call(method, deadline=deadline, timeout_seconds=timeout_seconds, on_event=on_event)

    def begin_call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        arrays: Mapping[str, SharedArray],
        files: Mapping[str, int],
        timeout_seconds: float = 30,
    ) -> None:
        """Send a request; ``finish_call`` must follow."""
        closed = [name for name, array in arrays.items() if array.fd < 0]
        if closed:
            raise BrokenError(f"cannot call {method!r} with closed arrays: {', '.join(closed)}")
        if not self._busy.acquire(timeout=timeout_seconds):
            raise BrokenError(f"the model process is busy with another call; {method!r} waited {timeout_seconds:g} s")
        descriptors = [array.fd for array in arrays.values()] + list(files.values())
        request = {
            "method": method,
            "params": dict(params),
            "arrays": {name: array.describe(index) for index, (name, array) in enumerate(arrays.items())},
            "files": {name: len(arrays) + index for index, name in enumerate(files)},
        }
        try:
            self._send(request, descriptors, method, time.monotonic() + timeout_seconds)
        except BaseException:
            self._busy.release()
            raise

    def _send(self, request: Mapping[str, Any], descriptors: list[int], method: str, deadline: float) -> None:
        try:
            self._control.send(request, descriptors, deadline=deadline)
        except FrameError as error:
            raise BrokenError(f"cannot call {method!r}: {error}") from error
        except TimeoutError as error:
            self.close()
            raise DeadlineExceeded(f"the model process did not take the call {method!r}; it was ended") from error
        except (ChannelClosed, OSError) as error:
            raise self.explain_death(method) from error

    def finish_call(
        self,
        method: str,
        *,
        deadline: float,
        timeout_seconds: float,
        on_event: EventCallback | None = None,
    ) -> dict[str, Any]:
        """Wait for the answer to ``begin_call``."""
        try:
            while True:
                received, _ = self._control.receive(deadline=deadline)
                frame = plain_document(received)
                if "event" not in frame:
                    return self._result(frame)
                self._deliver(frame, on_event)
        except TimeoutError as error:
            self.close()
            raise DeadlineExceeded(
                f"{method!r} did not finish within {timeout_seconds:g} s; the model process was ended"
            ) from error
        except FrameError as error:
            self.close()
            raise ModelProcessDied(
                f"the model process answered {method!r} with nonsense ({error}) and was ended",
                reason=LimitReason.CRASHED,
                hint="the code writes to descriptors that are not its own",
            ) from error
        except (ChannelClosed, OSError) as error:
            raise self.explain_death(method) from error
        finally:
            self._busy.release()

    def _result(self, frame: Mapping[str, Any]) -> dict[str, Any]:
        if "error" in frame:
            error = error_from_json(frame["error"])
            if isinstance(error, ModelProcessDied):
                # After running out of memory, the process cannot be relied on any more.
                self.close()
            raise error
        result = frame.get("result")
        if not isinstance(result, dict):
            raise FrameError("neither result nor error")
        return result

    def _deliver(self, frame: Mapping[str, Any], on_event: EventCallback | None) -> None:
        if not self._events.spend(1):
            self._event_flood = True
            self._kill()
        event, data = frame["event"], frame.get("data")
        if not isinstance(event, str) or not isinstance(data, dict):
            raise FrameError("malformed event")
        if on_event is None:
            return
        try:
            on_event(event, data)
        except BaseException:
            # The process must end: the rest of this answer will not be read, so later calls could not be matched to
            # their answers.
            self.close()
            raise

    def explain_death(self, doing: str) -> KafkaMLError:
        """Return the reason, as an error, why the process ended while ``doing`` something; ends it if necessary."""
        if self._state is _State.RUNNING and not self._we_killed:
            self._read_report(time.monotonic() + _GRACE_SECONDS)
        self.close()
        return death(
            doing=doing,
            report=self._report,
            limits=self._limits,
            output=self.output,
            flooded=self._drain.flooded or self._event_flood,
            ended_by_runner=self._we_killed,
            kernel_ran_out_of_memory=memory_kills() > self._oom_kills,
        )

    def close(self) -> None:
        """Kill the process and wait until nothing of it is left; harmless when it has ended already."""
        with self._ending:
            if self._state is _State.ENDED:
                return
            if self._report is None:
                self._we_killed = True
                self._kill()
                self._read_report(time.monotonic() + _EXIT_SECONDS)
            self._state = _State.ENDED
            self._control.close()
            self._connection.close()
            self._drain.join(_EXIT_SECONDS)
            if self._private_server is not None:
                self._private_server.close()

    def _kill(self) -> None:
        # The guardian reads the end of this direction as an order to kill. Either end may be gone already.
        with contextlib.suppress(OSError):
            self._connection.socket.shutdown(socket.SHUT_WR)

    def _read_report(self, deadline: float) -> None:
        try:
            while self._report is None:
                frame, _ = self._connection.receive(deadline=deadline)
                if "exited" in frame:
                    self._report = ExitReport.from_json(frame["exited"])
        except (TimeoutError, ChannelClosed, FrameError, OSError):
            # A missing report means that the guardian itself was killed, and the process with it.
            return
