"""Compare a converted model with the framework's own answers, and hand it over only if they agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kafkaml.named_inputs import separated
from mlcode_executor.frameworks.base import Array, write_to

__all__ = ["compare_and_write", "feed_of", "not_converted"]


# Float32 sums in another order differ by this much; a wrong conversion differs by far more.
_ABSOLUTE_TOLERANCE = 1e-4
_RELATIVE_TOLERANCE = 1e-3
_SAMPLES = 256


def compare_and_write(
    path: Path, features: Array, predict: Callable[[Array], list[Array]], descriptor: int
) -> dict[str, Any]:
    """Run both models on up to 256 of ``features`` and on one; write the file when the answers are alike.

    Returns ``{converted, max_difference, reason, bytes}``.
    """
    import onnxruntime

    # Silence ONNX Runtime, which otherwise warns about every device hidden by the sandbox, in the user's log.
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [model_input.name for model_input in session.get_inputs()]
    difference = 0.0
    # Try one sample too, because a model whose batch axis was frozen by the conversion passes with one size only.
    for count in sorted({1, min(len(features), _SAMPLES)}):
        part = np.ascontiguousarray(features[:count])
        expected = predict(part)
        answers = session.run(None, feed_of(part, names))
        if len(answers) != len(expected):
            return not_converted(f"the converted model has {len(answers)} outputs instead of {len(expected)}")
        for answer, wanted in zip(answers, expected, strict=True):
            if answer.shape != wanted.shape:
                return not_converted(f"the converted model answers {answer.shape} instead of {wanted.shape}")
            difference = max(difference, float(np.max(np.abs(answer - wanted), initial=0.0)))
            if not np.allclose(answer, wanted, rtol=_RELATIVE_TOLERANCE, atol=_ABSOLUTE_TOLERANCE, equal_nan=True):
                return not_converted(f"answers differ by up to {difference:.3g}", difference)
    return {
        "converted": True,
        "max_difference": difference,
        "reason": "",
        "bytes": write_to(descriptor, path),
    }


def feed_of(features: Array, names: Sequence[str]) -> dict[str, Array]:
    """Return features (n, ...) in the form that a session with the inputs ``names`` takes."""
    if features.dtype.names is None:
        return {names[0]: features}
    return {name: np.ascontiguousarray(array) for name, array in separated(features).items()}


def not_converted(reason: str, difference: float | None = None) -> dict[str, Any]:
    """The result of a conversion that failed: inference uses the framework itself."""
    return {"converted": False, "max_difference": difference, "reason": reason, "bytes": 0}
