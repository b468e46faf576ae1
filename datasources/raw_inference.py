"""RawInference: sends values to predict as the bytes of arrays."""

from __future__ import annotations

from typing import Any

from datasources.inference_producers import InferenceProducer
from datasources.raw_sink import RawSink
from datasources.sink import Servers

__all__ = ["RawInference"]


class RawInference(InferenceProducer):
    """Sends arrays and numbers; see ``RawSink`` for ``data_type`` and ``data_reshape``."""

    def __init__(
        self,
        boostrap_servers: Servers | None = None,
        topic: str = "",
        data_type: str | None = None,
        data_reshape: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(RawSink(boostrap_servers, topic, 0, data_type, data_reshape=data_reshape, **options))
