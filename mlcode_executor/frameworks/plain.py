"""A runtime without a framework: runs Python in the model process. For the sandbox's own tests and self-checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.errors import BrokenError
from mlcode_executor.frameworks.source import execute

__all__ = ["PRELOAD", "PlainHandler", "create_handler"]

PRELOAD: Sequence[str] = ()


class PlainHandler:
    """``run {code}`` executes; the dictionary ``result`` that the code leaves behind is the answer."""

    def __init__(self) -> None:
        self._predict: Callable[[npt.NDArray[Any]], Any] = lambda features: features

    def call(
        self,
        method: str,
        params: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        files: Mapping[str, int],
        emit: Callable[[str, dict[str, Any]], None],
    ) -> dict[str, Any]:
        """Run one of ``echo``, ``run`` (names ``arrays``, ``files``, ``emit`` and ``np`` are given to the code)."""
        if method == "warm_up":
            return {}
        if method == "echo":
            return {"params": dict(params), "pid": os.getpid()}
        if method == "run":
            names = {"arrays": arrays, "files": files, "emit": emit, "np": np}
            namespace = execute(params["code"], "", names)
            self._predict = namespace.get("predict", self._predict)
            result: dict[str, Any] = namespace.get("result", {})
            return result
        raise BrokenError(f"the plain runtime has no method {method!r}: expected echo or run")

    def predict(self, features: npt.NDArray[Any], /) -> Sequence[npt.NDArray[np.generic]]:
        """Apply the function ``predict`` that the last ``run`` defined; the identity before."""
        return [np.asarray(self._predict(features))]


def create_handler() -> PlainHandler:
    """Return a new handler."""
    return PlainHandler()
