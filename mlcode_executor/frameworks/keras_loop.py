"""Trains and evaluates a Keras model over arrays, with many batches per call into TensorFlow.

Keras' own ``fit`` cannot stop after a batch and go on there, and makes one tensor of all samples
(docs/decisions/training-loops.md, with figures). The model's own ``train_step`` and ``test_step`` run inside,
so losses, metrics, optimisers and overridden steps behave as under ``fit``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kafkaml.frameworks import Purpose
from kafkaml.frameworks.tensorflow import TENSORFLOW
from mlcode_executor.frameworks.base import Array, batch_count, batches_of, flat_metrics
from mlcode_executor.frameworks.batches import BatchStream
from mlcode_executor.frameworks.best_epoch import BestWeights, Monitoring
from mlcode_executor.frameworks.fit_progress import FitPlace, Pause, ProgressEvents, end_epoch
from mlcode_executor.frameworks.keras_inputs import tensors_of

__all__ = ["FitArguments", "KerasLoop"]

# Evaluation and prediction read in steps of this size, whether or not the array is memory-mapped.
_MAX_CHUNK_BYTES = 32 << 20
# Operations whose random numbers depend on how often they have run in this process.
_DRAWS = frozenset(
    {
        "Multinomial",
        "ParameterizedTruncatedNormal",
        "RandomGamma",
        "RandomPoissonV2",
        "RandomShuffle",
        "RandomStandardNormal",
        "RandomUniform",
        "RandomUniformInt",
        "TruncatedNormal",
    }
)


@dataclass(frozen=True)
class FitArguments(Monitoring):
    """Literal arguments of ``keras.Model.fit`` and of its ``EarlyStopping``, with Keras' own defaults."""

    epochs: int = 1
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    shuffle: bool | str = True
    drop_last: bool = False
    class_weight: Mapping[int, float] | None = None
    validation_split: float = 0.0
    validation_steps: int | None = None
    validation_batch_size: int | None = None
    validation_freq: int | list[int] = 1

    @classmethod
    def from_literals(cls, arguments: Mapping[str, Any]) -> FitArguments:
        """Read checked arguments; ``verbose`` is accepted and ignored, because there is no terminal."""
        values = TENSORFLOW.arguments[Purpose.FIT].own_names(arguments)
        if weights := values.get("class_weight"):
            values["class_weight"] = {int(key): float(weight) for key, weight in weights.items()}
        return cls(**values)

    def validates_after(self, epoch: int) -> bool:
        """Whether validation follows ``epoch`` (1-based)."""
        if isinstance(self.validation_freq, list):
            return epoch in self.validation_freq
        return epoch % self.validation_freq == 0


class KerasLoop:
    """Runs steps of one compiled model over chunks of samples.

    ``cast`` is applied to features before the model sees them, inside the graph; ``targets`` turns a label tensor
    into the structure of the model's outputs.
    """

    def __init__(
        self, model: Any, *, cast: Callable[[Any], Any] = lambda features: features, targets: Callable[[Any], Any]
    ) -> None:
        self._model = model
        self._cast = cast
        self._targets = targets
        self._functions: dict[str, Callable[..., Any]] = {}
        self._graphs: list[Any] = []

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
        """Train as ``keras.Model.fit`` would, starting at ``place`` and advancing it; returns whether training is
        complete.

        ``best`` keeps the weights of the best epoch, where the arguments ask for them.
        """
        if arguments.validation_split and validation is None:
            split = int(len(training[0]) * (1 - arguments.validation_split))
            training, validation = _rows(training, slice(0, split)), _rows(training, slice(split, None))
        features, labels = training
        with BatchStream(
            features,
            labels,
            batch_size=batch_size,
            shuffle=arguments.shuffle,
            seed=seed,
            drop_last=arguments.drop_last,
            batches_done=place.batches,
        ) as stream:
            for epoch in range(max(place.epoch, arguments.initial_epoch) + 1, arguments.epochs + 1):
                progress.start_epoch()
                trained = self._epoch(stream, epoch, arguments, progress)
                validated: dict[str, float] = {}
                if validation is not None and arguments.validates_after(epoch):
                    validated = self.evaluate(
                        validation,
                        batch_size=arguments.validation_batch_size or batch_size,
                        steps=arguments.validation_steps,
                    )
                end_epoch(
                    place,
                    progress,
                    arguments,
                    best,
                    epoch=epoch,
                    batches=stream.batches_done,
                    training=trained,
                    validation=validated,
                    validates=validation is not None,
                    learning_rate=self.learning_rate(),
                )
                if self._model.stop_training or place.best.stopped:
                    break
                if pause.due and epoch < arguments.epochs:
                    return False
        # Optimisers that average weights (use_ema) put the averages into the model now.
        self._model.optimizer.finalize_variable_values(self._model.trainable_weights)
        return True

    def partial_fit(
        self, training: tuple[Array, Array], *, batch_size: int, arguments: FitArguments
    ) -> dict[str, float]:
        """Train for one more pass in the given order, and return its metrics.

        Averages of weights (use_ema) stay in the optimiser, because they would disturb the next pass. The serving model
        gets them (``keras_state.averaged``).
        """
        features, labels = training
        once = FitArguments(class_weight=arguments.class_weight)
        with BatchStream(features, labels, batch_size=batch_size) as stream:
            return self._epoch(stream, 1, once, ProgressEvents.silent())

    def evaluate(self, samples: tuple[Array, Array], *, batch_size: int, steps: int | None = None) -> dict[str, float]:
        """Return the compiled metrics over ``samples``, in order; at most ``steps`` batches of them."""
        features, labels = samples
        rows = len(features) if steps is None else min(len(features), steps * batch_size)
        row_bytes = max(1, (features.nbytes + labels.nbytes) // max(1, len(features)))
        chunk_rows = max(1, _MAX_CHUNK_BYTES // (row_bytes * batch_size)) * batch_size
        self._model.reset_metrics()
        logs: Any = {}
        for part in batches_of(rows, chunk_rows):
            logs = self._run("test", features[part], labels[part], None, batch_size)
        return self._metrics(logs)

    def learning_rate(self) -> dict[str, float]:
        """Return the optimiser's present learning rate, by name; empty where it has none."""
        rate = getattr(self._model.optimizer, "learning_rate", None)
        return {} if rate is None else flat_metrics("learning_rate", keras.ops.convert_to_numpy(rate))

    @property
    def unsaved(self) -> str:
        """Return what a saved state does not hold, so that a restored training may differ; empty if nothing."""
        if self._model.run_eagerly:
            return "the state of Python code, which run_eagerly runs at each step"
        for graph in self._graphs:
            definition = graph.as_graph_def()
            nodes = (node for graph in (definition, *definition.library.function) for node in _nodes(graph))
            if found := next((node.op for node in nodes if node.op in _DRAWS), None):
                return f"random numbers that operations of TensorFlow draw ({found}; those of keras.random are kept)"
        return ""

    def _epoch(
        self, stream: BatchStream, epoch: int, arguments: FitArguments, progress: ProgressEvents
    ) -> dict[str, float]:
        """Train until the pass over the data ends, or after ``steps_per_epoch`` batches.

        As in Keras, the next epoch continues where this one stopped, and an epoch is short when the data ends inside
        it.
        """
        batches = min(arguments.steps_per_epoch or stream.batches_per_pass, stream.batches_per_pass)
        self._model.stop_training = False
        self._model.reset_metrics()
        logs: Any = {}
        done = 0
        while done < batches and not (done and stream.at_end_of_pass):
            chunk = stream.next_chunk(batches - done)
            weights = _sample_weights(chunk.labels, arguments.class_weight)
            logs = self._run("train", chunk.features, chunk.labels, weights, stream.batch_size)
            done += chunk.batches
            if progress.due:
                progress.batch_done(epoch=epoch, batch=done, batches=batches, metrics=self._metrics(logs))
        return self._metrics(logs)

    def _run(self, step: str, features: Array, labels: Array, weights: Array | None, batch_size: int) -> Any:
        """Run all batches of one chunk; returns the logs of the last."""
        if step not in self._functions:
            self._functions[step] = self._make(self._model.train_step if step == "train" else self._model.test_step)
        # The only copy of the chunk is made here.
        tensors = [tensors_of(arrays) for arrays in (features, labels)]
        if weights is not None:
            tensors.append(tf.convert_to_tensor(weights))
        batches = batch_count(len(features), batch_size)
        return self._functions[step](tuple(tensors), tf.constant(batch_size, tf.int64), tf.constant(batches, tf.int64))

    def _make(self, step: Callable[[Any], Any]) -> Callable[..., Any]:
        def one_batch(*tensors: Any) -> Any:
            features, labels, *weights = tensors
            return step((self._cast(features), self._targets(labels), *weights))

        if self._model.run_eagerly:
            return lambda tensors, size, _batches: _eager_chunk(one_batch, tensors, int(size))
        compiled = tf.function(one_batch, jit_compile=self._model.jit_compile, autograph=False, reduce_retracing=True)

        def all_batches(tensors: tuple[Any, ...], batch_size: Any, batches: Any) -> Any:
            last = batches - 1

            def body(index: Any) -> tuple[Any]:
                start = index * batch_size
                compiled(*_part(tensors, slice(start, start + batch_size)))
                return (index + 1,)

            zero = tf.constant(0, tf.int64)
            tf.while_loop(lambda index: index < last, body, (zero,), parallel_iterations=1)
            # The last batch runs outside the loop, because a loop cannot return logs of unknown structure.
            return compiled(*_part(tensors, slice(last * batch_size, None)))

        traced = tf.function(all_batches, autograph=False)
        by_signature: dict[Any, Any] = {}

        def run(tensors: tuple[Any, ...], batch_size: Any, batches: Any) -> Any:
            # Trace once for any number of rows, because chunks and the last batch of a pass differ in size.
            specs = tf.nest.map_structure(
                lambda tensor: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype), tensors
            )
            signature = tuple(tf.nest.flatten(specs))
            if signature not in by_signature:
                number = tf.TensorSpec((), tf.int64)
                by_signature[signature] = traced.get_concrete_function(specs, number, number)
                self._graphs.append(by_signature[signature].graph)
            return by_signature[signature](tensors, batch_size, batches)

        return run

    def _metrics(self, logs: Any) -> dict[str, float]:
        """Return metrics as floats: the model's own state, or what a step of the user's own returned."""
        found = self._model.get_metrics_result()
        if isinstance(logs, dict) and set(logs) != set(found):
            # A loss may still have one number per sample of the step.
            found = {name: np.mean(value) if name == "loss" else value for name, value in logs.items()}
        return {
            part: number for name, metric in found.items() for part, number in flat_metrics(str(name), metric).items()
        }


def _nodes(definition: Any) -> Any:
    """The operations of a graph, or of a function in its library."""
    return definition.node if hasattr(definition, "node") else definition.node_def


def _eager_chunk(one_batch: Callable[..., Any], tensors: tuple[Any, ...], batch_size: int) -> Any:
    logs: Any = {}
    for part in batches_of(int(tensors[1].shape[0]), batch_size):
        logs = one_batch(*_part(tensors, part))
    return logs


def _part(tensors: tuple[Any, ...], rows: slice) -> Any:
    """Return some rows of features, of each input where there are several, labels and weights."""
    return tf.nest.map_structure(lambda tensor: tensor[rows], tensors)


def _rows(samples: tuple[Array, Array], rows: slice) -> tuple[Array, Array]:
    return samples[0][rows], samples[1][rows]


def _sample_weights(labels: Array, class_weight: Mapping[int, float] | None) -> Array | None:
    """Return (rows,) float32 weights by class; one-hot labels are turned into classes first, as Keras does."""
    if not class_weight:
        return None
    classes = labels.argmax(axis=-1) if labels.ndim > 1 and labels.shape[-1] != 1 else labels.reshape(len(labels))
    weights = np.ones(len(labels), dtype=keras.config.floatx())
    for class_number, weight in class_weight.items():
        weights[np.round(classes).astype(np.int64) == class_number] = weight
    return weights
