"""Targets: turns labels as they were sent into what a loss function of PyTorch takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from kafkaml.errors import DecodeError
from mlcode_executor.frameworks.base import Array, batches_of

__all__ = ["Targets"]

_CLASS_LOSSES = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss, nn.MultiLabelMarginLoss)
_CLASS_FUNCTIONS = (functional.cross_entropy, functional.nll_loss, functional.multi_margin_loss)
_SCANNED_ROWS = 1 << 16


class Targets:
    """Labels for one loss function.

    Losses over classes get int64 (or float probabilities, when labels have the shape of the prediction); other losses
    of PyTorch get floats in the shape of the prediction, (batch,) becoming (batch, 1), because broadcasting would train
    on nonsense silently. The user's own loss gets the labels as sent, as int64 or float32. Where it would broadcast
    these, but not labels in the prediction's shape, it gets the latter.

    ``prepare`` is given where the features are their own labels, which then get the same preparation.
    """

    def __init__(
        self, loss_fn: Callable[..., Any], prepare: Callable[[torch.Tensor], torch.Tensor] | None = None
    ) -> None:
        self._loss_fn = loss_fn
        self._prepare = prepare
        self._of_classes = isinstance(loss_fn, _CLASS_LOSSES) or loss_fn in _CLASS_FUNCTIONS
        modules = (type(loss_fn).__module__, getattr(loss_fn, "__module__", None))
        self._of_pytorch = any(str(module).startswith("torch.nn") for module in modules)
        # Whether labels for the user's own loss get the prediction's shape; None before both were seen.
        self._reshapes: bool | None = None

    def check(self, labels: Array, outputs: Sequence[tuple[int, ...] | None]) -> None:
        """Raise DecodeError for labels (n, ...) with fractions that a loss over classes would cut off."""
        probabilities = labels.ndim > 1 and len(outputs) == 1 and labels.shape[1:] == outputs[0]
        if not self._of_classes or probabilities or self._prepare is not None or labels.dtype.kind != "f":
            return
        for part in batches_of(len(labels), _SCANNED_ROWS):
            rows = labels[part]
            broken = rows[rows != np.floor(rows)]
            if broken.size:
                raise DecodeError(
                    f"the labels have fractions such as {float(broken[0]):g}: {type(self._loss_fn).__name__} takes the "
                    "numbers of classes",
                    hint="for a regression return nn.MSELoss() from loss_fn; probabilities need one column for each "
                    "output of the model",
                )

    def __call__(self, labels: torch.Tensor, prediction: Any) -> torch.Tensor:
        shape = prediction.shape if isinstance(prediction, torch.Tensor) else None
        if self._prepare is not None:
            labels = self._prepare(labels)
        if self._of_classes:
            return _classes(labels, prediction, shape)
        if self._of_pytorch and shape is not None:
            if labels.shape != shape:
                labels = _reshaped(labels, shape)
            return labels.to(prediction.dtype)
        labels = labels.to(torch.float32 if labels.is_floating_point() else torch.int64)
        if shape is None or labels.shape == shape or labels.numel() != prediction.numel():
            return labels
        if self._reshapes is None and len(labels) > 1:
            self._reshapes = self._broadcasts(prediction, labels) and not self._broadcasts(
                prediction, labels.reshape(shape)
            )
        return labels.reshape(shape) if self._reshapes else labels

    def _broadcasts(self, prediction: torch.Tensor, labels: torch.Tensor) -> bool:
        watch = _Broadcasts(len(labels))
        try:
            with torch.no_grad(), watch:
                self._loss_fn(prediction, labels)
        except Exception:  # noqa: BLE001  what it raises for this shape it raises again, in the training's own step
            return True
        return watch.found


class _Broadcasts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches whether (batch, 1) and (batch,) become (batch, batch): every sample compared with every other."""

    def __init__(self, batch: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._shapes = {(batch, 1), (batch,)}
        self._result = (batch, batch)
        self.found = False

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        answer = func(*args, **(kwargs or {}))
        given = {
            tuple(tree_leaf.shape) for tree_leaf in pytree.tree_leaves(args) if isinstance(tree_leaf, torch.Tensor)
        }
        made = [
            tuple(tree_leaf.shape) for tree_leaf in pytree.tree_leaves(answer) if isinstance(tree_leaf, torch.Tensor)
        ]
        self.found = self.found or (given >= self._shapes and self._result in made)
        return answer


def _classes(labels: torch.Tensor, prediction: Any, shape: torch.Size | None) -> torch.Tensor:
    if labels.ndim > 1 and labels.shape == shape:
        return labels.to(prediction.dtype)
    if shape is not None and labels.ndim == len(shape) and labels.ndim > 1:
        # Labels whose axis of classes has size 1 hold one class for each sample or pixel.
        for axis in (1, -1):
            if labels.shape[axis] == 1:
                return labels.squeeze(axis).to(torch.int64)
    return labels.to(torch.int64)


def _reshaped(labels: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    if labels.numel() == shape.numel():
        return labels.reshape(shape)
    raise DecodeError(
        f"labels of shape {tuple(labels.shape[1:])} do not fit the model's output of {tuple(shape[1:])}",
        hint="give the model's last layer as many units as a label has numbers, or send labels of the output's shape "
        "(label_reshape)",
    )
