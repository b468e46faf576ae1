"""Which module runs inside a model process of each runtime, and what that module must offer.

A runtime module (``mlcode_executor.frameworks.*``) has ``PRELOAD``, names of modules that the fork server also imports,
and ``create_handler()``; importing it must not run an operation nor start a thread, or children hang. The handler's
method ``warm_up`` is called in each standby process, inside its sandbox and before any request. It may run slow first
operations that a first call would otherwise wait for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    # Imported for types only, because the keeper of a fork server should stay small.
    import numpy as np
    import numpy.typing as npt

__all__ = ["Emit", "Handler", "Runtime", "RuntimeModule", "import_runtime"]

Emit = Callable[[str, dict[str, Any]], None]


class Runtime(StrEnum):
    """What a fork server has imported; ``PLAIN`` holds no framework and serves the tests of the sandbox."""

    TENSORFLOW = "tensorflow"
    PYTORCH = "pytorch"
    ONNX = "onnx"
    PLAIN = "plain"


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


_MODULES: Mapping[Runtime, str] = {
    Runtime.TENSORFLOW: "mlcode_executor.frameworks.keras",
    Runtime.PYTORCH: "mlcode_executor.frameworks.pytorch",
    Runtime.ONNX: "mlcode_executor.frameworks.onnx",
    Runtime.PLAIN: "mlcode_executor.frameworks.plain",
}


def import_runtime(runtime: Runtime) -> RuntimeModule:
    """Import the framework and its module; takes seconds, and is done once, in the fork server."""
    module = importlib.import_module(_MODULES[runtime])
    for name in module.PRELOAD:
        importlib.import_module(name)
    return cast(RuntimeModule, module)
