"""Conversion of a trained PyTorch model to ONNX: the fast exporter first, the thorough one where it fails."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from kafkaml.artifacts import ONNX_FILE
from mlcode_executor.frameworks.base import Array, scratch_folder
from mlcode_executor.frameworks.onnx_check import compare_and_write, not_converted
from mlcode_executor.frameworks.pytorch_named import tensors_of

__all__ = ["export_onnx"]

_OPSET = 18
# The thorough exporter takes ten seconds for a small model and never ends for some.
_DYNAMO_SECONDS = 90.0


class _TooLong(Exception):
    pass


def export_onnx(
    served: torch.nn.Module, features: Array, predict: Callable[[Array], list[Array]], descriptor: int
) -> dict[str, Any]:
    """Convert ``served``, which takes features as they were sent and returns a tuple of outputs."""
    reasons = []
    for exporter in (_export_by_tracing, _export_by_dynamo):
        with scratch_folder() as folder:
            path = folder / ONNX_FILE
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    exporter(served, features, path)
                result = compare_and_write(path, features, predict, descriptor)
            except Exception as error:  # noqa: BLE001  whatever the exporter meets, the framework still serves
                result = not_converted(f"{type(error).__name__}: {str(error)[:500]}")
        if result["converted"]:
            return result
        reasons.append(str(result["reason"]))
    return not_converted("; ".join(reasons))


def _sample(features: Array) -> dict[str, torch.Tensor]:
    """Return what ``served`` is given, in its order, by the names of the inputs."""
    # Use two samples, because exporters treat an axis of size one as a constant.
    tensors = tensors_of(features[[0, -1]], torch.device("cpu"))
    return tensors if isinstance(tensors, dict) else {"features": tensors}


def _export_by_tracing(served: torch.nn.Module, features: Array, path: Path) -> None:
    sample = _sample(features)
    with torch.no_grad():
        names = [f"output_{index}" for index in range(len(served(*sample.values())))]
    torch.onnx.export(
        served,
        tuple(sample.values()),
        str(path),
        input_names=list(sample),
        output_names=names,
        dynamic_axes={name: {0: "batch"} for name in [*sample, *names]},
        opset_version=_OPSET,
        dynamo=False,
    )


def _export_by_dynamo(served: torch.nn.Module, features: Array, path: Path) -> None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    sample, batch = _sample(features), torch.export.Dim("batch")
    with _time_limit(_DYNAMO_SECONDS):
        torch.onnx.export(
            served,
            tuple(sample.values()),
            str(path),
            input_names=list(sample),
            # The shapes form one tuple, because all inputs are the one argument ``*features``.
            dynamic_shapes=(tuple({0: batch} for _ in sample),),
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise _TooLong(f"the conversion took more than {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
