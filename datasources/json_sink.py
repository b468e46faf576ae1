"""JsonSink: sends samples as JSON text: numbers, arrays of numbers, or objects of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from datasources.sample_format import to_array
from datasources.sink import Servers, Sink
from kafkaml.control import CONTROL_TOPIC
from kafkaml.dtypes import shape_to_wire
from kafkaml.errors import RefusedError
from kafkaml.input_format import InputFormat

__all__ = ["JsonSink"]


class JsonSink(Sink):
    """Sends samples and labels as JSON. The first sample sets the shape. An object becomes a vector in the order of its
    sorted keys, which the announcement lists.

    ``data_type`` and ``label_type`` are the types that readers convert to. By default features become float32; labels
    become integers where all are whole numbers. Labels may be text. For the other arguments see ``Sink``.
    """

    def __init__(
        self,
        boostrap_servers: Servers | None = None,
        topic: str = "",
        deployment_id: int | str | bytes | None = None,
        description: str = "",
        validation_rate: float = 0,
        test_rate: float = 0,
        control_topic: str = CONTROL_TOPIC,
        group_id: str = "sink",
        *,
        data_type: str | None = None,
        label_type: str | None = None,
        **connection: Any,
    ) -> None:
        super().__init__(
            boostrap_servers,
            topic,
            deployment_id,
            InputFormat.JSON,
            description,
            None,
            validation_rate,
            test_rate,
            control_topic,
            group_id,
            **connection,
        )
        self.input_config = {name: value for name, value in self._declared(data_type, label_type) if value is not None}
        self._shape: tuple[int, ...] | None = None
        self._has_labels: bool | None = None
        self._keys: list[str] | None = None

    def send(self, data: Any, label: Any = None) -> None:
        """Send one sample: a number, list, array or dict; ``label`` likewise or text, or None for no label.

        Raises RefusedError when the shape or the keys differ from the samples before, or only some have labels.
        """
        self._check(data, has_label=label is not None)
        self._send_encoded(_dumps("data", data), None if label is None else _dumps("label", label))

    def unsupervised_send(self, data: Any) -> None:
        """Send one sample without label to ``unsupervised_topic``; of the same shape and keys as the labelled ones."""
        self._check(data, has_label=None)
        self._send_encoded(_dumps("data", data), None, unsupervised=True)

    def send_array(self, data: Any, labels: Any = None) -> None:
        """Send many samples in one call: ``data`` (samples, *shape), ``labels`` (samples, *shape) or None."""
        samples, keys = to_array(data), None if labels is None else to_array(labels)
        if keys is not None and len(keys) != len(samples):
            raise RefusedError(f"send_array got {len(samples)} samples and {len(keys)} labels: expected as many")
        for index, sample in enumerate(samples):
            self.send(sample, None if keys is None else keys[index])

    def _check(self, data: Any, *, has_label: bool | None) -> None:
        """Refuse a value that differs from the samples before. Returns None where no label is expected."""
        self._check_keys(sorted(map(str, data)) if isinstance(data, dict) else None)
        numbers = to_array(list(data.values()) if isinstance(data, dict) else data)
        # JSON has neither NaN nor infinity.
        if numbers.dtype.kind not in "biuf" or not np.isfinite(numbers).all():
            raise RefusedError(
                f"data is a {type(data).__name__} of {numbers.dtype.name}: expected finite numbers, arrays of them or "
                "an object of them"
            )
        shape = numbers.shape
        if self._shape is None:
            self._shape = shape
            self.input_config["data_reshape"] = shape_to_wire(shape) or "1"
        if self._has_labels is None:
            self._has_labels = has_label
        if shape != self._shape or has_label not in (None, self._has_labels):
            raise RefusedError(
                f"got data of the shape {shape} {'with' if has_label else 'without'} a label: expected "
                f"{self._shape} {'with' if self._has_labels else 'without'} one, as the samples before"
            )

    def _check_keys(self, keys: list[str] | None) -> None:
        """Objects become vectors ordered by key. The announcement lists the keys, so all samples must have the same
        ones.
        """
        if self._shape is None:
            self._keys = keys
            self.input_config.pop("fields", None)
            if keys is not None:
                self.input_config["fields"] = keys
        elif keys != self._keys:
            raise RefusedError(
                f"got data with {_keys_text(keys)}: expected {_keys_text(self._keys)}, as the samples before"
            )

    @staticmethod
    def _declared(data_type: str | None, label_type: str | None) -> list[tuple[str, str | None]]:
        return [("data_type", data_type), ("label_type", label_type)]


def _keys_text(keys: list[str] | None) -> str:
    return "no keys" if keys is None else f"the keys {', '.join(map(str, keys[:10]))}"


def _dumps(what: str, value: Any) -> bytes:
    if not isinstance(value, (dict, list, tuple, str, int, float)):
        value = to_array(value)
    try:
        return orjson.dumps(value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value)
    except (orjson.JSONEncodeError, TypeError) as error:
        raise RefusedError(f"{what} cannot be written as JSON: {error}") from error
