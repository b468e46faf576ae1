"""Samples behind the cells of a result's confusion matrix, from the file that its training left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from backend.api.errors import InvalidField, NotFound
from backend.api.samples import sample_document
from backend.deployments import storage
from backend.deployments.models import TrainingResult
from kafkaml.codecs import codec_for, with_learnt
from kafkaml.confusion_samples import CONFUSION_SAMPLES, ConfusionSamples
from kafkaml.errors import DecodeError, RefusedError
from kafkaml.stream_preview import named_columns

__all__ = ["cell_samples"]


def cell_samples(result: TrainingResult, actual: int, predicted: int) -> dict[str, Any]:
    """Return samples of class ``actual`` that were predicted as ``predicted``, as CellSamplesSerializer describes them.

    Raises NotFound where the result has no matrix, or was trained before samples were kept, or their file is damaged;
    InvalidField for a class that the matrix does not have.
    """
    stored = result.confusion_matrix
    if not stored:
        raise NotFound(
            f"result {result.pk} has no confusion matrix",
            hint="ask for it when making the deployment: confusion_matrix",
        )
    matrix = stored["matrix"]
    for name, value in (("actual", actual), ("predicted", predicted)):
        if not 0 <= value < len(matrix):
            raise InvalidField(name, f"{name} is missing or no class: expected a number from 0 to {len(matrix) - 1}")
    kept = _read(result).cell(actual, predicted)
    return {
        "actual": actual,
        "predicted": predicted,
        "total": matrix[actual][predicted],
        "per_cell": kept.per_cell,
        "columns": _columns(result, kept.features.shape[1:]),
        "samples": [
            {"sample": sample_document(features), "probability": _finite(probability)}
            for features, probability in zip(kept.features, kept.probability.tolist(), strict=True)
        ],
    }


def _columns(result: TrainingResult, shape: Sequence[int]) -> tuple[str, ...]:
    """Return the stream's names for the numbers of a sample, or of each record of a window; empty if unknown."""
    version = result.current_version
    stream = result.stream if version is None or version.stream is None else version.stream
    if stream is None:
        return ()
    message = stream.control_message()
    config = with_learnt(message.input_config, (result.outcome or {}).get("learnt") or {})
    try:
        features = codec_for(message.input_format, config).features
        return named_columns(features, shape) or (tuple(features.record_names()) if len(shape) == 2 else ())
    except DecodeError:
        # A schema that has become unreadable must not hide the samples of a trained result.
        return ()


def _read(result: TrainingResult) -> ConfusionSamples:
    artifact = next((artifact for artifact in result.artifacts_shown if artifact.name == CONFUSION_SAMPLES), None)
    hint = "train it again to have them"
    if artifact is None:
        raise NotFound(f"result {result.pk} has no samples of its confusion matrix", hint=hint)
    try:
        return ConfusionSamples.read(storage.fetch(artifact))
    except RefusedError as error:
        raise NotFound(error.message, hint=hint) from error


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
