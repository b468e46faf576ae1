"""Model processes for the tests of frameworks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import Runtime
from mlcode_executor.shared_array import SharedArray

StartProcess = Callable[[Runtime], "Model"]


@dataclass
class Model:
    """A model process called with plain arrays and files, where production code passes descriptors."""

    process: ModelProcess
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def call(self, method: str, params: dict[str, Any] | None = None, **arrays: NDArray[Any]) -> dict[str, Any]:
        """Call a method; it fills the array ``out``, and can only read all others."""
        with ExitStack() as stack:
            shared: dict[str, SharedArray] = {}
            for name, array in arrays.items():
                shared[name] = stack.enter_context(
                    SharedArray.allocate(array.shape, array.dtype, writable=name == "out")
                )
                shared[name].array[...] = array
            answer = self.process.call(
                method,
                params or {},
                arrays=shared,
                timeout_seconds=400,
                on_event=lambda kind, data: self.events.append((kind, data)),
            )
            if "out" in shared:
                arrays["out"][...] = shared["out"].array
            return answer


@pytest.fixture
def start_model(fork_server_of: Callable[[Runtime], str]) -> Iterator[StartProcess]:
    """Starts model processes, which end with the test."""
    with ExitStack() as stack:

        def start(runtime: Runtime) -> Model:
            process = ModelProcess.start(runtime, ResourceLimits(), fork_server=fork_server_of(runtime))
            return Model(stack.enter_context(process))

        yield start


@pytest.fixture(scope="session")
def digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """1,797 images of handwritten digits, (n, 8, 8) uint8 from 0 to 16, and their classes, shuffled."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return data.images[order].astype(np.uint8), data.target[order].astype(np.uint8)
