"""TrainingData: the samples of a run, split and ready to be handed to the model process.

Made from the stream's slice, which is read and decoded once and memory-mapped afterwards, so that samples larger than
memory stay on disk all the way. Closing gives the descriptors back; the slice stays in the cache for others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafkaml.array_file import ArrayFile
from kafkaml.jobs import TrainingPlan
from kafkaml.records import RecordReader
from kafkaml.stream_dataset import StreamDataset
from mlcode_executor.shared_array import SharedArray
from model_training.model_session import Samples
from model_training.shapes import (
    DataMismatch,
    ModelSignature,
    fit_feature_shape,
    label_range_doubt,
    label_shape_doubt,
)

__all__ = ["TrainingData"]


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Three parts of one slice, disjoint; ``validation`` and ``test`` may be empty.

    ``slice_sha256`` names the decoded content, ``split`` says how it was divided; ``class_names[i]`` is the text that
    label i stands for, where labels were sent as text; ``learnt`` is what serving needs to know of the stream's records
    beyond their announcement. A context manager.
    """

    training: Samples
    validation: Samples
    test: Samples
    slice_sha256: str
    split: str
    class_names: Sequence[str] = ()
    learnt: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    doubts: Sequence[DataMismatch] = ()

    @classmethod
    def read(
        cls,
        plan: TrainingPlan,
        *,
        open_reader: Callable[[], RecordReader],
        cache_dir: Path,
        on_progress: Callable[[int, int], None],
    ) -> TrainingData:
        """Take the plan's slice from ``cache_dir``, or read it from Kafka into there, and split it.

        The reader is made and closed in this thread. Raises what ``StreamDataset.open`` raises, and DataMismatch for a
        stream without labels.
        """
        reader = open_reader()
        try:
            dataset = StreamDataset.open(
                plan.stream, reader=reader, cache_dir=cache_dir, seed=plan.seed, on_progress=on_progress
            )
        finally:
            reader.close()
        with dataset:
            if dataset.labels is None:
                raise DataMismatch(
                    "the stream's records have no labels: each record's key is null",
                    hint="send each sample's label with it; the sink writes it as the record's key",
                )
            rates = {"validation_rate": plan.stream.validation_rate, "test_rate": plan.stream.test_rate}
            split = dataset.split(**rates)
            features, labels = dataset.features, dataset.labels
            training, validation, test = (
                Samples(_shared(features.rows(rows)), _shared(labels.rows(rows)))
                for rows in (split.training_rows, split.validation_rows, split.test_rows)
            )
            return cls(
                training=training,
                validation=validation,
                test=test,
                slice_sha256=dataset.sha256,
                split=f"order by content and seed {plan.seed}; {split}",
                class_names=dataset.class_names,
                learnt=dataset.learnt,
                warnings=dataset.warnings,
                doubts=[DataMismatch(message, hint=hint) for message, hint in dataset.doubts],
            )

    @property
    def parts(self) -> Mapping[str, Samples]:
        return {"training": self.training, "validation": self.validation, "test": self.test}

    @property
    def counts(self) -> Mapping[str, int]:
        return {name: len(part) for name, part in self.parts.items()}

    def for_model(self, signature: ModelSignature) -> TrainingData:
        """Return the same samples in the shape that the model takes, to be closed apart from this; and doubts.

        Raises DataMismatch when stream and model do not belong together, or nothing is left to train on.
        """
        features, labels = self.training.features, self.training.labels
        for what, array in (("features", features), ("labels", labels)):
            if array.dtype.kind not in "biuf":
                raise DataMismatch(
                    f"the stream's {what} are of the type {array.dtype}: models take numbers",
                    hint="encode texts as numbers in the sink",
                )
        if not len(self.training):
            raise DataMismatch(
                f"no samples are left to train on: the stream holds {sum(self.counts.values())}, of which "
                f"{len(self.validation)} validate and {len(self.test)} test",
                hint="send more records, or lower validation_rate and test_rate in the sink",
            )
        shape, doubt = fit_feature_shape(features.shape[1:], signature)
        doubts = [*self.doubts, doubt, label_shape_doubt(labels.shape[1:], signature)]
        if labels.dtype.kind in "iu":
            largest = max(int(part.labels.array.max()) for part in self.parts.values() if len(part))
            doubts.append(label_range_doubt(labels.shape[1:], largest, signature))
        return replace(
            self,
            training=_reshaped(self.training, shape),
            validation=_reshaped(self.validation, shape),
            test=_reshaped(self.test, shape),
            doubts=[each for each in doubts if each is not None],
        )

    def close(self) -> None:
        """Close the descriptors of all parts."""
        for part in self.parts.values():
            part.features.close()
            part.labels.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _shared(rows: ArrayFile) -> SharedArray:
    return SharedArray.from_file(rows.path, rows.dtype, rows.shape, rows.offset)


def _reshaped(samples: Samples, sample_shape: tuple[int, ...]) -> Samples:
    return Samples(_view(samples.features, (len(samples), *sample_shape)), _view(samples.labels, samples.labels.shape))


def _view(array: SharedArray, shape: tuple[int, ...]) -> SharedArray:
    """Return the same memory under another shape of as many elements, with a descriptor of its own."""
    return SharedArray(os.dup(array.fd), array.dtype, shape, offset=array.offset, writable=False)
