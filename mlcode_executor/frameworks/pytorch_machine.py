"""Lets code written for another machine run: requests for a missing GPU or compiler are ignored.

The platform puts the model on the GPU where there is one, and trains and saves the module itself. Called by the handler
before the user's code runs; the process runs only that code, so replacements are never undone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

__all__ = ["accept", "unwrapped"]

_ACCELERATORS = re.compile(r"""\b(cuda|mps|xpu|hpu)\b""")


def accept(text: str) -> None:
    """Prepare this process for code ``text``: missing devices become the CPU, compilers are skipped."""
    _leave_compilers_out()
    if _ACCELERATORS.search(text) and not torch.cuda.is_available():
        _use_cpu()


def unwrapped(model: Any) -> Any:
    """Return the module inside a wrapper that distributes or compiles it."""
    while isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        model = model.module
    return model


@cache
def _leave_compilers_out() -> None:
    """Let ``torch.compile`` and TorchScript return their argument unchanged, because compilation hides the user's
    methods.

    The isolated process has no C++ compiler for ``torch.compile``, and compilation renames the weights.
    """

    def compiled(model: Any = None, *_: Any, **__: Any) -> Any:
        return model if model is not None else (lambda module: module)

    def keep_modules(original: Callable[..., Any]) -> Callable[..., Any]:
        def scripted(obj: Any, *arguments: Any, **options: Any) -> Any:
            return obj if isinstance(obj, nn.Module) else original(obj, *arguments, **options)

        return scripted

    torch.compile = compiled
    nn.Module.compile = lambda *_, **__: None  # type: ignore[method-assign]
    torch.jit.script = keep_modules(torch.jit.script)
    torch.jit.trace = keep_modules(torch.jit.trace)


@cache
def _use_cpu() -> None:
    _CpuInstead().__enter__()  # type: ignore[no-untyped-call]
    torch.set_default_device = lambda *_: None
    torch.set_default_tensor_type = lambda *_: None


class _CpuInstead(TorchFunctionMode):
    """Makes every PyTorch function that is asked for another device work on the CPU.

    Each call costs about a microsecond more, so it is active only where the code names a device.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        if func is torch.Tensor.cuda:
            return args[0]
        kwargs = {name: _here(value) for name, value in (kwargs or {}).items()}
        return func(*(_here(argument) for argument in args), **kwargs)


def _here(value: Any) -> Any:
    if isinstance(value, torch.device):
        return torch.device("cpu") if _ACCELERATORS.match(value.type) else value
    return "cpu" if isinstance(value, str) and _ACCELERATORS.match(value) else value
