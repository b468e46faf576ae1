"""The state of a PyTorch model: parameters, buffers, what its modules keep in attributes, its optimiser.

Called by the handler, inside the model process. ``pytorch_weights`` handles the part that serving needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch
from torch import nn

from mlcode_executor.frameworks.base import Array
from mlcode_executor.frameworks.state import (
    State,
    Unsavable,
    generator_state,
    refuse_other_model,
    set_generator_state,
)

__all__ = [
    "copies",
    "exchanged",
    "new_state",
    "put_copies",
    "put_model",
    "put_weights",
    "take_model",
    "take_weights",
    "weights",
]

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def new_state() -> State:
    """Return an empty state that takes tensors of every type."""
    return State("pytorch", to_array=_to_array, from_array=_from_array)


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the parameters and buffers by name, including those that ``state_dict`` omits, sharing their memory."""
    return {
        name: tensor.detach() for named in (model.named_parameters(), model.named_buffers()) for name, tensor in named
    }


def put_weights(state: State, name: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """Keep the weights of a model under ``name``."""
    state[name] = dict(tensors)


def take_weights(state: State, name: str, model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the weights under ``name``; raises RefusedError unless they are of this model."""
    saved: dict[str, torch.Tensor] = state[name]
    own = weights(model)
    refuse_other_model(*(((key, _shape(tensor)) for key, tensor in of.items()) for of in (saved, own)))
    return saved


@contextmanager
def exchanged(model: nn.Module, others: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Give the model the weights ``others`` for the block; they stay unchanged."""
    before = copies(model)
    put_copies(model, others)
    try:
        yield
    finally:
        put_copies(model, before)


def copies(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of ``weights``."""
    return {name: weight.clone() for name, weight in weights(model).items()}


def put_copies(model: nn.Module, values: Mapping[str, torch.Tensor]) -> None:
    """Restore the weights that ``copies`` returned."""
    with torch.no_grad():
        for name, own in weights(model).items():
            own.copy_(values[name])


def put_model(state: State, model: nn.Module, optimizer: Any) -> None:
    """Save everything in a model and its optimiser that training changes."""
    put_weights(state, "weights", weights(model))
    state["optimizer"] = None if optimizer is None else optimizer.state_dict()
    for name, holder, key in _attributes(model):
        value = holder[key]
        if value is optimizer:
            continue
        # Values that cannot be saved are recreated by the code: functions, other modules, constants of its own classes.
        with suppress(Unsavable, RecursionError):
            state[name] = _kept(value)


def take_model(state: State, model: nn.Module, new_optimizer: Callable[[], Any]) -> None:
    """Restore into the model what ``put_model`` saved, and into a new optimiser the saved optimiser state, if any."""
    put_copies(model, take_weights(state, "weights", model))
    optimizer, of_optimizer = None, state["optimizer"]
    if of_optimizer is not None:
        optimizer = new_optimizer()
        optimizer.load_state_dict(of_optimizer)
    for name, holder, key in _attributes(model):
        if name in state and holder[key] is not optimizer:
            _restore(holder, key, state[name])


def _attributes(model: nn.Module) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield name, holder and key of what user modules keep in addition to parameters, buffers and modules."""
    for path, module in model.named_modules():
        if type(module).__module__.startswith("torch."):
            continue
        if type(module).get_extra_state is not nn.Module.get_extra_state:
            yield f"extra:{path}", {"": _ExtraState(module)}, ""
        for key in list(vars(module)):
            if key not in _OF_EVERY_MODULE:
                yield f"attribute:{path}.{key}", vars(module), key
        for key, buffer in list(module._buffers.items()):
            if buffer is None:
                yield f"attribute:{path}.{key}", module._buffers, key


class _ExtraState:
    """The value that a module saves through ``get_extra_state``."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def state_dict(self) -> Any:
        return self._module.get_extra_state()

    def load_state_dict(self, state: Any) -> None:
        self._module.set_extra_state(state)


def _keeps_state(value: Any) -> bool:
    """Whether ``value`` is a scheduler, another optimiser, a scaler, or the like."""
    return hasattr(value, "state_dict") and hasattr(value, "load_state_dict") and not isinstance(value, nn.Module)


def _kept(value: Any) -> Any:
    if _keeps_state(value):
        return value.state_dict()
    if isinstance(value, torch.Generator):
        return value.get_state()
    generator = generator_state(value)
    return value if generator is None else generator


def _restore(holder: dict[str, Any], key: str, saved: Any) -> None:
    own = holder[key]
    if _keeps_state(own):
        own.load_state_dict(saved)
    elif isinstance(own, torch.Generator):
        own.set_state(saved)
    elif generator_state(own) is not None:
        set_generator_state(own, saved)
    elif isinstance(own, torch.Tensor) and isinstance(saved, torch.Tensor) and _shape(own) == _shape(saved):
        # Write in place, because the tensor may share its memory with a parameter.
        own.data.copy_(saved)
    else:
        holder[key] = saved


def _shape(tensor: Any) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _to_array(value: Any) -> tuple[Array, Mapping[str, Any]] | None:
    """Return a tensor's bytes; NumPy has no place for some types. None for parameters and parts of a graph."""
    if not isinstance(value, torch.Tensor) or isinstance(value, nn.Parameter) or value.grad_fn is not None:
        return None
    if value.is_quantized or value.layout is not torch.strided:
        return None
    plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    about = {
        "type": str(value.dtype).removeprefix("torch."),
        "shape": list(value.shape),
        "device": value.device.type,
    }
    return plain.reshape(-1).view(torch.uint8).numpy(), about


def _from_array(array: Array, about: Mapping[str, Any]) -> torch.Tensor:
    tensor = torch.from_numpy(np.array(array)).view(getattr(torch, about["type"])).reshape(about["shape"])
    return tensor.to("cuda") if about["device"] == "cuda" and torch.cuda.is_available() else tensor
