"""TrainingData: the samples of a run, split and ready to be handed to the model process.

Made from the stream's slice, which is read and decoded once and memory-mapped afterwards, so that samples larger than
memory stay on disk all the way. Closing gives the descriptors back; the slice stays in the cache for others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kafkaml.array_file import ArrayFile
from kafkaml.closing import Closing
from kafkaml.records import RecordReader
from kafkaml.splits import SplitPlan
from kafkaml.stream_dataset import StreamDataset
from kafkaml.wire.choices import Split, Targets
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.shared_array import SharedArray
from model_training.model_session import Samples
from model_training.shapes import DataMismatch

__all__ = ["TrainingData", "reshaped"]


@dataclass(frozen=True, kw_only=True)
class TrainingData(Closing):
    """Three parts of one slice, disjoint; ``validation`` and ``test`` may be empty.

    ``slice_sha256`` names the decoded content, ``split`` says how it was divided; ``class_names[i]`` is the text that
    label i stands for; ``learnt`` is what serving needs to know of the stream's records beyond their announcement.
    Without ``has_labels`` the features stand in their place. A context manager.
    """

    training: Samples
    validation: Samples
    test: Samples
    slice_sha256: str
    split: str
    has_labels: bool = True
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

        The reader is made and closed in this thread. Raises what ``StreamDataset.open`` raises.
        """
        reader = open_reader()
        try:
            dataset = StreamDataset.open(
                plan.stream,
                reader=reader,
                cache_dir=cache_dir,
                seed=plan.seed,
                by_time=plan.split is Split.TIME,
                without_labels=plan.targets is Targets.FEATURES,
                on_progress=on_progress,
            )
        finally:
            reader.close()
        with dataset:
            rates = {"validation_rate": plan.stream.validation_rate, "test_rate": plan.stream.test_rate}
            split = dataset.split(**rates)
            # The same file twice where there are no labels: what is not needed is never read.
            features, labels = dataset.features, dataset.labels or dataset.features
            training, validation, test = (
                Samples(_shared(features.rows(rows)), _shared(labels.rows(rows)))
                for rows in (split.training_rows, split.validation_rows, split.test_rows)
            )
            return cls(
                training=training,
                validation=validation,
                test=test,
                slice_sha256=dataset.sha256,
                split=_split_text(plan, split),
                has_labels=dataset.labels is not None,
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

    def with_parts(self, parts: Mapping[str, Samples]) -> TrainingData:
        """Return the same with other samples, to be closed apart from this."""
        return replace(self, training=parts["training"], validation=parts["validation"], test=parts["test"])

    def close(self) -> None:
        """Close the descriptors of all parts."""
        for part in self.parts.values():
            part.close()


def _split_text(plan: TrainingPlan, split: SplitPlan) -> str:
    """For people: the rule, and how many samples it gave to what."""
    if plan.split is Split.TIME:
        return f"by time, the newest test and those before them validate; {split}"
    return f"order by content and seed {plan.seed}; {split}"


def _shared(rows: ArrayFile) -> SharedArray:
    return SharedArray.from_file(rows.path, rows.dtype, rows.shape, rows.offset)


def reshaped(array: SharedArray, sample_shape: tuple[int, ...], *, rows: int | None = None) -> SharedArray:
    """Return the same memory, or its first ``rows``, under another shape of samples of as many elements.

    It has a descriptor of its own.
    """
    shape = (array.shape[0] if rows is None else rows, *sample_shape)
    return SharedArray(os.dup(array.fd), array.dtype, shape, offset=array.offset, writable=False)
