"""How features are prepared for a PyTorch model, and how that is found out.

Called by the handler: ``choose`` before training, ``Preparation`` in every step that runs the model: training,
evaluation, serving, the converted model and, as source text, the program that is downloaded. Images of bytes are given
as torchvision's ``ToTensor`` gives them, because nearly all PyTorch code is written for that. Features that the model
refuses in one form are tried in the next. Fractions are never cut off because some layer wants integers.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from kafkaml.dtypes import shapes_up_to_unit_axis
from kafkaml.errors import DecodeError
from mlcode_executor.frameworks.base import Array, batches_of

__all__ = [
    "Preparation",
    "candidates",
    "choose",
    "device",
    "device_of",
    "dividing_line",
    "fitting_shape",
    "float_type",
    "guessed_type",
    "has_lazy_parameters",
    "prepare",
    "range_warnings",
    "refuse_fractions",
    "summary_of",
    "tried",
    "undisturbed",
]

# Numbers of channels that pictures have: grey, colour, colour with transparency.
_CHANNELS = (1, 3, 4)
# Divisors by which code scales bytes.
_BYTE_SCALES = (255, 256, 127.5, 128)
# Float32 holds every integer up to this one.
_EXACT_IN_FLOAT32 = 1 << 24
_SCANNED_ROWS = 1 << 16


def prepare(features: torch.Tensor, *, scaled: bool, channels: str, dtype: torch.dtype) -> torch.Tensor:
    """Return (batch, ...) features as the model takes them; the order is ToTensor's: axes, type, values."""
    if channels == "added":
        features = features.unsqueeze(1)
    elif channels == "moved":
        features = features.permute(0, 3, 1, 2).contiguous()
    features = features.to(dtype)
    return features / 255 if scaled else features


@dataclass(frozen=True)
class Preparation:
    """How samples of the shape ``sample`` become what the model takes.

    ``channels`` is ``kept``, ``added`` before (height, width) or (length,), or ``moved`` from the last axis to the
    first. ``scaled`` divides by 255. ``dtype`` is the type of tensor that the model gets. ``to_tensor`` says whether
    this follows torchvision's convention. ``summary`` describes it all for the user.
    """

    sample: tuple[int, ...]
    dtype: str
    channels: str = "kept"
    scaled: bool = False
    to_tensor: bool = False
    summary: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "sample": list(self.sample)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Preparation:
        """Read the JSON of ``to_json``; fields of a later version are ignored."""
        return cls(
            sample=tuple(document["sample"]),
            dtype=str(document["dtype"]),
            channels=str(document.get("channels", "kept")),
            scaled=bool(document.get("scaled")),
            to_tensor=bool(document.get("to_tensor")),
            summary=str(document.get("summary", "")),
        )

    @property
    def torch_type(self) -> torch.dtype:
        found: torch.dtype = getattr(torch, self.dtype)
        return found

    @property
    def given(self) -> tuple[int, ...]:
        """The shape of a sample as the model receives it."""
        if self.channels == "moved":
            return (self.sample[-1], *self.sample[:-1])
        return (1, *self.sample) if self.channels == "added" else self.sample

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        return prepare(features, scaled=self.scaled, channels=self.channels, dtype=self.torch_type)

    def tensor(self, features: Array, on: torch.device) -> torch.Tensor:
        """Return the tensor for the model. It is writable, although the array may be mapped read-only."""
        given = torch.from_numpy(features)
        prepared = self(given.to(on))
        return prepared.clone() if prepared.data_ptr() == given.data_ptr() else prepared


def device() -> torch.device:
    """Return the device that models run on: the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(model: nn.Module) -> torch.device:
    """The device of the model; without parameters, the device it would be put on."""
    return next((parameter.device for parameter in model.parameters()), device())


def float_type(model: nn.Module) -> torch.dtype:
    """The type of the model's numbers."""
    floats = (parameter.dtype for parameter in model.parameters() if parameter.is_floating_point())
    return next(floats, torch.float32)


def guessed_type(model: nn.Module) -> torch.dtype:
    """The type to guess without data: int64 for a model that begins with an embedding, otherwise its
    parameters' type.
    """
    for module in model.modules():
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            return torch.int64
        if not list(module.children()) and any(True for _ in module.parameters(recurse=False)):
            break
    return float_type(model)


def has_lazy_parameters(model: nn.Module) -> bool:
    """Whether some sizes are known only once the model has seen a sample."""
    return any(
        isinstance(parameter, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer))
        for parameter in (*model.parameters(), *model.buffers())
    )


def choose(model: nn.Module, features: Array, *, to_tensor: bool, code: str = "") -> tuple[Preparation, list[str]]:
    """Return how ``features`` (n, ...) are given to ``model``, and warnings about that.

    ``code`` made the model: where it divides by 255 itself, bytes are not divided twice.

    The model, on its device, is tried with two samples in each form; the first accepted one is used. The model is left
    unchanged. Raises DecodeError when only cutting off fractions would help, or the error with which the model refused
    the likeliest form.
    """
    dividing = dividing_line(code)
    forms = candidates(model, features, to_tensor=to_tensor, scaled=dividing is None)
    errors: list[Exception] = []
    for candidate in forms:
        error = _refusal(model, candidate, features)
        if error is None:
            break
        errors.append(error)
    else:
        raise _telling(errors)
    if candidate.dtype == "int64" and features.dtype.kind == "f":
        refuse_fractions(features)
    chosen, warnings = _exact(model, candidate, features)
    refused = forms[0] if errors and to_tensor else None
    summary = _summary(chosen, features.dtype, refused)
    if dividing is not None and chosen.to_tensor:
        summary += f"; values stay 0..255, for line {dividing} of the code divides them"
    chosen = replace(chosen, summary=summary)
    return chosen, [*warnings, *range_warnings(chosen, features)]


def fitting_shape(model: nn.Module, shape: tuple[int, ...], preparation: Preparation | None) -> Preparation:
    """Return the preparation for served samples of ``shape``, where an additional or missing axis of size 1 does not
    matter.

    Without a preparation (a model trained before preparations were kept) values stay as they are. Raises DecodeError
    when the samples cannot be those that the model was trained on.
    """
    if preparation is None:
        guess = Preparation(sample=shape, dtype=str(guessed_type(model)).removeprefix("torch."))
        for candidate in shapes_up_to_unit_axis(shape):
            likely = replace(guess, sample=candidate)
            if _refusal(model, likely, np.zeros((2, *candidate), np.float32)) is None:
                return likely
        return guess
    shapes = shapes_up_to_unit_axis(shape)
    if preparation.sample in shapes or (
        int(np.prod(shape)) == int(np.prod(preparation.sample))
        and 1
        in (
            len(shape),
            len(preparation.sample),
        )
    ):
        return preparation
    same_axes = next((shape for shape in shapes if len(shape) == len(preparation.sample)), None)
    # Recurrent and fully convolutional models take other sizes than in training.
    if same_axes is not None and sorted(same_axes) != sorted(preparation.sample):
        return replace(preparation, sample=same_axes)
    raise DecodeError(
        f"samples of shape {shape} do not fit the model, which was trained on {preparation.sample}",
        hint="check the input configuration of the inference against the stream that trained the model",
    )


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Run the model in evaluation, and leave attributes, modes and random numbers as they were before.

    Otherwise a forward that keeps state in ``self`` would begin the training with what a trial left there.
    """
    before = [(module, dict(vars(module)), dict(module._buffers)) for module in model.modules()]
    model.eval()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            for module, attributes, buffers in before:
                vars(module).clear()
                vars(module).update(attributes)
                module._buffers.clear()
                module._buffers.update(buffers)


def candidates(model: nn.Module, features: Array, *, to_tensor: bool, scaled: bool) -> list[Preparation]:
    """The forms to try, the likeliest first."""
    shape = features.shape[1:]
    plain = Preparation(sample=shape, dtype=str(float_type(model)).removeprefix("torch."))
    whole = replace(plain, dtype="int64")
    forms = [replace(plain, channels=channel) for channel in _channels(shape)]
    if not (to_tensor and features.dtype == np.uint8 and len(shape) in (2, 3)):
        # Try values as sent first, because senders scale and arrange types other than bytes themselves.
        return [plain, whole, *(form for form in forms if form != plain)]
    if forms[0] != plain:
        forms.append(plain)
    # Unscaled bytes come last, for rows of ids, because a model that begins with an embedding takes no fractions.
    return [*(replace(form, scaled=scaled, to_tensor=True) for form in forms), whole]


def dividing_line(code: str) -> int | None:
    """Return the line of ``code`` that scales bytes to 0..1 or -1..1 itself; None without one."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        divisor: ast.expr | None = None
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
            divisor = node.right if isinstance(node, ast.BinOp) else node.value
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("div", "div_", "true_divide", "divide"):
            divisor = node.args[-1] if node.args else None
        if isinstance(divisor, ast.Constant) and divisor.value in _BYTE_SCALES:
            return int(divisor.lineno)
    return None


def _channels(shape: tuple[int, ...]) -> Sequence[str]:
    """Possible origins of the channel axis, the likeliest first."""
    if len(shape) in (1, 2):
        return ("added",)
    if len(shape) != 3 or (shape[0] in _CHANNELS and shape[-1] not in _CHANNELS):
        return ("kept",)
    return ("moved",)


def _refusal(model: nn.Module, preparation: Preparation, features: Array) -> Exception | None:
    """Return why the model does not take two samples so prepared, None when it does."""
    return tried(model, lambda candidate: candidate(preparation.tensor(features[:2], device_of(candidate))))


def tried(model: nn.Module, ask: Callable[[nn.Module], Any]) -> Exception | None:
    """Return the exception that ``ask`` raises for the model, None without one. Uses a copy where the call would fix
    lazy sizes.
    """
    asked = _copy(model) if has_lazy_parameters(model) else model
    try:
        with torch.no_grad(), undisturbed(asked):
            ask(asked)
    except Exception as error:  # noqa: BLE001  whatever it raises, it does not take this form
        return error
    return None


def _copy(model: nn.Module) -> nn.Module:
    # Buffers without a size cannot be copied, and do not need to be.
    sizeless: dict[int, Any] = {
        id(buffer): nn.parameter.UninitializedBuffer(device=buffer.device, dtype=buffer.dtype)  # type: ignore[call-arg]
        for buffer in model.buffers()
        if isinstance(buffer, nn.parameter.UninitializedBuffer)
    }
    return deepcopy(model, sizeless)


def _telling(errors: Sequence[Exception]) -> Exception:
    """The error to show: the first, unless it only says that whole numbers are wanted."""
    wanted = ("scalar type", "indices", "Long", "dtype")
    return next((error for error in errors if not any(word in str(error) for word in wanted)), errors[0])


def refuse_fractions(features: Array) -> None:
    for part in batches_of(len(features), _SCANNED_ROWS):
        rows = features[part]
        fractions = rows[np.isfinite(rows) & (rows != np.floor(rows))]
        if fractions.size:
            raise DecodeError(
                f"the model takes whole numbers only, as an embedding does, and the features have fractions such as "
                f"{float(fractions[0]):g}: they would be cut off",
                hint="send ids as whole numbers; where other numbers stand next to them, take the columns apart in "
                "forward: self.embedding(x[:, 0].long()) and x[:, 1:]",
            )


def _exact(model: nn.Module, chosen: Preparation, features: Array) -> tuple[Preparation, list[str]]:
    """Return a preparation that does not round integers, if the model takes one, otherwise a warning."""
    if chosen.dtype == "int64" or not _rounded(features, chosen.torch_type):
        return chosen, []
    whole = replace(chosen, dtype="int64")
    if features.dtype.kind in "iu" and _refusal(model, whole, features) is None:
        return whole, []
    return chosen, [
        (
            f"whole numbers above {_EXACT_IN_FLOAT32:,} are rounded: the model takes {chosen.dtype}, with no place "
            "for all of them; if they are ids, number them from 0"
        )
    ]


def _rounded(features: Array, dtype: torch.dtype) -> bool:
    """Whether whole numbers among the features change their value as ``dtype``."""
    if features.dtype.itemsize < 4 or features.dtype == np.float32 or dtype == torch.float64:
        return False
    for part in batches_of(len(features), _SCANNED_ROWS):
        rows = features[part]
        large = rows[(rows > _EXACT_IN_FLOAT32) | (rows < -_EXACT_IN_FLOAT32)]
        if large.dtype.kind == "f":
            large = large[np.isfinite(large) & (large == np.floor(large)) & (np.abs(large) < 2.0**53)]
        if large.size and (large.astype(np.float32).astype(np.float64) != large.astype(np.float64)).any():
            return True
    return False


def range_warnings(chosen: Preparation, features: Array) -> list[str]:
    largest = int(features[:4096].max(initial=0)) if chosen.scaled else 255
    if not 0 < largest < 64:
        return []
    return [
        (
            f"the largest value of the samples is {largest}, and bytes are divided by 255, as ToTensor does: send "
            "images of 0..255, or say to_tensor=False in the fit arguments and scale in the model"
        )
    ]


def summary_of(chosen: Preparation, dtype: np.dtype[Any]) -> Preparation:
    """Return the same preparation with its ``summary``."""
    return replace(chosen, summary=_summary(chosen, dtype, None))


def _summary(chosen: Preparation, dtype: np.dtype[Any], refused: Preparation | None) -> str:
    text = f"{dtype} {chosen.sample}"
    text += (
        " as sent"
        if chosen.given == chosen.sample and chosen.dtype == str(dtype)
        else (f" becomes {chosen.dtype} {chosen.given}")
    )
    if chosen.scaled:
        text += ", divided by 255"
    if chosen.channels == "moved":
        text += ", the channel axis first"
    if chosen.to_tensor and chosen.scaled:
        text += ", as torchvision's ToTensor does"
    if refused is not None and refused != replace(chosen, summary=""):
        text += f"; the model does not take {refused.dtype} {refused.given}"
    return text
