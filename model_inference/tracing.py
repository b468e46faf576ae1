"""Tracing: an inference's spans in the trace of a record, from its sender to the reader of its answer.

Made by ``service`` where ``KML_TRACING`` asks for it, called by the publisher. A record takes part if its sender wrote
a W3C ``traceparent`` that is sampled. Its answer then carries a ``traceparent`` of the same trace. Headers of other
records pass unchanged.

Names by the semantic conventions of OpenTelemetry for messaging (https://opentelemetry.io/docs/specs/semconv/messaging/):

- ``process TOPIC`` for each batch, with links to the contexts of its records
- ``send TOPIC`` for each answer, a child of its record's context, with a link to the batch's span
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from kafkaml.closing import Closing
from kafkaml.errors import SettingsError
from kafkaml.intake import Batch
from kafkaml.records import Headers, OutgoingRow
from kafkaml.settings import TracingSettings

__all__ = ["Tracing"]

_TRACEPARENT, _TRACESTATE = "traceparent", "tracestate"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"
_SERVICE = "kafka-ml-inference"


class Tracing(Closing):
    """Spans of one replica, sent in the background; a context manager whose end sends what is left.

    The environment's ``OTEL_*`` say where spans are sent, how many, and under which name. Raises SettingsError when the
    packages are missing, or the environment asks for a protocol that they lack.
    """

    def __init__(self, *, inference: int, group: str) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import SERVICE_NAME, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise SettingsError(
                f"KML_TRACING is otlp, and OpenTelemetry is not installed here ({error})",
                hint="install kafka-ml[tracing] next to the worker, or leave KML_TRACING empty",
            ) from error
        asked = next((os.environ[name] for name in _PROTOCOLS if os.environ.get(name)), _HTTP)
        if asked != _HTTP:
            raise SettingsError(
                f"spans cannot be sent by {asked!r}: expected {_HTTP}",
                hint=f"set {_PROTOCOLS[1]}={_HTTP}, which collectors take at port 4318",
            )
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: _SERVICE}))
        self._api: Any = trace
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("kafka-ml")
        self._propagator = TraceContextTextMapPropagator()
        self._about: Mapping[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.consumer.group.name": group,
            "kafkaml.inference": inference,
        }

    @classmethod
    def from_environment(cls, *, inference: int, group: str) -> Tracing | None:
        """Return what ``KML_TRACING`` asks for, None where it asks for nothing."""
        return cls(inference=inference, group=group) if TracingSettings().tracing else None

    def close(self) -> None:
        """Send what is left, without waiting long for an unavailable collector."""
        self._provider.shutdown()

    def published(self, batch: Batch, answers: Sequence[OutgoingRow]) -> None:
        """Report ``batch``, which is answered by ``answers``, whose ``traceparent`` becomes that of their spans."""
        now = time.time_ns()
        began = now - int((time.monotonic() - batch.arrived) * 1e9)
        carriers = [_carrier(headers) for headers in _headers_of(batch) if headers]
        followed = [context for carrier in carriers if (context := self._sampled(carrier)) is not None]
        span = self._tracer.start_span(
            f"process {batch.topic}",
            # The context is empty, so that the span is not a child of whatever else this thread does.
            context=self._api.Context(),
            kind=self._api.SpanKind.CONSUMER,
            attributes={
                **self._about,
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.destination.name": batch.topic,
                "messaging.batch.message_count": len(batch.polled),
            },
            links=[self._link(context) for context in followed],
            start_time=began,
        )
        link = self._api.Link(span.get_span_context())
        for topic, _, _, headers, _, _ in answers:
            context = self._sampled(_carrier(headers))
            if context is not None:
                headers[:] = self._onward(topic, headers, context, link, began)
        span.end()

    def _sampled(self, carrier: Mapping[str, str]) -> Any:
        """Return the context that a record came with; None where there is none, or it is invalid or not sampled."""
        if not carrier:
            return None
        context = self._propagator.extract(carrier, self._api.Context())
        found = self._api.get_current_span(context).get_span_context()
        return context if found.is_valid and found.trace_flags.sampled else None

    def _link(self, context: Any) -> Any:
        return self._api.Link(self._api.get_current_span(context).get_span_context())

    def _onward(
        self, topic: str, headers: Headers, context: Any, batch: Any, began: int
    ) -> list[tuple[str, bytes | None]]:
        """Return the headers of an answer, with the context of its span for that of its record."""
        span = self._tracer.start_span(
            f"send {topic}",
            context=context,
            kind=self._api.SpanKind.PRODUCER,
            attributes={
                **self._about,
                "messaging.operation.type": "send",
                "messaging.operation.name": "send",
                "messaging.destination.name": topic,
            },
            links=[batch],
            start_time=began,
        )
        written: dict[str, str] = {}
        self._propagator.inject(written, self._api.set_span_in_context(span))
        span.end()
        kept = [(name, value) for name, value in headers if name not in (_TRACEPARENT, _TRACESTATE)]
        return [*((name, value.encode()) for name, value in written.items()), *kept]


def _headers_of(batch: Batch) -> Iterable[Headers | None]:
    return chain(islice(batch.columns.headers, len(batch.kept)), (failed.record.headers for failed in batch.refused))


def _carrier(headers: Headers) -> dict[str, str]:
    """Return what a record's headers say of its trace; empty where they say nothing. Of several headers with one name
    the last counts.
    """
    return {name: (value or b"").decode("latin-1") for name, value in headers if name in (_TRACEPARENT, _TRACESTATE)}
