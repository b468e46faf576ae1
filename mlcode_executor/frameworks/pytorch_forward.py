"""Forward: runs a PyTorch model on features as they were sent; what comes out keeps its batch axis.

Used by the loop that trains, by prediction and serving, and, as a module, by the conversion to ONNX.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils import _pytree as pytree

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks.base import Array
from mlcode_executor.frameworks.pytorch_input import device_of, has_lazy_parameters, undisturbed
from mlcode_executor.frameworks.pytorch_named import AnyPreparation, NamedPreparation, Tensors, ask, mapped, prepared

__all__ = ["Forward", "Served", "named_outputs", "to_arrays"]

# Tensor types that NumPy does not have.
_ARRAY_TYPES = {torch.bfloat16: torch.float32}


class Forward:
    """A model and the preparation of its features. ``outputs`` are the shapes of one sample's answers, in order.

    Made with samples (n, ...): two of them are predicted, which also gives lazy parameters their sizes. A shape is None
    where the first axis of an answer is not the batch.
    """

    def __init__(self, model: nn.Module, preparation: AnyPreparation, samples: Array) -> None:
        self.model = model
        self.preparation = preparation
        inputs = preparation.tensor(np.ascontiguousarray(samples[[0, -1]]), device_of(model))
        if has_lazy_parameters(model):
            training = model.training
            with torch.no_grad():
                ask(model.eval(), inputs)
            model.train(training)
        with torch.no_grad(), undisturbed(model):
            answer = ask(model, inputs)
        self.outputs = [tuple(tensor.shape[1:]) if tensor.shape[:1] == (2,) else None for tensor in _tensors(answer)]

    def __call__(self, inputs: Tensors) -> Any:
        """Return the model's answer for prepared ``inputs`` (batch, ...), one or several, in its own structure.

        ``squeeze()`` removes the batch axis of a single sample, which is restored.
        """
        if len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs) != 1:
            return ask(self.model, inputs)
        if self.model.training:
            answer = ask(self.model, inputs)
            restored = self._with_batch_axis(answer)
            return answer if restored is None else restored
        try:
            answer = self._with_batch_axis(ask(self.model, inputs))
        except (RuntimeError, IndexError, ValueError, TypeError):
            answer = None
        # Models that fail with a single sample work with two, or raise a clearer error.
        if answer is not None:
            return answer
        return pytree.tree_map(_first, ask(self.model, mapped(lambda tensor: torch.cat([tensor, tensor]), inputs)))

    def _with_batch_axis(self, answer: Any) -> Any | None:
        """Return ``answer`` with (1, ...) tensors of the known shapes; None when they cannot be that."""
        leaves, structure = pytree.tree_flatten(answer)
        shapes = iter(self.outputs)
        for index, leaf in enumerate(leaves):
            shape = next(shapes, None) if isinstance(leaf, torch.Tensor) else None
            if shape is None or tuple(leaf.shape) == (1, *shape):
                continue
            if leaf.numel() != int(np.prod(shape)):
                return None
            leaves[index] = leaf.reshape(1, *shape)
        return pytree.tree_unflatten(leaves, structure)

    def predict(self, features: Array) -> list[Array]:
        """Return the answers for (batch, *sample_shape) as sent, the model being in evaluation."""
        if self.model.training:
            self.model.eval()
        with torch.no_grad():
            return to_arrays(self(self.preparation.tensor(np.ascontiguousarray(features), device_of(self.model))))


class Served(nn.Module):
    """The model as it is served: features as they were sent in, a tuple of outputs out.

    Several inputs are arguments in the order of ``names``.
    """

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self._model = forward.model
        self._preparation = forward.preparation
        self._outputs = forward.outputs
        self.names = list(forward.preparation.inputs) if isinstance(forward.preparation, NamedPreparation) else []

    def forward(self, *features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = dict(zip(self.names, features, strict=True)) if self.names else features[0]
        inputs = prepared(self._preparation, given)
        answers = zip(_tensors(ask(self._model, inputs)), self._outputs, strict=True)
        # The graph serves any number of samples, so a single one must keep its batch axis.
        return tuple(
            (answer if shape is None else answer.reshape(-1, *shape)).to(_ARRAY_TYPES.get(answer.dtype, answer.dtype))
            for answer, shape in answers
        )


def named_outputs(answer: Any) -> list[tuple[str, torch.Tensor]]:
    """Return the tensors of an answer with their names, in the order in which forward returns them."""
    found = list(_named(answer, ""))
    if len(found) == 1 and not found[0][0]:
        return [("output", found[0][1])]
    return [(name or "output", tensor) for name, tensor in found]


def to_arrays(answer: Any) -> list[Array]:
    """Return an answer's tensors as arrays; raises UserCodeError for those that are not real numbers."""
    arrays: list[Array] = []
    for name, tensor in named_outputs(answer):
        if tensor.is_complex() or tensor.is_quantized:
            raise UserCodeError(
                f"the model's {name} is of type {tensor.dtype}: expected real numbers",
                kind="invalid",
                hint="return torch.view_as_real(answer), or answer.abs()",
            )
        if tensor.layout is not torch.strided:
            tensor = tensor.to_dense()
        arrays.append(tensor.to(_ARRAY_TYPES.get(tensor.dtype, tensor.dtype)).detach().cpu().numpy())
    return arrays


def _named(answer: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(answer, torch.Tensor):
        yield name, answer
    elif isinstance(answer, Mapping):
        for key, part in answer.items():
            yield from _named(part, f"{name}_{key}" if name else str(key))
    elif isinstance(answer, (list, tuple)):
        names: Sequence[str] = getattr(answer, "_fields", [str(index) for index in range(len(answer))])
        prefix = name or ("" if hasattr(answer, "_fields") else "output")
        for key, part in zip(names, answer, strict=True):
            yield from _named(part, f"{prefix}_{key}" if prefix else key)
    else:
        raise UserCodeError(f"the model's forward returns {type(answer).__name__}: expected tensors", kind="invalid")


def _tensors(answer: Any) -> list[torch.Tensor]:
    return [tensor for _, tensor in named_outputs(answer)]


def _first(value: Any) -> Any:
    return value[:1] if isinstance(value, torch.Tensor) else value
