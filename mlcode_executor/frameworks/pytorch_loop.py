"""Trains and evaluates a PyTorch model with Ignite engines, over batches sliced from arrays.

The user's model brings ``loss_fn``, ``optimizer`` and ``metrics``. Slicing whole chunks costs a fraction of a
DataLoader, and metrics are updated for several batches at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from torch import nn

from kafkaml.frameworks import Purpose
from kafkaml.frameworks.pytorch import PYTORCH
from mlcode_executor.frameworks.base import Array, batches_of, flat_metrics
from mlcode_executor.frameworks.batches import BatchStream
from mlcode_executor.frameworks.best_epoch import BestWeights, Monitoring
from mlcode_executor.frameworks.fit_progress import FitPlace, Pause, ProgressEvents, end_epoch
from mlcode_executor.frameworks.pytorch_definitions import Definitions
from mlcode_executor.frameworks.pytorch_forward import Forward
from mlcode_executor.frameworks.pytorch_input import Preparation, device
from mlcode_executor.frameworks.pytorch_named import AnyPreparation, Tensors, prepared, rows_of, tensor_of, tensors_of
from mlcode_executor.frameworks.pytorch_targets import Targets

__all__ = ["FitArguments", "TorchLoop"]

# Evaluation uses batches this many times larger than training, because nothing is kept for a backward pass.
_EVALUATION_FACTOR = 4
# Training updates its metrics with this many samples at a time, or with one batch where a batch is larger.
_METRICS_SAMPLES = 4096


@dataclass(frozen=True)
class FitArguments(Monitoring):
    """Arguments of a run: Ignite's ``max_epochs`` and ``epoch_length``, Keras' names for them too, and the order.

    ``drop_last`` leaves out a last batch that is not full, ``to_tensor`` gives images of bytes as ToTensor does.
    """

    max_epochs: int = 1
    epoch_length: int | None = None
    shuffle: bool | str = True
    drop_last: bool = False
    to_tensor: bool = True

    @classmethod
    def from_literals(cls, arguments: Mapping[str, Any]) -> FitArguments:
        """Read checked arguments; ``verbose`` is accepted and ignored, because there is no terminal."""
        return cls(**PYTORCH.arguments[Purpose.FIT].own_names(arguments))


class TorchLoop:
    """Runs epochs of one model, which is on its device."""

    def __init__(self, forward: Forward, *, targets_are_features: bool = False) -> None:
        self._device = device()
        self._forward = forward
        self._model = forward.model
        self._definitions = Definitions(self._model)
        self._loss_fn = self._definitions.loss_fn()
        if isinstance(self._loss_fn, nn.Module):
            # A loss may hold class weights, which stay on the device where their tensor was made until they are moved.
            self._loss_fn.to(self._device)
        given = forward.preparation
        # Only features that are one array can be learnt as they are.
        as_targets = given if targets_are_features and isinstance(given, Preparation) else None
        self._targets = Targets(self._loss_fn, as_targets)
        # The optimiser is made by the first training and kept when that training continues.
        self.optimizer: Any = None

    def new_optimizer(self) -> Any:
        """Make the optimiser of this training: once the model is where it stays and lazy parameters have sizes."""
        self.optimizer = self._definitions.optimizer()
        return self.optimizer

    def fit(
        self,
        training: tuple[Array, Array],
        validation: tuple[Array, Array] | None,
        *,
        batch_size: int,
        arguments: FitArguments,
        seed: int,
        progress: ProgressEvents,
        place: FitPlace,
        pause: Pause,
        best: BestWeights,
    ) -> bool:
        """Train starting at ``place`` and advancing it, with a new optimiser at first; returns whether training is
        complete.

        ``best`` keeps the weights of the best epoch, where the arguments ask for them.
        """
        if not place.epoch:
            self.new_optimizer()
        self._train(training, validation, batch_size, arguments, seed, progress, place, pause, best)
        return place.epoch >= arguments.max_epochs or place.best.stopped

    def partial_fit(self, training: tuple[Array, Array], *, batch_size: int) -> dict[str, float]:
        """Train for one more pass, in the order given, with the optimiser of the pass before; returns its metrics."""
        if self.optimizer is None:
            self.new_optimizer()
        once, place = FitArguments(shuffle=False), FitPlace()
        self._train(training, None, batch_size, once, 0, ProgressEvents.silent(), place, Pause(None), None)
        return {name: values[-1] for name, values in place.history.items()}

    def _train(
        self,
        training: tuple[Array, Array],
        validation: tuple[Array, Array] | None,
        batch_size: int,
        arguments: FitArguments,
        seed: int,
        progress: ProgressEvents,
        place: FitPlace,
        pause: Pause,
        best: BestWeights | None,
    ) -> None:
        features, labels = training
        self._targets.check(labels, self._forward.outputs)
        with BatchStream(
            features,
            labels,
            batch_size=batch_size,
            shuffle=arguments.shuffle,
            seed=seed,
            drop_last=arguments.drop_last,
            batches_done=place.batches,
        ) as stream:
            trainer = Engine(self._training_step(self.optimizer))
            metrics = _TrainingMetrics(self._definitions.metrics(), batch_size)
            epoch_length = arguments.epoch_length or stream.batches_per_pass
            epochs_before, batches_before = place.epoch, place.batches

            def start(_engine: Engine) -> None:
                self._model.train()
                progress.start_epoch()
                metrics.start_epoch()

            def after_batch(engine: Engine) -> None:
                output: Any = engine.state.output
                metrics.add(output)
                if progress.due:
                    batch = (engine.state.iteration - 1) % epoch_length + 1
                    progress.batch_done(
                        epoch=epochs_before + engine.state.epoch,
                        batch=batch,
                        batches=epoch_length,
                        metrics=metrics.running(),
                    )

            def end(engine: Engine) -> None:
                epoch, batches = epochs_before + engine.state.epoch, batches_before + engine.state.iteration
                end_epoch(
                    place,
                    progress,
                    arguments,
                    best,
                    epoch=epoch,
                    batches=batches,
                    training=metrics.compute(),
                    validation={} if validation is None else self.evaluate(validation, batch_size=batch_size),
                    validates=validation is not None,
                    learning_rate=self.learning_rate(),
                )
                if pause.due or place.best.stopped:
                    engine.terminate()

            trainer.add_event_handler(Events.EPOCH_STARTED, start)
            trainer.add_event_handler(Events.ITERATION_COMPLETED, after_batch)
            trainer.add_event_handler(Events.EPOCH_COMPLETED, end)
            trainer.logger.disabled = True
            if place.epoch < arguments.max_epochs:
                trainer.run(
                    _TensorBatches(stream, self._forward.preparation, self._device),
                    max_epochs=arguments.max_epochs - place.epoch,
                    epoch_length=epoch_length,
                )

    def evaluate(self, samples: tuple[Array, Array], *, batch_size: int, steps: int | None = None) -> dict[str, float]:
        """Return the user's metrics over ``samples``; at most ``steps`` batches of them. ``loss`` is always among them,
        unless the loss has no value without gradients.
        """
        features, labels = samples
        rows = len(features) if steps is None else min(len(features), steps * batch_size)
        self._model.eval()
        loss = _MeanLoss(self._loss_fn)

        def step(_engine: Engine, part: slice) -> tuple[Any, torch.Tensor]:
            inputs = self._forward.preparation.tensor(features[part], self._device)
            with torch.no_grad():
                prediction = self._forward(inputs)
                target = self._targets(torch.from_numpy(np.array(labels[part])).to(self._device), prediction)
                loss.add(prediction, target)
            return prediction, target

        evaluator = Engine(step)
        evaluator.logger.disabled = True
        metrics = self._definitions.metrics()
        for name, metric in metrics.items():
            metric.attach(evaluator, name)
        loss.wanted = "loss" not in metrics
        parts = list(batches_of(rows, batch_size * _EVALUATION_FACTOR))
        evaluator.run(parts, max_epochs=1)
        return {**_floats(evaluator.state.metrics), **loss.value()}

    def learning_rate(self) -> dict[str, float]:
        """Return the optimiser's present learning rate; numbered where its groups of parameters differ."""
        rates = [float(group["lr"]) for group in getattr(self.optimizer, "param_groups", ()) if "lr" in group]
        return flat_metrics("learning_rate", rates if len(set(rates)) > 1 else rates[:1]) if rates else {}

    def _training_step(self, optimizer: Any) -> Callable[[Engine, tuple[Tensors, torch.Tensor]], Any]:
        forward, loss_fn, targets = self._forward, self._loss_fn, self._targets

        def step(_engine: Engine, batch: tuple[Tensors, torch.Tensor]) -> tuple[Any, torch.Tensor, torch.Tensor]:
            features, labels = batch
            output: list[Any] = []

            def forward_and_backward() -> torch.Tensor:
                optimizer.zero_grad()
                prediction = forward(features)
                target = targets(labels, prediction)
                loss: torch.Tensor = loss_fn(prediction, target)
                loss.backward()  # type: ignore[no-untyped-call]
                output[:] = prediction, target, loss.detach()
                return loss

            if isinstance(optimizer, torch.optim.LBFGS):
                # LBFGS evaluates the loss several times per step.
                optimizer.step(forward_and_backward)  # type: ignore[no-untyped-call]
            else:
                forward_and_backward()
                optimizer.step()
            return output[0], output[1], output[2]

        return step


class _TensorBatches:
    """The batches that Ignite iterates over. Each ``iter`` is one pass of the stream, as pairs of tensors on the
    device.
    """

    def __init__(self, stream: BatchStream, preparation: AnyPreparation, on: torch.device) -> None:
        self._stream = stream
        self._preparation = preparation
        self._device = on

    def __len__(self) -> int:
        return self._stream.batches_per_pass

    def __iter__(self) -> Iterator[tuple[Tensors, torch.Tensor]]:
        left, size = self._stream.batches_left, self._stream.batch_size
        while left:
            chunk = self._stream.next_chunk(left)
            left -= chunk.batches
            labels = tensor_of(chunk.labels, self._device)
            features = tensors_of(chunk.features, self._device)
            for part in batches_of(len(chunk.features), size):
                yield prepared(self._preparation, rows_of(features, part)), labels[part]


class _MeanLoss:
    """The loss over the batches of an evaluation, each counted by its samples, where it is ``wanted``."""

    def __init__(self, loss_fn: Callable[[Any, torch.Tensor], Any]) -> None:
        self._loss_fn = loss_fn
        self._sum: Any = 0.0
        self._samples = 0
        self.wanted = True

    def add(self, prediction: Any, target: torch.Tensor) -> None:
        if not self.wanted:
            return
        try:
            self._sum = self._sum + self._loss_fn(prediction, target).detach() * len(target)
        except Exception:  # noqa: BLE001  a loss of the user's own may need what only training has, such as gradients
            self.wanted = False
        self._samples += len(target)

    def value(self) -> dict[str, float]:
        return {"loss": float(self._sum) / max(1, self._samples)} if self.wanted else {}


class _TrainingMetrics:
    """The user's metrics over the batches of an epoch, as they come; ``loss`` is added when they have none."""

    def __init__(self, metrics: Mapping[str, Any], batch_size: int) -> None:
        self._names = list(metrics)
        self._window_batches = max(1, _METRICS_SAMPLES // batch_size)
        self._window: list[tuple[Any, torch.Tensor]] = []
        # Ignite's metrics attach to an engine. This engine never runs, and its events are fired manually.
        self._recorder = Engine(lambda _engine, _batch: None)
        for name, metric in metrics.items():
            metric.attach(self._recorder, name)
        self._counted = False
        self._loss_sum: Any = 0.0
        self._samples = 0

    def start_epoch(self) -> None:
        self._window.clear()
        self._counted = False
        self._loss_sum, self._samples = 0.0, 0
        self._recorder.fire_event(Events.EPOCH_STARTED)

    def add(self, output: tuple[Any, torch.Tensor, torch.Tensor]) -> None:
        prediction, target, loss = output
        self._loss_sum = self._loss_sum + loss * len(target)
        self._samples += len(target)
        if not isinstance(prediction, torch.Tensor):
            # With several outputs only the user's metrics know their structure.
            self._update((prediction, target))
            return
        self._window.append((prediction.detach(), target))
        if len(self._window) >= self._window_batches:
            self._update_from_window()

    def running(self) -> dict[str, float]:
        """Metrics in the middle of an epoch, without the window that is open.

        Counting that window early would make the last digits of the epoch's sums depend on when metrics were requested.
        """
        return self._values() if self._counted else {"loss": self._mean_loss()}

    def compute(self) -> dict[str, float]:
        """Metrics of all that was added since the epoch began."""
        self._update_from_window()
        return self._values()

    def _mean_loss(self) -> float:
        return float(self._loss_sum) / max(1, self._samples)

    def _values(self) -> dict[str, float]:
        self._recorder.fire_event(Events.EPOCH_COMPLETED)
        metrics = _floats(self._recorder.state.metrics)
        if "loss" not in metrics:
            metrics["loss"] = self._mean_loss()
        return metrics

    def _update_from_window(self) -> None:
        if self._window:
            predictions, targets = zip(*self._window, strict=True)
            self._window.clear()
            self._update((torch.cat(predictions), torch.cat(targets)))

    def _update(self, output: tuple[Any, torch.Tensor]) -> None:
        self._counted = True
        self._recorder.state.output = output  # type: ignore[assignment]
        self._recorder.fire_event(Events.ITERATION_COMPLETED)


def _floats(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Flatten the user's metrics to numbers by name."""
    return {part: number for name, value in metrics.items() for part, number in flat_metrics(name, value).items()}
