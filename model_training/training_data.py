"""TrainingData: the samples of a run, split and ready to be handed to the model process.

Made from the stream's slice, which is read and decoded once and memory-mapped afterwards, so that samples larger than
memory stay on disk all the way. Closing releases the descriptors; the slice stays in the cache for others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kafkaml.array_file import ArrayFile
from kafkaml.closing import Closing
from kafkaml.codecs import with_learnt
from kafkaml.codecs.columns import contract_of
from kafkaml.control import ControlMessage
from kafkaml.errors import StreamUnavailable
from kafkaml.input_format import InputFormat
from kafkaml.records import RecordReader
from kafkaml.shapes import DataMismatch, shape_text
from kafkaml.splits import SplitPlan
from kafkaml.stream_dataset import StreamDataset
from kafkaml.stream_range import StreamRange
from kafkaml.wire.choices import Split, Targets
from kafkaml.wire.contract import Contract, SplitBy
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.shared_array import SharedArray
from model_training.model_session import Samples
from model_training.pseudo_labels import unused_unlabelled

__all__ = ["TrainingData", "reshaped"]


@dataclass(frozen=True, kw_only=True)
class TrainingData(Closing):
    """Three parts of one slice, disjoint; ``validation`` and ``test`` may be empty.

    ``slice_sha256`` names the decoded content, ``split`` says how it was divided, and ``class_names[i]`` is the text of
    label i. ``learnt`` is what serving needs to know about the stream's records beyond their announcement. Without
    ``has_labels`` the features replace the labels. ``unlabelled`` are features (n, *sample_shape) outside the three
    parts, where the training learns from unlabelled samples. ``contract`` is the data set's. A context manager.
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
    unlabelled: SharedArray | None = None
    contract: Contract | None = None

    @classmethod
    def read(
        cls,
        plan: TrainingPlan,
        *,
        open_reader: Callable[[], RecordReader],
        cache_dir: Path,
        on_progress: Callable[[int, int], None],
    ) -> TrainingData:
        """Take the plan's slice from ``cache_dir``, or read it from Kafka into it, and split it.

        The reader is made and closed in this thread. Raises like ``StreamDataset.open``, and DataMismatch for
        unlabelled samples that differ from the labelled ones.
        """
        options: dict[str, Any] = {"cache_dir": cache_dir, "seed": plan.seed, "on_progress": on_progress}
        with closing(open_reader()) as reader, ExitStack() as stack:
            dataset = stack.enter_context(
                StreamDataset.open(
                    plan.stream,
                    reader=reader,
                    by_time=plan.split is Split.TIME,
                    without_labels=plan.targets is Targets.FEATURES,
                    **options,
                )
            )
            unlabelled: StreamDataset | None = None
            if plan.semi_supervised is not None:
                stream = _unlabelled_stream(plan, reader, dataset.learnt)
                unlabelled = stack.enter_context(
                    StreamDataset.open(stream, reader=reader, unsupervised=True, **options)
                )
                _check_alike(unlabelled.features, dataset.features)
            rates = {"validation_rate": plan.stream.validation_rate, "test_rate": plan.stream.test_rate}
            split = dataset.split(**rates)
            # Without labels the same file serves twice, because what is not needed is never read.
            features, labels = dataset.features, dataset.labels or dataset.features
            training, validation, test = (
                Samples(_shared(features.rows(rows)), _shared(labels.rows(rows)))
                for rows in (split.training_rows, split.validation_rows, split.test_rows)
            )
            return cls(
                training=training,
                validation=validation,
                test=test,
                slice_sha256=dataset.sha256 if unlabelled is None else _name_of_both(dataset, unlabelled),
                split=_split_text(plan, split),
                has_labels=dataset.labels is not None,
                class_names=dataset.class_names,
                learnt=dataset.learnt,
                warnings=[*dataset.warnings, *_warnings_of_unlabelled(plan, unlabelled)],
                doubts=[DataMismatch(message, hint=hint) for message, hint in dataset.doubts],
                unlabelled=None if unlabelled is None else _shared(unlabelled.features),
                contract=contract_of(plan.stream.input_config)[0] if _by_contract(plan) else None,
            )

    @property
    def parts(self) -> Mapping[str, Samples]:
        return {"training": self.training, "validation": self.validation, "test": self.test}

    @property
    def counts(self) -> Mapping[str, int]:
        return {name: len(part) for name, part in self.parts.items()}

    def with_parts(self, parts: Mapping[str, Samples], unlabelled: SharedArray | None = None) -> TrainingData:
        """Return the same data with other samples, to be closed separately."""
        return replace(
            self,
            training=parts["training"],
            validation=parts["validation"],
            test=parts["test"],
            unlabelled=unlabelled,
        )

    def close(self) -> None:
        """Close the descriptors of all samples."""
        for part in self.parts.values():
            part.close()
        if self.unlabelled is not None:
            self.unlabelled.close()


def _by_contract(plan: TrainingPlan) -> bool:
    return plan.stream.input_format == InputFormat.COLUMNS


def _split_text(plan: TrainingPlan, split: SplitPlan) -> str:
    """A description for the user: the rule, and how many samples each part got."""
    contract = plan.stream.input_config.get("contract")
    if contract is not None:
        rule = contract.get("split", SplitBy.CONTENT)
        return f"by {rule}, as the data set's contract says, seed {plan.seed}; {split}"
    if plan.split is Split.TIME:
        return f"by time, the newest test and those before them validate; {split}"
    return f"order by content and seed {plan.seed}; {split}"


def _unlabelled_stream(plan: TrainingPlan, reader: RecordReader, learnt: Mapping[str, Any]) -> ControlMessage:
    """Return the plan's stream with an end for its unlabelled data, which is read like the labelled data.

    A topic without offsets is read up to the time of the announcement, so that every attempt reads the same records.
    """
    ranges = []
    for stream_range in plan.stream.unsupervised_ranges:
        if stream_range.end is not None:
            ranges.append(stream_range)
            continue
        ends = reader.starts(stream_range.topic, since_ms=plan.since_ms + 1)
        starts = reader.starts(stream_range.topic)
        ranges += [StreamRange(topic, place, start, ends[topic, place]) for (topic, place), start in starts.items()]
    if not any(stream_range.max_records for stream_range in ranges):
        raise StreamUnavailable(
            "the stream was announced without unlabelled data, and the deployment is semi-supervised",
            hint="send samples without labels by unsupervised_send of a sink with unsupervised_topic, or kafka-ml send "
            "--unlabelled FILE",
        )
    return replace(
        plan.stream,
        unsupervised_ranges=tuple(ranges),
        input_config=with_learnt(plan.stream.input_config, learnt),
    )


def _check_alike(unlabelled: ArrayFile, labelled: ArrayFile) -> None:
    if (unlabelled.shape[1:], unlabelled.dtype) != (labelled.shape[1:], labelled.dtype):
        raise DataMismatch(
            f"the stream's unlabelled samples are {unlabelled.dtype} of the shape {shape_text(unlabelled.shape[1:])}: "
            f"expected {labelled.dtype} of the shape {shape_text(labelled.shape[1:])}, as the labelled ones",
            hint="send both by one sink, send and unsupervised_send",
        )


def _name_of_both(labelled: StreamDataset, unlabelled: StreamDataset) -> str:
    return hashlib.sha256(f"{labelled.sha256} {unlabelled.sha256}".encode()).hexdigest()


def _warnings_of_unlabelled(plan: TrainingPlan, unlabelled: StreamDataset | None) -> list[str]:
    if unlabelled is None:
        return unused_unlabelled(plan)
    return [f"of the unlabelled data: {warning}" for warning in unlabelled.warnings]


def _shared(rows: ArrayFile) -> SharedArray:
    return SharedArray.from_file(rows.path, rows.dtype, rows.shape, rows.offset)


def reshaped(array: SharedArray, sample_shape: tuple[int, ...], *, rows: int | None = None) -> SharedArray:
    """Return the same memory, or its first ``rows``, with another sample shape of the same size.

    It has a descriptor of its own.
    """
    shape = (array.shape[0] if rows is None else rows, *sample_shape)
    return SharedArray(os.dup(array.fd), array.dtype, shape, offset=array.offset, writable=False)
