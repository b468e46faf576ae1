"""A PyTorch model's own definitions for training: loss, optimiser and metrics. Also checks that its forward takes one
array.

Users write them as methods that return them, as attributes, or the loss as a method that computes it. Any unambiguous
form is accepted.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from ignite.metrics import Metric
from torch import nn

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks.source import user_code

__all__ = ["EXAMPLES", "Definitions", "check_inputs"]

EXAMPLES = {
    "loss_fn": "def loss_fn(self): return nn.CrossEntropyLoss()",
    "optimizer": "def optimizer(self): return torch.optim.Adam(self.parameters(), lr=0.001)",
    "metrics": 'def metrics(self): return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}',
}
# Names that other trainers use for the same three definitions.
_ELSEWHERE = {
    "loss_fn": ("criterion", "loss", "loss_function"),
    "optimizer": ("configure_optimizers", "optim", "get_optimizer"),
    "metrics": ("metric", "val_metrics", "get_metrics"),
}


class Definitions:
    """The three definitions of one model. Each call asks the model again; exceptions of user code pass through."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def loss_fn(self) -> Any:
        """Return the loss function: called with the prediction and the target."""
        given: Any = self._model.loss_fn
        if isinstance(given, type) and issubclass(given, nn.Module):
            return given()
        if isinstance(given, nn.Module) or _computes_loss(given):
            return given
        return given()

    def optimizer(self) -> Any:
        """Return the optimiser of the model's parameters."""
        given: Any = self._model.optimizer
        return given if _is_optimizer(given) else given()

    def metrics(self) -> Any:
        """Return Ignite's metrics by name. Metrics in an attribute are reused, because attaching them resets them."""
        given: Any = self._model.metrics
        return given if isinstance(given, Mapping) else given()

    def check(self) -> None:
        """Raise UserCodeError unless all three are defined and usable."""
        missing = [name for name in EXAMPLES if getattr(self._model, name, None) is None]
        if missing:
            others = [name for name in _ELSEWHERE[missing[0]] if hasattr(self._model, name)]
            raise UserCodeError(
                f"the model {type(self._model).__name__} has no method {', '.join(missing)}: expected the methods "
                f"{', '.join(EXAMPLES)}",
                kind="missing",
                hint=(f"it has {others[0]}; " if others else "") + f"for example {EXAMPLES[missing[0]]}",
            )
        for name in EXAMPLES:
            self._check_kind(name)
        self._check("loss_fn", self.loss_fn, callable, "a loss function such as nn.CrossEntropyLoss()")
        self._check("optimizer", self.optimizer, _is_optimizer, "an optimiser such as torch.optim.Adam(...)")
        self._check("metrics", self.metrics, _are_metrics, "a dict of Ignite metrics by name")

    def _check_kind(self, name: str) -> None:
        given = getattr(self._model, name)
        usable = callable(given) or (name == "metrics" and isinstance(given, Mapping)) or _is_optimizer(given)
        if usable and not (name == "optimizer" and isinstance(given, type)):
            return
        raise UserCodeError(
            f"{name} is an attribute of the model, {_kind(given)}: expected a method that returns it",
            kind="invalid",
            hint=f"write {EXAMPLES[name]}",
        )

    def _check(self, name: str, ask: Callable[[], Any], fits: Callable[[Any], bool], expected: str) -> None:
        with user_code():
            answer = ask()
        if fits(answer):
            return
        method = getattr(type(self._model), name, None)
        raise UserCodeError(
            f"{name}() returns {_kind(answer)}: expected {expected}",
            line=method.__code__.co_firstlineno if inspect.isfunction(method) else None,
            kind="invalid",
            hint=f"for example {EXAMPLES[name]}",
        )


def check_inputs(model: nn.Module, *, alone: bool) -> None:
    """Raise UserCodeError when ``forward`` takes no input, or needs several in a sub-model (not ``alone``)."""
    if type(model).forward is nn.Module.forward:
        raise UserCodeError(
            f"the model {type(model).__name__} has no method forward: expected def forward(self, x)", kind="missing"
        )
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return
    positional = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    needed = [parameter.name for parameter in positional if parameter.default is parameter.empty]
    needed += [
        parameter.name
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    ]
    method = type(model).forward
    line = method.__code__.co_firstlineno if inspect.isfunction(method) else None
    if len(needed) > 1 and not alone:
        raise UserCodeError(
            f"the sub-model has {len(needed)} inputs ({', '.join(needed)}): each of a distributed model takes what the "
            "one below hands up, which is one array",
            line=line if method.__module__ == "model_code" else None,
            kind="invalid",
            hint="give the model one input and split it inside the model: def forward(self, x): first, second = "
            "x[:, :3], x[:, 3:]",
        )
    if not positional and not any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        raise UserCodeError(
            "the model's forward takes no input: expected def forward(self, x)",
            line=line if method.__module__ == "model_code" else None,
            kind="invalid",
        )


def _computes_loss(given: Any) -> bool:
    """Whether ``given`` takes a prediction and a target itself, rather than returning something that does."""
    try:
        parameters = inspect.signature(given).parameters.values()
    except (TypeError, ValueError):
        # Functions written in C have no signature, and none of them returns a loss function.
        return True
    needed = [
        parameter
        for parameter in parameters
        if parameter.kind is not parameter.VAR_POSITIONAL and parameter.default is parameter.empty
    ]
    return (
        len(
            [
                parameter
                for parameter in needed
                if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            ]
        )
        >= 2
    )


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, torch.optim.Optimizer)


def _are_metrics(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(metric, Metric) for metric in value.values())


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
