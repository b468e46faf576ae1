"""What code of PyTorch models finds without an import, and which of its variables is the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ignite.metrics
import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional
from torch.utils import data as torch_data

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks import pytorch_machine
from mlcode_executor.frameworks.source import is_of

__all__ = ["NAMES", "find_model"]

# What the code may use without an import.
NAMES: Mapping[str, Any] = {
    "torch": torch,
    "nn": nn,
    "F": functional,
    "optim": optim,
    "Dataset": torch_data.Dataset,
    "DataLoader": torch_data.DataLoader,
    "TensorDataset": torch_data.TensorDataset,
    "np": np,
    **{
        name: value
        for name, value in vars(ignite.metrics).items()
        if isinstance(value, type) and issubclass(value, ignite.metrics.Metric)
    },
}


def find_model(namespace: Mapping[str, Any]) -> Any:
    """Return the global ``model``; UserCodeError, with what to write, where there is none."""
    model = pytorch_machine.unwrapped(namespace.get("model"))
    if isinstance(model, nn.Module):
        return model
    others = [name for name, value in namespace.items() if isinstance(value, nn.Module)]
    classes = [
        name
        for name, value in namespace.items()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == "model_code"
    ]
    hint = f"write model = {others[0]} at the end" if others else ""
    hint = hint or (f"write model = {classes[-1]}() at the end" if classes else "")
    if model is not None:
        raise UserCodeError(
            f"the global 'model' is of type {type(model).__name__}: expected a torch.nn.Module",
            kind="invalid",
            hint="this is Keras code: choose TensorFlow as the framework" if is_of(model, "keras") else hint,
        )
    raise UserCodeError(
        "the code defines no global 'model': expected an instance of a torch.nn.Module", kind="missing", hint=hint
    )
