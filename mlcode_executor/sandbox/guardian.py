"""The trusted process between the fork server and one model process: starts it, ends it with its runner, reports.

Forked for each request, so that a slow or broken client holds up nobody. Lives as long as its model process; holds
the connection to the runner, whose end is the order to kill.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from kafkaml.errors import BrokenError, KafkaMLError, SandboxUnavailable
from kafkaml.jobs import ResourceLimits
from mlcode_executor import child
from mlcode_executor.protocol import Channel, ChannelClosed, FrameError, error_to_json
from mlcode_executor.runtimes import Runtime, RuntimeModule
from mlcode_executor.sandbox.levels import Level, Sandbox
from mlcode_executor.sandbox.limits import Limits

__all__ = ["Warmth", "guard"]

_REQUEST_SECONDS = 10.0
_REPORT_SECONDS = 2.0
# How often a scratch folder on a real disk is measured; at level 1 the kernel bounds it.
_SCRATCH_CHECK_SECONDS = 0.2


@dataclass
class Warmth:
    """What a warm process hands to the guardians that it forks."""

    runtime: Runtime
    module: RuntimeModule
    sandbox: Sandbox
    # Descriptors of the fork server's own business.
    private_descriptors: tuple[int, ...]
    import_seconds: float
    served: int = 0


def guard(warmth: Warmth, connection: socket.socket) -> NoReturn:
    """Read one request and serve it to its end; never returns."""
    os.setsid()
    for descriptor in warmth.private_descriptors:
        # -1 where there is none.
        with contextlib.suppress(OSError):
            os.close(descriptor)
    channel = Channel(connection, accept_descriptors=True)
    try:
        request, descriptors = channel.receive(deadline=time.monotonic() + _REQUEST_SECONDS)
        if request.get("request") == "status":
            channel.send(_status(warmth), deadline=time.monotonic() + _REPORT_SECONDS)
        else:
            _Guardian(warmth, channel, request, descriptors).run()
    except (ChannelClosed, FrameError, TimeoutError):
        # The client left before it had anything: nothing was started.
        os._exit(0)
    os._exit(0)


def _status(warmth: Warmth) -> dict[str, Any]:
    return {
        "runtime": str(warmth.runtime),
        "served": warmth.served,
        "import_seconds": round(warmth.import_seconds, 3),
        **warmth.sandbox.describe(),
    }


class _Guardian:
    def __init__(self, warmth: Warmth, channel: Channel, request: Mapping[str, Any], descriptors: list[int]) -> None:
        self._warmth = warmth
        self._channel = channel
        self._request = request
        self._descriptors = descriptors
        self._limits = Limits.of(ResourceLimits(**request["limits"]))
        self._scratch = ""
        self._reason = ""

    def run(self) -> None:
        try:
            pid, alive = self._start()
        except (KafkaMLError, OSError) as error:
            known = error if isinstance(error, KafkaMLError) else BrokenError(f"cannot start a model process: {error}")
            self._channel.send({"refused": error_to_json(known)}, deadline=time.monotonic() + _REPORT_SECONDS)
            return
        started = {"pid": pid, "level": self._warmth.sandbox.name}
        with contextlib.suppress(ChannelClosed, TimeoutError):
            self._channel.send(started, deadline=time.monotonic() + _REPORT_SECONDS)
        report = self._watch(pid)
        os.close(alive)
        self._warmth.sandbox.clean(self._scratch)
        with contextlib.suppress(ChannelClosed, TimeoutError, OSError):
            self._channel.send({"exited": report}, deadline=time.monotonic() + _REPORT_SECONDS)

    def _start(self) -> tuple[int, int]:
        sandbox = self._warmth.sandbox
        if self._request["isolation"] not in ("auto", sandbox.name):
            raise SandboxUnavailable(
                f"isolation {self._request['isolation']!r} was asked for, but this fork server has {sandbox.name!r}",
                hint="start the fork server with --isolation as wanted",
            )
        control, output = self._descriptors
        self._scratch = sandbox.open(self._limits)
        # Its end tells the model process that the guardian is gone, should that happen while it closes the sandbox.
        watch, alive = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            os.close(alive)
            self._channel.close()
            _become_model_process(self._warmth, self._limits, self._request, self._scratch, control, output, watch)
        for descriptor in (control, output, watch):
            os.close(descriptor)
        return pid, alive

    def _watch(self, pid: int) -> dict[str, Any]:
        """Wait for the process to end, or end it; returns what is known of its end."""
        process = os.pidfd_open(pid)
        poller = select.poll()
        poller.register(process, select.POLLIN)
        poller.register(self._channel, select.POLLIN)
        deadline = time.monotonic() + self._limits.wall_seconds if self._limits.wall_seconds else None
        measured = self._warmth.sandbox.level is not Level.NAMESPACES
        while True:
            waits = [] if deadline is None else [max(0.0, deadline - time.monotonic())]
            waits += [_SCRATCH_CHECK_SECONDS] if measured else []
            ready = [descriptor for descriptor, _ in poller.poll(min(waits) * 1000 + 1 if waits else None)]
            if process in ready:
                break
            if ready:
                # The runner says nothing more: it closed its side, or died.
                self._end(process, "")
                break
            if deadline is not None and time.monotonic() >= deadline:
                self._end(process, "wall_time")
                break
            if measured and _overfull(self._scratch, self._limits):
                self._end(process, "output")
                break
        _, status, usage = os.wait4(pid, 0)
        os.close(process)
        return self._report(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)

    def _end(self, process: int, reason: str) -> None:
        self._reason = reason
        # It may have ended by itself this moment.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)

    def _report(self, status: int, cpu_seconds: float, max_rss_bytes: int) -> dict[str, Any]:
        code = os.waitstatus_to_exitcode(status)
        if not self._reason and code in (-signal.SIGKILL, -signal.SIGXCPU) and self._limits.cpu_seconds:
            # The kernel counts in ticks; a kill this close to the limit is the limit's.
            self._reason = "cpu_time" if cpu_seconds >= self._limits.cpu_seconds * 0.95 else ""
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
            # Removed between listing and looking.
            with contextlib.suppress(OSError):
                size += os.lstat(f"{folder}/{name}").st_blocks * 512
            if size > limits.scratch_bytes or files > limits.scratch_files:
                return True
    return False


def _become_model_process(
    warmth: Warmth,
    limits: Limits,
    request: Mapping[str, Any],
    scratch: str,
    control: int,
    output: int,
    guardian: int,
) -> NoReturn:
    """Close the sandbox and serve; whatever happens, nothing returns into the guardian's code."""
    try:
        _isolate_descriptors(control, output, guardian)
        connection = socket.socket(fileno=control)
        try:
            _new_environment(scratch, gpu=bool(request["gpu"]))
            warmth.sandbox.close(limits, scratch, gpu=bool(request["gpu"]))
            if select.select([guardian], [], [], 0)[0]:
                raise BrokenError("the guardian died")
            os.close(guardian)
        except (KafkaMLError, OSError) as error:
            known = error if isinstance(error, KafkaMLError) else SandboxUnavailable(f"cannot isolate: {error}")
            Channel(connection).send({"refused": error_to_json(known)})
            os._exit(1)
        child.serve(warmth.module, connection)
    finally:
        os._exit(1)


def _isolate_descriptors(control: int, output: int, guardian: int) -> None:
    # A group of its own: a signal to its group must not reach the guardian.
    os.setsid()
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    kept = sorted((0, 1, 2, control, guardian))
    for low, high in zip(kept, [*kept[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
        os.closerange(low + 1, high)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115


def _new_environment(scratch: str, *, gpu: bool) -> None:
    os.environ.update(
        HOME=scratch,
        TMPDIR=scratch,
        XDG_CACHE_HOME=f"{scratch}/.cache",
        KERAS_HOME=f"{scratch}/.keras",
        TORCH_HOME=f"{scratch}/.torch",
        MPLCONFIGDIR=f"{scratch}/.matplotlib",
        USER="model",
        LOGNAME="model",
    )
    if not gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    # Found by somebody in the fork server, for another folder.
    tempfile.tempdir = None
    # Every child would draw the same numbers otherwise.
    random.seed()
    np.random.seed()  # noqa: NPY002
