"""JsonInference: sends values to predict as JSON text."""

from __future__ import annotations

from typing import Any

from datasources.inference_producers import InferenceProducer
from datasources.json_sink import JsonSink
from datasources.sink import Servers

__all__ = ["JsonInference"]


class JsonInference(InferenceProducer):
    """Sends numbers, arrays of numbers, or objects of them."""

    def __init__(self, boostrap_servers: Servers | None = None, topic: str = "", **options: Any) -> None:
        super().__init__(JsonSink(boostrap_servers, topic, 0, **options))
