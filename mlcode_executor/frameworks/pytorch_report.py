"""The report of a PyTorch model once its code ran: its definitions, shapes as far as known, parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import ignite
import numpy as np
import torch
from torch import nn

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks import independence
from mlcode_executor.frameworks.base import Array, ModelReport, TensorSpec, common_versions
from mlcode_executor.frameworks.losses import describe_loss
from mlcode_executor.frameworks.pytorch_definitions import Definitions
from mlcode_executor.frameworks.pytorch_forward import Forward, named_outputs
from mlcode_executor.frameworks.pytorch_input import (
    Preparation,
    device_of,
    guessed_type,
    has_lazy_parameters,
    undisturbed,
)
from mlcode_executor.frameworks.pytorch_named import argument_names, choose
from mlcode_executor.frameworks.pytorch_weights import unsaved_modules, weights_of
from mlcode_executor.frameworks.source import user_code

__all__ = ["describe", "output_of", "outputs_for", "outputs_of", "rebuild_warning", "versions"]

# Sizes of images to try a convolutional network with, because its code does not say which it takes.
_IMAGE_SIZES = (28, 32, 64, 96, 128, 224)
# Up to this product of parameters and numbers per sample, trying samples takes milliseconds.
_MOST_TRIAL_WORK = 200_000_000
_TRIAL_SAMPLES = 6
# Messages of torch for a layer that gets another size than it takes. The first comes from the device meta.
_MISFIT = re.compile("must have same reduction dim|mat1 and mat2 shapes cannot be multiplied")
_CONVOLUTIONS: Mapping[Any, int] = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}


def versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
    return {**common_versions(), "torch": str(torch.__version__), "ignite": ignite.__version__}


def describe(model: Any, code: str, *, trial: bool, distributed: bool = False) -> ModelReport:
    """Return the report of a model made by ``code``, whose definitions are complete unless it is ``distributed``.

    With ``trial``, random samples show whether its answers depend on the batch; samples of the training show it better
    later. Raises UserCodeError for weights that cannot be saved, and for errors in forward that no data can avoid.
    """
    notes: list[str] = []
    parameters = sum(parameter.numel() for parameter in model.parameters() if not _is_lazy(parameter))
    if not has_lazy_parameters(model):
        # Weights that cannot be saved are refused now rather than after all epochs.
        weights_of(model)
    inputs, probes = _input(model, notes)
    shape, outputs, refusal = _probe(model, probes, every=distributed)
    if not outputs:
        notes.append("the output's shape is known when the first data arrive")
    # Layers have fixed shapes only where the code says how large samples are.
    fixed = shape is not None and None not in inputs[0].shape[1:]
    if distributed:
        notes.append("loss_fn, optimizer and metrics are not asked for: they come from the deployment")
    definitions = None if distributed else Definitions(model)
    return ModelReport(
        summary=_summary(model, parameters, _layer_shapes(model, shape) if fixed and shape else {}),
        inputs=inputs,
        outputs=outputs,
        parameters=parameters,
        trainable_parameters=sum(
            parameter.numel() for parameter in model.parameters() if parameter.requires_grad and not _is_lazy(parameter)
        ),
        metrics=[] if definitions is None else list(dict.fromkeys([*definitions.metrics(), "loss"])),
        labels="" if definitions is None else describe_loss(definitions.loss_fn())["kind"],
        warnings=[
            *(_trial(model, shape, code) if trial else []),
            *([] if refusal is None else [refusal]),
            *_warnings(model),
            *([] if definitions is None else _loss_warnings(model, definitions.loss_fn())),
        ],
        notes=notes,
        versions=versions(),
        proven=shape is not None and len(shape) == 1 and not any(_takes(model, shape[0] + more) for more in (-1, 1)),
    )


def rebuild_warning(model: Any, difference: float) -> str:
    """Return a warning when the code and the weights alone do not reproduce the trained model's answers."""
    hidden = unsaved_modules(model)
    return (
        f"what was trained cannot be made again: the code, run again with the weights loaded, answers up to "
        f"{difference:.3g} differently from the trained model. Kept are parameters and buffers"
        + (
            f", and {', '.join(hidden[:5])} hides some from PyTorch: use nn.ModuleList or nn.ParameterList"
            if hidden
            else ""
        )
        + ("" if hidden else ": keep what training changes in nn.Parameter or register_buffer")
    )


def outputs_for(model: Any, features: Array, code: str) -> list[dict[str, Any]]:
    """Return the outputs for samples such as ``features`` (n, ...), as JSON; [] where the model refuses them here."""
    try:
        preparation, _ = choose(model, features, to_tensor=True, code=code)
        return outputs_of(Forward(model, preparation, features), features)
    except Exception:  # noqa: BLE001  whatever it is, training will say it, with its line
        return []


def outputs_of(forward: Forward, features: Array) -> list[dict[str, Any]]:
    """Return the outputs for samples such as ``features`` (n, ...), as JSON."""
    with torch.no_grad(), undisturbed(forward.model):
        answer = forward(forward.preparation.tensor(features[[0, -1]], device_of(forward.model)))
    return [asdict(output_spec) for output_spec in _output_specs(answer)]


def _is_lazy(parameter: Any) -> bool:
    return isinstance(parameter, nn.parameter.UninitializedParameter)


def _leaves(model: Any) -> Iterator[Any]:
    """Modules without children, in the order in which the code defines them; a loss in an attribute does not count."""
    for name, module in model.named_modules():
        # Modules that weight_norm and the like add count as part of their layer.
        inside = "parametrizations" in name.split(".")
        has_layers = any(child != "parametrizations" for child, _ in module.named_children())
        if not inside and not has_layers and not type(module).__module__.endswith("modules.loss"):
            yield module


def _input(model: Any, notes: list[str]) -> tuple[list[TensorSpec], list[tuple[int, ...]]]:
    """Return what the first layer with parameters says of the input, and sample shapes to try."""
    names = [
        name
        for name, parameter in inspect.signature(model.forward).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    needed, _ = argument_names(model)
    dtype = str(guessed_type(model)).removeprefix("torch.")
    if len(needed) > 1:
        notes.append(f"the inputs {', '.join(needed)} are columns of a data set's contract that name them")
        return [TensorSpec(name, (), dtype) for name in needed], []
    name = names[0] if names else "input"
    flattened = False
    for module in _leaves(model):
        flattened = flattened or isinstance(module, nn.Flatten)
        if isinstance(module, nn.Linear) and not isinstance(module, nn.LazyLinear):
            size = module.in_features
            if flattened:
                notes.append(f"samples of any shape with {size} elements: the model flattens them")
            return [TensorSpec(name, (None, size), dtype)], [(size,)]
        for kind, axes in _CONVOLUTIONS.items():
            # A lazy layer has no channels before it sees a sample.
            if isinstance(module, kind) and module.in_channels:
                channels = int(module.in_channels)
                notes.append(f"samples of {channels} channels; their size is not in the code")
                shapes = [(channels, *(size,) * axes) for size in _IMAGE_SIZES]
                return [TensorSpec(name, (None, channels, *(None,) * axes), dtype)], shapes
        if isinstance(module, nn.RNNBase):
            return [TensorSpec(name, (None, None, module.input_size), dtype)], [(4, module.input_size)]
        if isinstance(module, nn.Embedding):
            return [TensorSpec(name, (None, None), dtype)], [(4,)]
        if any(True for _ in module.parameters(recurse=False)):
            break
    notes.append("the input's shape is known when the first data arrive")
    return [], []


def _probe(
    model: Any, shapes: list[tuple[int, ...]], *, every: bool
) -> tuple[tuple[int, ...] | None, list[TensorSpec], str | None]:
    """Return the first of ``shapes`` that the model takes, its outputs for that shape, and a warning. The model is left
    unchanged. The warning is for a model whose code says the shape but which takes none.

    With ``every``, all accepted shapes are tried, and output sizes that differ between them count as not fixed.
    """
    taken: list[tuple[tuple[int, ...], list[TensorSpec]]] = []
    refusal: str | None = None
    with undisturbed(model):
        for shape in shapes:
            # The meta device computes shapes but no numbers. The first real operation takes longer than all the rest of
            # a check.
            try:
                with user_code():
                    taken.append((shape, _output_specs(output_of(model, shape))))
            except UserCodeError as error:
                if isinstance(error.__cause__, (AttributeError, NameError)):
                    # The error occurs for every input, so raise it now rather than when training starts.
                    raise
                # The shape is a guess, so only real data can tell whether a refusal is an error. Layers that do not fit
                # each other are an error in any case.
                if len(shape) == 1 and _MISFIT.search(error.message):
                    place = "" if error.line is None else f"line {error.line}: "
                    refusal = (
                        f"layers do not fit each other for samples of {shape[0]} numbers, which the first one takes; "
                        f"{place}{error.message}"
                    )
                continue
            if not every:
                break
    if not taken:
        return None, [], refusal
    outputs = [_common(specs_of_output) for specs_of_output in zip(*(specs for _, specs in taken), strict=False)]
    return taken[0][0], outputs, None


def _layer_shapes(model: Any, shape: tuple[int, ...]) -> dict[str, str]:
    """Return the output shape of each layer for samples of ``shape``, such as '(None, 32)', by its name."""
    found: dict[str, str] = {}

    def note(name: str) -> Callable[[Any, Any, Any], None]:
        def hook(_module: Any, _given: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) and output else output
            if isinstance(first, torch.Tensor) and first.ndim:
                found[name] = f"({', '.join(['None', *map(str, first.shape[1:])])})"

        return hook

    with undisturbed(model):
        hooks = [module.register_forward_hook(note(name)) for name, module in model.named_modules() if name]
        try:
            output_of(model, shape)
        finally:
            for hook in hooks:
                hook.remove()
    return found


def _takes(model: Any, length: int) -> bool:
    """Whether the model takes vectors of this length; only shapes are computed."""
    if length < 1:
        return False
    try:
        with undisturbed(model):
            output_of(model, (length,))
    except Exception:  # noqa: BLE001  whatever it raises, it does not take them
        return False
    return True


def _common(specs: tuple[TensorSpec, ...]) -> TensorSpec:
    """Return the common part of one output's descriptions for samples of several sizes."""
    sizes = zip(*(spec.shape for spec in specs), strict=False)
    return replace(specs[0], shape=tuple(one[0] if len(set(one)) == 1 else None for one in sizes))


def output_of(model: Any, shape: tuple[int, ...]) -> Any:
    """Return what the model's forward returns for two samples of ``shape``, as tensors without numbers."""
    tensors = {
        name: torch.empty_like(tensor, device="meta")
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }
    sample = torch.empty((2, *shape), dtype=guessed_type(model), device="meta")
    # The default device is set too, because the model's forward may make tensors of its own.
    with torch.no_grad(), torch.device("meta"):
        return torch.func.functional_call(model, tensors, (sample,))


def _output_specs(answer: Any) -> list[TensorSpec]:
    return [
        TensorSpec(name, (None, *output.shape[1:]), str(output.dtype).removeprefix("torch."))
        for name, output in named_outputs(answer)
        if output.ndim
    ]


def _trial(model: Any, shape: tuple[int, ...] | None, code: str) -> list[str]:
    """Return warnings, found with random samples, when a small model's answers depend on the batch."""
    if shape is None or has_lazy_parameters(model):
        return []
    if sum(parameter.numel() for parameter in model.parameters()) * int(np.prod(shape)) > _MOST_TRIAL_WORK:
        return []
    random = np.random.default_rng(0)
    dtype = guessed_type(model)
    if dtype.is_floating_point:
        samples: Array = random.normal(size=(_TRIAL_SAMPLES, *shape))
    else:
        embeddings = (module for module in model.modules() if isinstance(module, (nn.Embedding, nn.EmbeddingBag)))
        samples = random.integers(0, next(embeddings).num_embeddings, (_TRIAL_SAMPLES, *shape))

    preparation = Preparation(sample=shape, dtype=str(dtype).removeprefix("torch."))
    try:
        with undisturbed(model):
            return independence.findings(Forward(model, preparation, samples).predict, samples, code=code)
    except Exception:  # noqa: BLE001  invented numbers may mean nothing to it: the data will tell
        return []


def _summary(model: Any, parameters: int, shapes: Mapping[str, str]) -> str:
    rows = [("Layer", "Type", "Output shape", "Parameters")]
    for name, module in model.named_modules():
        if name and not list(module.children()):
            count = sum(parameter.numel() for parameter in module.parameters(recurse=False) if not _is_lazy(parameter))
            rows.append((name, str(module), shapes.get(name, "?"), f"{count:,}"))
    widths = [min(60, max(len(row[column]) for row in rows)) for column in range(4)]
    lines = [
        f"{row[0]:<{widths[0]}}  {row[1][:60]:<{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]:>{widths[3]}}".rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * (sum(widths) + 6))
    return "\n".join([type(model).__name__, *lines, f"Total parameters: {parameters:,}"])


def _warnings(model: Any) -> list[str]:
    warnings = [
        f"self.{name} is a plain list or dict: what it holds is neither trained nor saved; write nn.ModuleList, "
        "nn.ModuleDict or nn.ParameterList"
        for name in unsaved_modules(model)[:3]
    ]
    leaves = list(_leaves(model))
    for module in leaves:
        if isinstance(module, (nn.Softmax, nn.LogSoftmax)) and module.dim is None:
            warnings.append(
                f"nn.{type(module).__name__}() without dim guesses its axis and is deprecated: write "
                f"nn.{type(module).__name__}(dim=1)"
            )
            break
    return warnings


def _loss_warnings(model: Any, loss_fn: Any) -> list[str]:
    warnings: list[str] = []
    leaves = list(_leaves(model))
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
