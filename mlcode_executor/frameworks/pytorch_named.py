"""Features of several inputs for a PyTorch model whose ``forward`` takes several arguments, each by its name.

``NamedPreparation`` replaces ``pytorch_input.Preparation`` and holds one of those per input.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from kafkaml.errors import DecodeError
from kafkaml.named_inputs import separated
from mlcode_executor.frameworks import pytorch_input
from mlcode_executor.frameworks.base import Array
from mlcode_executor.frameworks.pytorch_input import (
    Preparation,
    candidates,
    device_of,
    dividing_line,
    fitting_shape,
    range_warnings,
    refuse_fractions,
    summary_of,
    tried,
)

__all__ = [
    "AnyPreparation",
    "NamedPreparation",
    "Tensors",
    "argument_names",
    "ask",
    "choose",
    "fitting",
    "mapped",
    "preparation_from_json",
    "prepared",
    "rows_of",
    "tensor_of",
    "tensors_of",
]

# A tensor, or a tensor for each input by its name.
Tensors = torch.Tensor | dict[str, torch.Tensor]
# The most combinations of forms that are tried. Each input has a few forms, and further tries are not worth the time.
_MOST_TRIES = 200
# This many samples show whether an input has fractions.
_LOOKED_AT_ROWS = 4096


@dataclass(frozen=True)
class NamedPreparation:
    """How samples of several inputs become what the model takes: ``inputs`` by name, in the samples' order."""

    inputs: Mapping[str, Preparation]
    # Always empty, because a sample of several named inputs is a single record, which has no axes.
    sample: tuple[int, ...] = ()

    @property
    def summary(self) -> str:
        return "; ".join(f"{name}: {input_.summary}" for name, input_ in self.inputs.items())

    def to_json(self) -> dict[str, Any]:
        inputs = {name: preparation.to_json() for name, preparation in self.inputs.items()}
        return {"inputs": inputs, "summary": self.summary}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> NamedPreparation:
        """Read the JSON of ``to_json``."""
        return cls({name: Preparation.from_json(value) for name, value in document["inputs"].items()})

    def __call__(self, features: Tensors) -> dict[str, torch.Tensor]:
        """Return the tensors of the inputs as the model takes them."""
        assert isinstance(features, dict)
        return {name: preparation(features[name]) for name, preparation in self.inputs.items()}

    def tensor(self, features: Array, on: torch.device) -> dict[str, torch.Tensor]:
        """Return writable tensors for the model, by name."""
        parts = separated(features)
        return {name: input_.tensor(parts[name].copy(), on) for name, input_ in self.inputs.items()}


# A preparation of one input or of several.
AnyPreparation = Preparation | NamedPreparation


def preparation_from_json(document: Mapping[str, Any]) -> AnyPreparation:
    """Read the JSON of either kind."""
    kind = NamedPreparation if "inputs" in document else Preparation
    return kind.from_json(document)


def tensors_of(features: Array, on: torch.device) -> Tensors:
    """Return features (n, ...) unchanged on a device; several inputs by name."""
    if features.dtype.names is None:
        return tensor_of(features, on)
    return {name: torch.from_numpy(array.copy()).to(on) for name, array in separated(features).items()}


def tensor_of(array: Array, on: torch.device) -> torch.Tensor:
    """Return an array as a tensor on a device."""
    # A tensor over a mapping that cannot be written to crashes the process when the model works in place.
    return torch.from_numpy(array if array.flags.writeable else np.array(array)).to(on)


def mapped(function: Callable[[torch.Tensor], torch.Tensor], tensors: Tensors) -> Tensors:
    """Return the same structure with ``function`` applied to each tensor."""
    if isinstance(tensors, dict):
        return {name: function(tensor) for name, tensor in tensors.items()}
    return function(tensors)


def rows_of(tensors: Tensors, rows: slice) -> Tensors:
    """Return some rows; of every input where there are several."""
    return mapped(lambda tensor: tensor[rows], tensors)


def prepared(preparation: AnyPreparation, features: Tensors) -> Tensors:
    """Return features as the model takes them."""
    if isinstance(preparation, NamedPreparation):
        return preparation(features)
    assert isinstance(features, torch.Tensor)
    return preparation(features)


def ask(model: nn.Module, inputs: Tensors) -> Any:
    """Return the model's answer to prepared inputs."""
    return model(**inputs) if isinstance(inputs, dict) else model(inputs)


def choose(model: nn.Module, features: Array, *, to_tensor: bool, code: str = "") -> tuple[AnyPreparation, list[str]]:
    """Return how ``features`` (n, ...) are given to ``model``, and warnings about that.

    See ``pytorch_input.choose``; several inputs go by their names.
    """
    if features.dtype.names is None:
        return pytorch_input.choose(model, features, to_tensor=to_tensor, code=code)
    return _choose_named(model, features, to_tensor=to_tensor, scaled=dividing_line(code) is None)


def fitting(
    model: nn.Module, dtype: np.dtype[Any], shape: tuple[int, ...], preparation: AnyPreparation | None
) -> AnyPreparation:
    """Return the preparation for served samples of this type and shape; see ``pytorch_input.fitting_shape``."""
    if dtype.names is None and not isinstance(preparation, NamedPreparation):
        return fitting_shape(model, shape, preparation)
    trained = list(preparation.inputs) if isinstance(preparation, NamedPreparation) else ["one array"]
    if dtype.names is None or not isinstance(preparation, NamedPreparation) or set(trained) != set(dtype.names):
        raise DecodeError(
            f"the samples have the inputs {', '.join(dtype.names or ['one array'])}: the model was trained on "
            f"{', '.join(trained)}",
            hint="serve it with the contract of the data set that trained it",
        )
    return preparation


def argument_names(model: nn.Module) -> tuple[list[str], list[str] | None]:
    """Return the required arguments of ``forward``, and all that it accepts; None means any name."""
    parameters = inspect.signature(model.forward).parameters.values()
    named = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    needed = [parameter.name for parameter in named if parameter.default is parameter.empty]
    return needed, None if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters) else [
        parameter.name for parameter in named
    ]


def _check_names(model: nn.Module, given: Sequence[str]) -> None:
    """Raise DecodeError unless the model's ``forward`` takes inputs of these names."""
    needed, known = argument_names(model)
    if set(needed) <= set(given) and (known is None or set(given) <= set(known)):
        return
    raise DecodeError(
        f"the samples have the inputs {', '.join(given)}: the model's forward takes "
        f"{', '.join(needed if known is None else known) or 'none by name'}",
        hint=f"name its arguments as the contract's columns do: def forward(self, {', '.join(given)})",
    )


def _choose_named(
    model: nn.Module, features: Array, *, to_tensor: bool, scaled: bool
) -> tuple[NamedPreparation, list[str]]:
    """Try combinations of the forms in ``pytorch_input.choose`` for all inputs, the likeliest first."""
    parts = separated(features)
    _check_names(model, list(parts))
    forms = {name: candidates(model, part, to_tensor=to_tensor, scaled=scaled) for name, part in parts.items()}
    first: Exception | None = None
    for together in itertools.islice(_combinations(forms, parts), _MOST_TRIES):
        chosen = NamedPreparation(together)
        error = _refusal(model, chosen, features)
        if error is None:
            break
        first = first or error
    else:
        assert first is not None
        raise first
    warnings: list[str] = []
    for name, preparation in chosen.inputs.items():
        if preparation.dtype == "int64" and parts[name].dtype.kind == "f":
            refuse_fractions(parts[name])
        warnings += [f"input {name}: {text}" for text in range_warnings(preparation, parts[name])]
    summarised = {name: summary_of(preparation, parts[name].dtype) for name, preparation in chosen.inputs.items()}
    return NamedPreparation(summarised), warnings


def _refusal(model: nn.Module, preparation: NamedPreparation, features: Array) -> Exception | None:
    """Return why the model does not take two samples so prepared, None when it does."""
    return tried(model, lambda candidate: ask(candidate, preparation.tensor(features[:2], device_of(candidate))))


def _combinations(
    forms: Mapping[str, Sequence[Preparation]], parts: Mapping[str, Array]
) -> Iterator[dict[str, Preparation]]:
    """Iterate over a form for each input: the likeliest, ids of embeddings as such, then those that differ least."""
    likeliest = {name: form[0] for name, form in forms.items()}
    yield likeliest
    ids = {
        name: form
        for name, candidates_of_part in forms.items()
        if (form := next((one for one in candidates_of_part if one.dtype == "int64"), None)) and _are_whole(parts[name])
    }
    yield {**likeliest, **ids}
    for count in range(1, len(forms) + 1):
        for names in itertools.combinations(forms, count):
            for others in itertools.product(*(forms[name][1:] for name in names)):
                yield {**likeliest, **dict(zip(names, others, strict=True))}


def _are_whole(features: Array) -> bool:
    rows = features[:_LOOKED_AT_ROWS]
    return rows.dtype.kind == "f" and bool((np.floor(rows) == rows).all())
