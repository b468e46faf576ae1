"""The trusted process between the fork server and one model process: starts it, ends it with its runner, reports.

One guardian stands by with a model process ready and takes the next request from the fork server's socket, upon which
another is forked. It lives as long as its model process and holds the connection to the runner. When that closes, it
kills the process.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from dataclasses import dataclass
from typing import Any, NoReturn

from kafkaml.errors import BrokenError, KafkaMLError, SandboxUnavailable
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.protocol import Channel, ChannelClosed, FrameError, error_from_json, error_to_json
from mlcode_executor.runtimes import Runtime, RuntimeModule
from mlcode_executor.sandbox import modelprocess
from mlcode_executor.sandbox.levels import Level, Sandbox
from mlcode_executor.sandbox.limits import Limits

__all__ = ["Warmth", "stand_by"]

_REQUEST_SECONDS = 10.0
_REPORT_SECONDS = 2.0
# How often a scratch folder on a real disk is measured; at level 1 the kernel bounds it.
_SCRATCH_CHECK_SECONDS = 0.2


@dataclass
class Warmth:
    """The context that a warm process passes to the guardians it forks."""

    runtime: Runtime
    module: RuntimeModule
    sandbox: Sandbox
    # Descriptors that belong to the fork server alone.
    private_descriptors: tuple[int, ...] = ()
    import_seconds: float = 0.0
    served: int = 0


def stand_by(warmth: Warmth, listener: socket.socket, lifeline: int, taken: int) -> NoReturn:
    """Prepare a model process, wait for the request that takes it, and see it to its end; never returns.

    Writes a byte to ``taken`` when a request has come, so that the next guardian is forked. Exits without having served
    when ``lifeline`` ends.
    """
    os.setsid()
    for descriptor in warmth.private_descriptors:
        # A descriptor of -1 stands for a missing one.
        with contextlib.suppress(OSError):
            os.close(descriptor)
    guardian = _Guardian(warmth)
    try:
        guardian.prepare(lifeline)
        request = guardian.await_request(listener, lifeline)
        os.write(taken, b"t")
        for inherited in (listener.fileno(), lifeline, taken):
            os.close(inherited)
        guardian.serve(request)
    except _ServerGone:
        os._exit(0)
    os._exit(0)


class _ServerGone(Exception):
    """The fork server ends or is being replaced, so a guardian without a request must exit."""


@dataclass
class _Request:
    channel: Channel
    document: dict[str, Any]
    descriptors: list[int]


class _Guardian:
    def __init__(self, warmth: Warmth) -> None:
        self._warmth = warmth
        self._sandbox = warmth.sandbox
        self._scratch = ""
        self._pid = 0
        self._reason = ""
        # Why there is no model process; sent to the client that asks for one.
        self._problem: KafkaMLError | None = None

    def prepare(self, lifeline: int) -> None:
        """Fork the model process and wait until it stands by, its sandbox closed where that can be done early."""
        try:
            self._scratch = self._sandbox.open()
            self._link, theirs = (Channel(end) for end in socket.socketpair())
            # A pipe whose end shows the model process that the guardian is gone, even before the kernel kills the
            # process for it.
            watch, self._alive = os.pipe2(os.O_CLOEXEC)
            self._pid = os.fork()
            if self._pid == 0:
                os.close(self._alive)
                runtime, module = self._warmth.runtime, self._warmth.module
                modelprocess.run(runtime, module, self._sandbox, self._scratch, theirs.fileno(), watch)
            theirs.close()
            os.close(watch)
            if lifeline in select.select([self._link.fileno(), lifeline], [], [])[0]:
                self._give_up()
            answer, _ = self._link.receive(deadline=time.monotonic() + _REQUEST_SECONDS)
            if "failed" in answer:
                self._problem = error_from_json(answer["failed"])
        except (OSError, ChannelClosed, FrameError, TimeoutError) as error:
            self._problem = SandboxUnavailable(f"cannot prepare a model process: {error or type(error).__name__}")

    def await_request(self, listener: socket.socket, lifeline: int) -> _Request:
        """Answer requests for the status until one asks for a model process; return that request."""
        while True:
            if lifeline in select.select([listener.fileno(), lifeline], [], [])[0]:
                self._give_up()
            try:
                connection, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                # Another guardian took the connection, or the client left.
                continue
            channel = Channel(connection, accept_descriptors=True)
            try:
                document, descriptors = channel.receive(deadline=time.monotonic() + _REQUEST_SECONDS)
                if document.get("request") != "status":
                    return _Request(channel, document, descriptors)
                channel.send(self._status(), deadline=time.monotonic() + _REPORT_SECONDS)
            except (ChannelClosed, FrameError, TimeoutError):
                # The client left before it sent a request.
                pass
            channel.close()

    def _status(self) -> dict[str, Any]:
        return {
            "runtime": str(self._warmth.runtime),
            "served": self._warmth.served,
            "import_seconds": round(self._warmth.import_seconds, 3),
            **self._sandbox.describe(),
        }

    def _give_up(self) -> NoReturn:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        self._sandbox.clean(self._scratch)
        raise _ServerGone

    def serve(self, request: _Request) -> None:
        """Hand the model process to the client, and report its end."""
        channel = request.channel
        try:
            limits = self._hand_over(request)
        except (KafkaMLError, OSError, ChannelClosed, TypeError, KeyError, ValueError) as error:
            known = error if isinstance(error, KafkaMLError) else BrokenError(f"cannot start a model process: {error}")
            with contextlib.suppress(ChannelClosed, TimeoutError):
                channel.send({"refused": error_to_json(known)}, deadline=time.monotonic() + _REPORT_SECONDS)
            with contextlib.suppress(_ServerGone):
                self._give_up()
            return
        started = {"pid": self._pid, "level": self._sandbox.name}
        with contextlib.suppress(ChannelClosed, TimeoutError):
            channel.send(started, deadline=time.monotonic() + _REPORT_SECONDS)
        report = self._watch(channel, limits)
        os.close(self._alive)
        self._sandbox.clean(self._scratch)
        with contextlib.suppress(ChannelClosed, TimeoutError, OSError):
            channel.send({"exited": report}, deadline=time.monotonic() + _REPORT_SECONDS)

    def _hand_over(self, request: _Request) -> Limits:
        if self._problem is not None:
            raise self._problem
        wanted = request.document["isolation"]
        if wanted not in ("auto", self._sandbox.name):
            raise SandboxUnavailable(
                f"isolation {wanted!r} was asked for, but this fork server has {self._sandbox.name!r}",
                hint="start the fork server with --isolation as wanted",
            )
        limits = Limits.of(ResourceLimits(**request.document["limits"]))
        self._sandbox.resize(limits)
        order = {"limits": request.document["limits"], "gpu": bool(request.document["gpu"])}
        self._link.send(order, request.descriptors, deadline=time.monotonic() + _REPORT_SECONDS)
        for descriptor in request.descriptors:
            os.close(descriptor)
        self._link.close()
        return limits

    def _watch(self, channel: Channel, limits: Limits) -> dict[str, Any]:
        """Wait for the process to end, or end it; returns what is known about its end."""
        process = os.pidfd_open(self._pid)
        poller = select.poll()
        poller.register(process, select.POLLIN)
        poller.register(channel, select.POLLIN)
        deadline = time.monotonic() + limits.wall_seconds if limits.wall_seconds else None
        measured = self._sandbox.level is not Level.NAMESPACES
        while True:
            waits = [] if deadline is None else [max(0.0, deadline - time.monotonic())]
            waits += [_SCRATCH_CHECK_SECONDS] if measured else []
            ready = [descriptor for descriptor, _ in poller.poll(min(waits) * 1000 + 1 if waits else None)]
            if process in ready:
                break
            if ready:
                # The runner's end is readable only when the runner has closed it or died.
                self._end(process, "")
                break
            if deadline is not None and time.monotonic() >= deadline:
                self._end(process, "wall_time")
                break
            if measured and _overfull(self._scratch, limits):
                self._end(process, "output")
                break
        _, status, usage = os.wait4(self._pid, 0)
        os.close(process)
        return self._report(limits, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)

    def _end(self, process: int, reason: str) -> None:
        self._reason = reason
        # The process may have ended on its own just now.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)

    def _report(self, limits: Limits, status: int, cpu_seconds: float, max_rss_bytes: int) -> dict[str, Any]:
        code = os.waitstatus_to_exitcode(status)
        if not self._reason and code in (-signal.SIGKILL, -signal.SIGXCPU) and limits.cpu_seconds:
            # The kernel counts in ticks, so a kill this close to the limit was caused by the limit.
            self._reason = "cpu_time" if cpu_seconds >= limits.cpu_seconds * 0.95 else ""
        return {
            "code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "reason": self._reason,
            "cpu_seconds": cpu_seconds,
            "max_rss_bytes": max_rss_bytes,
        }


def _overfull(scratch: str, limits: Limits) -> bool:
    size = files = 0
    for folder, _, names in os.walk(scratch):
        for name in names:
            files += 1
            # The file was removed between listing and inspection.
            with contextlib.suppress(OSError):
                size += os.lstat(f"{folder}/{name}").st_blocks * 512
            if size > limits.scratch_bytes or files > limits.scratch_files:
                return True
    return False
