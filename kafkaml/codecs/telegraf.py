"""TELEGRAF_STR_JSON: ``{"fields": {"value": "<JSON text>"}}``; the inner text is the JSON sample."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson

from kafkaml.codecs.base import Array
from kafkaml.codecs.json import JsonCodec, Loads, json_codecs
from kafkaml.codecs.registry import StreamFormat, register
from kafkaml.input_format import InputFormat

__all__ = ["TelegrafCodec"]


class TelegrafCodec(JsonCodec):
    """JSON samples wrapped by Telegraf. Other fields of the metric, such as its tags, are ignored."""

    def encode(self, samples: Array) -> list[bytes]:
        return [_wrapped(inner) for inner in super().encode(samples)]

    def encode_object(self, sample: Mapping[str, Any]) -> bytes:
        return _wrapped(super().encode_object(sample))

    def _load(self, value: bytes, loads: Loads = orjson.loads) -> Any:
        metric = loads(value)
        inner = metric.get("fields") if isinstance(metric, dict) else None
        text = inner.get("value") if isinstance(inner, dict) else None
        if not isinstance(text, str):
            raise orjson.JSONDecodeError(
                'expected {"fields": {"value": "<JSON text>"}}', value.decode("utf-8", "replace"), 0
            )
        return loads(text)


def _wrapped(inner: bytes) -> bytes:
    return orjson.dumps({"fields": {"value": inner.decode()}})


register(
    StreamFormat(
        name=InputFormat.TELEGRAF_STR_JSON,
        title="Telegraf JSON",
        codecs=partial(json_codecs, values=TelegrafCodec),
        decoder="telegraf",
        untold={"data_type": "float32"},
        text=True,
    )
)
