"""What can be said of a PyTorch model once its code ran: what it defines, shapes as far as known, parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import ignite
import torch
from ignite.metrics import Metric
from torch import nn

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks.base import ModelReport, TensorSpec, common_versions
from mlcode_executor.frameworks.pytorch_loop import features_dtype
from mlcode_executor.frameworks.source import user_code

__all__ = ["check_definitions", "describe", "output_of", "versions"]

_REQUIRED = {
    "loss_fn": "def loss_fn(self): return nn.CrossEntropyLoss()",
    "optimizer": "def optimizer(self): return torch.optim.Adam(self.parameters(), lr=0.001)",
    "metrics": 'def metrics(self): return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}',
}
# Sizes of images to try a convolutional network with: its code does not say which it takes.
_IMAGE_SIZES = (28, 32, 64, 96, 128, 224)
_CONVOLUTIONS: Mapping[Any, int] = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}


def versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
    return {**common_versions(), "torch": str(torch.__version__), "ignite": ignite.__version__}


def check_definitions(model: Any) -> None:
    """Raise UserCodeError unless ``loss_fn``, ``optimizer`` and ``metrics`` are there and return what is needed."""
    missing = [name for name in _REQUIRED if not callable(getattr(model, name, None))]
    if missing:
        raise UserCodeError(
            f"the model {type(model).__name__} has no method {', '.join(missing)}: expected the methods "
            f"{', '.join(_REQUIRED)}",
            kind="missing",
            hint=f"for example {_REQUIRED[missing[0]]}",
        )
    with user_code():
        loss_fn, optimizer, metrics = model.loss_fn(), model.optimizer(), model.metrics()
    wrong = ""
    if not callable(loss_fn):
        wrong = f"loss_fn() returns {_kind(loss_fn)}: expected a loss function such as nn.CrossEntropyLoss()"
    elif not isinstance(optimizer, torch.optim.Optimizer):
        wrong = f"optimizer() returns {_kind(optimizer)}: expected an optimiser such as torch.optim.Adam(...)"
    elif not isinstance(metrics, Mapping) or not all(isinstance(each, Metric) for each in metrics.values()):
        wrong = f"metrics() returns {_kind(metrics)}: expected a dict of Ignite metrics by name"
    if wrong:
        name = wrong.split("(")[0]
        method = getattr(type(model), name, None)
        raise UserCodeError(
            wrong,
            line=method.__code__.co_firstlineno if inspect.isfunction(method) else None,
            kind="invalid",
            hint=f"for example {_REQUIRED[name]}",
        )


def describe(model: Any) -> ModelReport:
    """Return the report of a model that passed ``check_definitions``."""
    notes: list[str] = []
    parameters = sum(each.numel() for each in model.parameters() if not _is_lazy(each))
    inputs, probes = _input(model, notes)
    outputs = _probe(model, probes)
    if not outputs:
        notes.append("the output's shape is known when the first data arrive")
    return ModelReport(
        summary=_summary(model, parameters),
        inputs=inputs,
        outputs=outputs,
        parameters=parameters,
        trainable_parameters=sum(
            each.numel() for each in model.parameters() if each.requires_grad and not _is_lazy(each)
        ),
        warnings=_warnings(model),
        notes=notes,
        versions=versions(),
    )


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _is_lazy(parameter: Any) -> bool:
    return isinstance(parameter, nn.parameter.UninitializedParameter)


def _leaves(model: Any) -> Iterator[Any]:
    """Modules without children, in the order in which the code defines them."""
    return (module for module in model.modules() if not list(module.children()))


def _input(model: Any, notes: list[str]) -> tuple[list[TensorSpec], list[tuple[int, ...]]]:
    """Return what the first layer with parameters says of the input, and sample shapes to try."""
    names = [
        name
        for name, each in inspect.signature(model.forward).parameters.items()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    name = names[0] if names else "input"
    dtype = str(features_dtype(model)).removeprefix("torch.")
    flattened = False
    for module in _leaves(model):
        flattened = flattened or isinstance(module, nn.Flatten)
        if isinstance(module, nn.Linear) and not isinstance(module, nn.LazyLinear):
            size = module.in_features
            if flattened:
                notes.append(f"samples of any shape with {size} elements: the model flattens them")
            return [TensorSpec(name, (None, size), dtype)], [(size,)]
        for kind, axes in _CONVOLUTIONS.items():
            if isinstance(module, kind):
                channels = int(module.in_channels)
                notes.append(f"samples of {channels} channels; their size is not in the code")
                shapes = [(channels, *(size,) * axes) for size in _IMAGE_SIZES]
                return [TensorSpec(name, (None, channels, *(None,) * axes), dtype)], shapes
        if isinstance(module, nn.RNNBase):
            if module.batch_first:
                return [TensorSpec(name, (None, None, module.input_size), dtype)], [(4, module.input_size)]
            return [TensorSpec(name, (None, None, module.input_size), dtype)], []
        if isinstance(module, nn.Embedding):
            return [TensorSpec(name, (None, None), dtype)], [(4,)]
        if any(True for _ in module.parameters(recurse=False)):
            break
    notes.append("the input's shape is known when the first data arrive")
    return [], []


def _probe(model: Any, shapes: list[tuple[int, ...]]) -> list[TensorSpec]:
    """Return the outputs for the first of ``shapes`` that the model takes, without changing the model."""
    training = model.training
    model.eval()
    try:
        for shape in shapes:
            # On the meta device shapes are computed and numbers are not: the first real operation takes longer than
            # all the rest of a check.
            try:
                return _output_specs(output_of(model, shape))
            except (AttributeError, NameError):
                # Wrong for every input, so better told now than when training starts.
                raise
            except Exception:  # noqa: BLE001, S112  the shape is a guess: only real data can tell whether this is one
                continue
        return []
    finally:
        model.train(training)


def output_of(model: Any, shape: tuple[int, ...]) -> Any:
    """Return what the model's forward returns for two samples of ``shape``, as tensors without numbers."""
    tensors = {
        name: torch.empty_like(tensor, device="meta")
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }
    sample = torch.empty((2, *shape), dtype=features_dtype(model), device="meta")
    # Tensors that the model's forward makes are on that device too.
    with torch.no_grad(), torch.device("meta"):
        return torch.func.functional_call(model, tensors, (sample,))


def _output_specs(answer: Any) -> list[TensorSpec]:
    answers = answer if isinstance(answer, (tuple, list)) else [answer]
    tensors = [each for each in answers if isinstance(each, torch.Tensor) and each.ndim]
    return [
        TensorSpec(
            "output" if len(tensors) == 1 else f"output_{index}",
            (None, *each.shape[1:]),
            str(each.dtype).removeprefix("torch."),
        )
        for index, each in enumerate(tensors)
    ]


def _summary(model: Any, parameters: int) -> str:
    rows = [("Layer", "Type", "Parameters")]
    for name, module in model.named_modules():
        if name and not list(module.children()):
            count = sum(each.numel() for each in module.parameters(recurse=False) if not _is_lazy(each))
            rows.append((name, str(module), f"{count:,}"))
    widths = [min(60, max(len(row[column]) for row in rows)) for column in range(3)]
    lines = [f"{row[0]:<{widths[0]}}  {row[1][:60]:<{widths[1]}}  {row[2]:>{widths[2]}}".rstrip() for row in rows]
    lines.insert(1, "-" * (sum(widths) + 4))
    return "\n".join([type(model).__name__, *lines, f"Total parameters: {parameters:,}"])


def _warnings(model: Any) -> list[str]:
    warnings = []
    leaves = list(_leaves(model))
    for module in leaves:
        if isinstance(module, (nn.Softmax, nn.LogSoftmax)) and module.dim is None:
            warnings.append(
                f"nn.{type(module).__name__}() without dim guesses its axis and is deprecated: write "
                f"nn.{type(module).__name__}(dim=1)"
            )
            break
    loss_fn = model.loss_fn()
    last = leaves[-1] if leaves else None
    if isinstance(loss_fn, nn.CrossEntropyLoss) and isinstance(last, nn.Softmax):
        warnings.append(
            "nn.CrossEntropyLoss takes raw scores, but the last layer already applies nn.Softmax: remove the Softmax; "
            "it is trained as written"
        )
    elif isinstance(loss_fn, nn.BCEWithLogitsLoss) and isinstance(last, nn.Sigmoid):
        warnings.append(
            "nn.BCEWithLogitsLoss takes raw scores, but the last layer already applies nn.Sigmoid: write nn.BCELoss; "
            "it is trained as written"
        )
    elif isinstance(loss_fn, nn.NLLLoss) and isinstance(last, nn.Softmax):
        warnings.append(
            "nn.NLLLoss takes log-probabilities, but the last layer is nn.Softmax: write nn.LogSoftmax(dim=1); "
            "it is trained as written"
        )
    return warnings
