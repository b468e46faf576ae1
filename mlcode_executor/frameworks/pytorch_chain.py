"""A chain of PyTorch sub-models as one module with several exits, trained with the deployment's settings.

``Chain`` has ``loss_fn``, ``optimizer`` and ``metrics`` as models of users have them, so the loop trains it like one of
these. Losses and metrics have the names and meanings of Keras. Called by the handler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from ignite.metrics import Average, Metric
from torch import nn, optim
from torch.nn import functional

from kafkaml.errors import DecodeError
from mlcode_executor.frameworks.chain import ChainTerms, are_probabilities, exit_outputs, of_sub_model
from mlcode_executor.frameworks.pytorch_forward import named_outputs
from mlcode_executor.frameworks.pytorch_input import undisturbed
from mlcode_executor.frameworks.source import user_code

__all__ = ["Chain"]

_OPTIMIZERS: Mapping[str, Any] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "sgd": optim.SGD,
    "rmsprop": optim.RMSprop,
    "nadam": optim.NAdam,
    "adamax": optim.Adamax,
    "adagrad": optim.Adagrad,
    "adadelta": optim.Adadelta,
}
# Keras' epsilon, which keeps probabilities away from 0 and 1 before taking logarithms.
_EPSILON = 1e-7
_TOP_K = 5
# Scales of random samples, extreme and ordinary. A sigmoid stays within 0 and 1 for all of them.
_SCALES = (1.0, 100.0, 10_000.0)

# A function of predictions (n, ...), labels, and whether the predictions are logits. Returns values (n, ...).
Values = Callable[[torch.Tensor, torch.Tensor, bool], torch.Tensor]


class Chain(nn.Module):
    """Sub-models from below, each but the last answering ``(to_upper, prediction)``; answers predictions by name."""

    def __init__(self, models: Sequence[nn.Module], terms: ChainTerms) -> None:
        super().__init__()
        self.sub_models = nn.ModuleList(models)
        self._terms = terms
        # Whether each exit answers logits; known once samples were seen.
        self._logits: dict[str, bool] = dict.fromkeys(terms.names, True)

    def forward(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the prediction (n, ...) of every exit."""
        exits, last = {}, len(self.sub_models) - 1
        for index, (name, model) in enumerate(zip(self._terms.names, self.sub_models, strict=True)):
            answers = self._ask(index, model, features)
            features, exits[name] = exit_outputs(name, answers, is_top=index == last)
        return exits

    def _ask(self, index: int, model: nn.Module, features: torch.Tensor) -> list[torch.Tensor]:
        try:
            return [tensor for _, tensor in named_outputs(model(features))]
        except Exception as error:
            if not index:
                raise
            lower, name = self._terms.names[index - 1 : index + 1]
            about = f"{lower!r} below it gives up samples of shape {tuple(features.shape[1:])}"
            with of_sub_model(name, about), user_code():
                raise error

    def look(self, inputs: torch.Tensor) -> None:
        """Find out with prepared ``inputs`` (n, ...) whether each exit answers probabilities or logits."""
        with torch.no_grad(), undisturbed(self):
            tried = [self(inputs * scale if inputs.is_floating_point() else inputs) for scale in _SCALES]
        for name in self._terms.names:
            answers = [batch[name].detach().float().cpu().numpy() for batch in tried]
            self._logits[name] = not are_probabilities(answers)

    def loss_fn(self) -> nn.Module:
        """Return the weighted sum of all exits' losses."""
        return _WeightedSum(self)

    def optimizer(self) -> optim.Optimizer:
        """Return the optimiser of all sub-models' parameters."""
        made: optim.Optimizer = _OPTIMIZERS[self._terms.optimizer](self.parameters(), lr=self._terms.learning_rate)
        return made

    def metrics(self) -> dict[str, Metric]:
        """Return Ignite's metrics by name, each exit's own; the whole loss is added by the loop."""
        alone = len(self._terms.names) == 1
        return {
            metric if alone else f"{name}_{metric}": self._average(name, metric)
            for name in self._terms.names
            for metric in (*(() if alone else ("loss",)), *self._terms.metrics)
        }

    def values(self, name: str, metric: str, prediction: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss, or the metric ``metric``, of each sample at the exit ``name``, (n, 1)."""
        find = _VALUES[self._terms.loss if metric == "loss" else metric]
        # Restore a batch axis that a squeeze removed, where the labels have one.
        found = find(prediction.reshape(len(labels), -1), labels, self._logits[name])
        return found.reshape(len(labels), -1).mean(dim=1, keepdim=True)

    def _average(self, name: str, metric: str) -> Metric:
        def of_batch(output: tuple[Mapping[str, torch.Tensor], torch.Tensor]) -> torch.Tensor:
            predictions, labels = output
            return self.values(name, metric, predictions[name].detach(), labels)

        return _Root(of_batch) if metric == "root_mean_squared_error" else Average(of_batch)

    def weighted(self) -> Iterator[tuple[str, float]]:
        """Yield the exits with the weights of their losses."""
        yield from zip(self._terms.names, self._terms.weights, strict=True)


class _WeightedSum(nn.Module):
    """The loss of a chain. Takes predictions by exit, and the labels that all exits share."""

    def __init__(self, chain: Chain) -> None:
        super().__init__()
        # The tuple keeps PyTorch from registering the chain as a submodule, because a loss has no parameters.
        self._chain = (chain,)

    def forward(self, predictions: Mapping[str, torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        (chain,) = self._chain
        losses = [
            chain.values(name, "loss", predictions[name], labels).mean() * weight for name, weight in chain.weighted()
        ]
        return torch.stack(losses).sum()


class _Root(Average):
    def compute(self) -> Any:
        return torch.as_tensor(super().compute()).sqrt()


def _classes(labels: torch.Tensor) -> torch.Tensor:
    return labels.reshape(len(labels)).to(torch.int64)


def _like(labels: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
    if labels.numel() != prediction.numel():
        raise DecodeError(
            f"labels of shape {tuple(labels.shape[1:])} do not fit exits that predict {prediction.shape[1]} numbers",
            hint="choose a loss and metrics that take such labels (sparse_... for numbers of classes), or send labels "
            "of the prediction's shape (label_reshape)",
        )
    return labels.reshape(prediction.shape).to(prediction.dtype)


def _log_probabilities(prediction: torch.Tensor, logits: bool) -> torch.Tensor:
    if logits:
        return functional.log_softmax(prediction, dim=1)
    # Normalise the scores to a sum of one, as Keras does.
    return (prediction / prediction.sum(dim=1, keepdim=True)).clamp(_EPSILON, 1 - _EPSILON).log()


def _sparse_crossentropy(prediction: torch.Tensor, labels: torch.Tensor, logits: bool) -> torch.Tensor:
    return -_log_probabilities(prediction, logits).gather(1, _classes(labels)[:, None])


def _crossentropy(prediction: torch.Tensor, labels: torch.Tensor, logits: bool) -> torch.Tensor:
    return -(_like(labels, prediction) * _log_probabilities(prediction, logits)).sum(dim=1)


def _binary_crossentropy(prediction: torch.Tensor, labels: torch.Tensor, logits: bool) -> torch.Tensor:
    target = _like(labels, prediction)
    if logits:
        return functional.binary_cross_entropy_with_logits(prediction, target, reduction="none")
    return functional.binary_cross_entropy(prediction.clamp(_EPSILON, 1 - _EPSILON), target, reduction="none")


def _squared(prediction: torch.Tensor, labels: torch.Tensor, _logits: bool) -> torch.Tensor:
    return (prediction - _like(labels, prediction)) ** 2


def _absolute(prediction: torch.Tensor, labels: torch.Tensor, _logits: bool) -> torch.Tensor:
    return (prediction - _like(labels, prediction)).abs()


def _huber(prediction: torch.Tensor, labels: torch.Tensor, _logits: bool) -> torch.Tensor:
    return functional.huber_loss(prediction, _like(labels, prediction), reduction="none")


def _sparse_accuracy(prediction: torch.Tensor, labels: torch.Tensor, _logits: bool) -> torch.Tensor:
    return (prediction.argmax(dim=1) == _classes(labels)).float()


def _categorical_accuracy(prediction: torch.Tensor, labels: torch.Tensor, _logits: bool) -> torch.Tensor:
    return (prediction.argmax(dim=1) == _like(labels, prediction).argmax(dim=1)).float()


def _binary_accuracy(prediction: torch.Tensor, labels: torch.Tensor, logits: bool) -> torch.Tensor:
    return ((prediction > (0.0 if logits else 0.5)) == (_like(labels, prediction) > 0.5)).float()


def _accuracy(prediction: torch.Tensor, labels: torch.Tensor, logits: bool) -> torch.Tensor:
    """Return the accuracy, in the variant that Keras would choose by the shapes."""
    if prediction.shape[1] == 1:
        return _binary_accuracy(prediction, labels, logits)
    one_hot = labels.numel() == prediction.numel()
    return (_categorical_accuracy if one_hot else _sparse_accuracy)(prediction, labels, logits)


def _sparse_top_k(prediction: torch.Tensor, labels: torch.Tensor, _logits: bool) -> torch.Tensor:
    best = prediction.topk(min(_TOP_K, prediction.shape[1]), dim=1).indices
    return (best == _classes(labels)[:, None]).any(dim=1).float()


_VALUES: Mapping[str, Values] = {
    "sparse_categorical_crossentropy": _sparse_crossentropy,
    "categorical_crossentropy": _crossentropy,
    "binary_crossentropy": _binary_crossentropy,
    "mean_squared_error": _squared,
    "mse": _squared,
    "mean_absolute_error": _absolute,
    "mae": _absolute,
    "huber": _huber,
    "sparse_categorical_accuracy": _sparse_accuracy,
    "categorical_accuracy": _categorical_accuracy,
    "binary_accuracy": _binary_accuracy,
    "accuracy": _accuracy,
    "sparse_top_k_categorical_accuracy": _sparse_top_k,
    "root_mean_squared_error": _squared,
}
