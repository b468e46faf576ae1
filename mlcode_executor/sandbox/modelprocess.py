"""The first steps of a model process, from the guardian's fork to the loop that answers calls.

Runs trusted code only: it closes the sandbox, lets the framework warm up inside it, and waits for the request that
brings the limits and the channel to the runner. User code comes with the calls.
"""

from __future__ import annotations

import os
import random
import select
import socket
import sys
import tempfile
from typing import NoReturn

# ``numpy.random`` is imported in the warm process, because NumPy would otherwise load it lazily in every child.
import numpy.random

from kafkaml.errors import BrokenError, KafkaMLError, SandboxUnavailable
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor import child
from mlcode_executor.protocol import Channel, error_to_json
from mlcode_executor.runtimes import Runtime, RuntimeModule, environment_of
from mlcode_executor.sandbox.levels import Sandbox
from mlcode_executor.sandbox.limits import Limits, private_memory

__all__ = ["run"]


def run(runtime: Runtime, module: RuntimeModule, sandbox: Sandbox, scratch: str, link: int, guardian: int) -> NoReturn:
    """Stand by, then serve. Never returns into the guardian's code.

    ``link`` is the socket to the guardian, ``guardian`` a pipe that ends with it.
    """
    try:
        _isolate_descriptors(link, guardian)
        channel = Channel(socket.socket(fileno=link), accept_descriptors=True)
        # With a GPU the request decides which devices stay open. Without one, everything can be done ahead.
        early = not sandbox.has_gpu
        try:
            _new_environment(runtime, scratch)
            shared = private_memory()
            if early:
                sandbox.close(scratch, gpu=False)
            if select.select([guardian], [], [], 0)[0]:
                raise BrokenError("the guardian died")
            handler = module.create_handler()
            if early:
                handler.call("warm_up", {}, {}, {}, _ignore)
                shared = private_memory(otherwise=shared)
            channel.send({"standing_by": True})
        except Exception as error:  # noqa: BLE001  the guardian reports it to the next client
            known = error if isinstance(error, KafkaMLError) else SandboxUnavailable(f"cannot isolate: {error}")
            channel.send({"failed": error_to_json(known)})
            os._exit(1)
        order, (control, output) = channel.receive()
        channel.close()
        if order["gpu"]:
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        if not early:
            sandbox.close(scratch, gpu=order["gpu"])
        os.close(guardian)
        _take_output(output)
        Limits.of(ResourceLimits(**order["limits"])).apply(shared)
        child.serve(handler, socket.socket(fileno=control))
    finally:
        os._exit(1)


def _ignore(_event: str, _data: object) -> None:
    """Drop an event: nobody listens to events of the warm-up."""


def _isolate_descriptors(link: int, guardian: int) -> None:
    # Use a process group of its own, so that a signal to the group does not reach the guardian.
    os.setsid()
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    kept = sorted((0, 1, 2, link, guardian))
    for low, high in zip(kept, [*kept[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
        os.closerange(low + 1, high)


def _take_output(output: int) -> None:
    """Print to ``output`` from now on, instead of the fork server's log."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115


def _new_environment(runtime: Runtime, scratch: str) -> None:
    os.environ.update(
        HOME=scratch,
        TMPDIR=scratch,
        XDG_CACHE_HOME=f"{scratch}/.cache",
        MPLCONFIGDIR=f"{scratch}/.matplotlib",
        USER="model",
        LOGNAME="model",
        CUDA_VISIBLE_DEVICES="",
        **environment_of(runtime, scratch),
    )
    # Reset the temporary folder, because code in the fork server may have cached another one.
    tempfile.tempdir = None
    # Seed the random generators again, because every child would otherwise draw the same numbers.
    random.seed()
    numpy.random.seed()
