"""Which module runs inside a model process of each runtime, and what that module must offer.

A runtime module (``mlcode_executor.frameworks.*``), which the framework's description names, has ``PRELOAD``, names of
modules that the fork server also imports, and ``create_handler()``; importing it must not run an operation nor start a
thread, or children hang. The handler's method ``warm_up`` is called in each standby process, inside its sandbox and
before any request. It may run slow first operations that a first call would otherwise wait for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, cast

from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.framework import Framework

if TYPE_CHECKING:
    # These imports are for types only, because the keeper of a fork server should stay small.
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "Emit",
    "Handler",
    "OwnRuntime",
    "Runtime",
    "RuntimeModule",
    "environment_of",
    "import_runtime",
    "runtime_named",
]

Emit = Callable[[str, dict[str, Any]], None]


class OwnRuntime(StrEnum):
    """Runtimes without a framework: ``ONNX`` serves converted models, ``PLAIN`` the tests of the sandbox."""

    ONNX = "onnx"
    PLAIN = "plain"


# The runtime that a fork server has imported: a framework's, or one without a framework.
Runtime = Framework | OwnRuntime


class Handler(Protocol):
    """What the dispatcher of the model process calls; one per process, from one thread."""

    def call(
        self,
        method: str,
        params: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        files: Mapping[str, int],
        emit: Emit,
    ) -> dict[str, Any]:
        """Run a method; the result must be JSON of less than 1 MiB, descriptors in ``files`` are closed afterwards."""

    def predict(self, features: npt.NDArray[Any], /) -> Sequence[npt.NDArray[np.generic]]:
        """Run the loaded model on (batch, *sample_shape); one array (batch, ...) for each output."""


class RuntimeModule(Protocol):
    """The module of a framework."""

    PRELOAD: Sequence[str]

    def create_handler(self) -> Handler:
        """Return a handler without a model."""


def runtime_named(name: str) -> Runtime:
    """Return the runtime of that name; ValueError if there is none."""
    return Framework(name) if name in FRAMEWORKS else OwnRuntime(name)


def environment_of(runtime: Runtime, scratch: str) -> dict[str, str]:
    """Return the environment variables that a framework needs, with ``scratch`` as the folder that it may write to."""
    if isinstance(runtime, OwnRuntime):
        return {}
    return {name: text.format(scratch=scratch) for name, text in FRAMEWORKS[runtime].environment.items()}


def import_runtime(runtime: Runtime) -> RuntimeModule:
    """Import the framework and its module; takes seconds, and is done once, in the fork server."""
    name = FRAMEWORKS[runtime].handler if isinstance(runtime, Framework) else runtime
    module = importlib.import_module(f"mlcode_executor.frameworks.{name}")
    for preloaded in module.PRELOAD:
        importlib.import_module(preloaded)
    return cast(RuntimeModule, module)
