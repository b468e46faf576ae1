"""Turns a model's outputs into the values of output records. Pure; called by ``routing``.

The form on the wire is ``{"values": [...]}``: the outputs for that one sample. With several outputs this is the last
one, the prediction; the earlier ones of a distributed model are what it hands upwards. Then ``"outputs": [[...], ...]``
adds all of them, in the model's order. Fields that answers carry from their records follow as ``"include": {"machine":
"m-7", ...}``. JSON has no NaN and no infinity: both are written ``null``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

__all__ = ["encode_outputs"]

Array = npt.NDArray[Any]


def encode_outputs(outputs: Sequence[Array], included: Sequence[bytes] = ()) -> list[bytes]:
    """Return one JSON text for each sample; ``outputs`` are arrays (batch, ...), at least one.

    ``included`` holds one JSON text per sample, or is empty.
    """
    answers = _encoded(outputs)
    if not included:
        return answers
    return [b'%b,"include":%b}' % (answer[:-1], text) for answer, text in zip(answers, included, strict=True)]


def _encoded(outputs: Sequence[Array]) -> list[bytes]:
    values = _rows(outputs[-1])
    if len(outputs) == 1:
        return [b'{"values":%b}' % row for row in values]
    columns = [*(_rows(output) for output in outputs[:-1]), values]
    return [b'{"values":%b,"outputs":[%b]}' % (row[-1], b",".join(row)) for row in zip(*columns, strict=True)]


def _rows(output: Array) -> list[bytes]:
    """Return the JSON list of each sample; a scalar output is a list of one."""
    samples = output.reshape(len(output), 1) if output.ndim == 1 else output
    if samples.ndim != 2 or not samples.size or not _is_native(samples):
        return [_dumps(sample) for sample in samples]
    # One call for the whole batch, cut afterwards, is six times as fast as a call for each sample.
    return [b"[%b]" % row for row in _dumps(samples)[2:-2].split(b"],[")]


def _is_native(array: Array) -> bool:
    """Whether orjson writes this array itself, each number in the fewest digits that read back as the same one."""
    dtype = array.dtype
    return dtype.isnative and (dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize <= 8))


def _dumps(array: Array) -> bytes:
    if _is_native(array):
        return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    return orjson.dumps(array.tolist(), default=_readable)


def _readable(value: object) -> object:
    """Return a value that JSON can hold. Bytes are decoded, because models that output text answer with bytes. Anything
    else becomes its text.
    """
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)
