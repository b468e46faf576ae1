"""Saves what a PyTorch model has learnt as one safetensors file, and loads it again. Called by the handler, inside the
model process.

Any ``state_dict`` can be saved, because tensors that share memory are saved once and views as tensors of their own.
``load_weights`` is also written into the program that is downloaded, so it needs torch and safetensors only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from kafkaml.errors import UserCodeError

__all__ = ["load_weights", "save_weights", "unsaved_modules", "weights_of"]


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the model's state into ``path``. Raises UserCodeError for weights that cannot be saved."""
    tensors, about = weights_of(model)
    save_file(tensors, path, about)


def weights_of(model: nn.Module) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return the content of the file: tensors by name, none sharing memory, and metadata.

    The metadata maps a tensor that shares another's memory to that other one. Names with the prefix ``extra:`` come
    from ``get_extra_state``, those with ``attribute:`` are plain tensors in attributes, and those with ``complex:`` are
    pairs of real numbers.
    """
    tensors: dict[str, torch.Tensor] = {}
    about = {"format": "pt"}
    first: dict[Any, str] = {}
    storages: set[int] = set()
    for name, value in (*model.state_dict().items(), *_attributes(model).items()):
        if not isinstance(value, torch.Tensor):
            about |= _extra_state(name, value)
            continue
        if value.is_quantized or value.layout is not torch.strided:
            raise UserCodeError(
                f"{name} is a tensor of type {value.dtype}, {value.layout}: a file of weights cannot hold it",
                kind="invalid",
                hint="train the model in ordinary floating point; quantise it after downloading it",
            )
        place = (value.data_ptr(), value.shape, value.stride(), value.dtype)
        if value.numel() and place in first:
            about[name] = first[place]
            continue
        first[place] = name
        if value.is_complex():
            about[f"complex:{name}"] = "real and imaginary part in the last axis"
            value = torch.view_as_real(value.resolve_conj())
        tensors[name] = _own(value, storages)
    return tensors, about


def load_weights(model: Any, path: Any) -> None:
    """Load a file of weights into a model made by the same code."""
    with safe_open(str(path), framework="pt") as file:
        saved = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
        about = file.metadata() or {}
    for name in list(saved):
        if f"complex:{name}" in about:
            saved[name] = torch.view_as_complex(saved[name])
    attributes = {name: saved.pop(name) for name in list(saved) if name.startswith("attribute:")}
    state, unused = {}, set(saved)
    for name, own in model.state_dict().items():
        # A compiled module names its parts differently.
        plain = name.replace("_orig_mod.", "")
        source = plain if plain in saved else about.get(plain)
        if source in saved:
            state[name] = saved[source]
            unused.discard(source)
        elif not isinstance(own, torch.Tensor):
            text = about.get(f"extra:{plain}")
            state[name] = own if text is None else json.loads(text)
    # Load strictly, so that a missing or superfluous tensor is an error.
    model.load_state_dict({**state, **{name: saved[name] for name in unused}})
    for path_of, module in model.named_modules():
        for name, own in vars(module).items():
            kept = attributes.get(f"attribute:{path_of}.{name}")
            if kept is not None and isinstance(own, torch.Tensor) and own.shape == kept.shape:
                own.data.copy_(kept)


def unsaved_modules(model: nn.Module) -> list[str]:
    """Return the attributes that hold modules or parameters which PyTorch does not register: ``net.layers``, ..."""
    seen = {id(module) for module in (*model.modules(), *model.parameters())}
    return [
        f"{path}.{name}".lstrip(".")
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if not name.startswith("_")
        and any(isinstance(item, (nn.Module, nn.Parameter)) and id(item) not in seen for item in _items(value))
    ]


def _attributes(model: nn.Module) -> dict[str, torch.Tensor]:
    """Plain tensors in attributes that are neither parameters nor buffers, nor computed from those."""
    return {
        f"attribute:{path}.{name}": value
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, torch.Tensor) and value.grad_fn is None and value.layout is torch.strided
    }


def _extra_state(name: str, value: Any) -> dict[str, str]:
    try:
        return {f"extra:{name}": json.dumps(value)}
    except (TypeError, ValueError):
        # Only the code can recreate such a value. Whether that is enough is tested on the trained model's answers.
        return {}


def _own(value: torch.Tensor, storages: set[int]) -> torch.Tensor:
    """Return a tensor that shares its memory with no other of the file."""
    tensor = value.detach().cpu().contiguous()
    storage = tensor.untyped_storage()
    if storage.nbytes() != tensor.numel() * tensor.element_size() or storage.data_ptr() in storages:
        tensor = tensor.clone()
    storages.add(tensor.untyped_storage().data_ptr())
    return tensor


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()
