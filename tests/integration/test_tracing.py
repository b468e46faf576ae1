"""A trace leads from a sender through a chain of inferences to the reader of the answer; a collector gets the spans."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from kafkaml.errors import SettingsError
from kafkaml.input_format import InputFormat
from kafkaml.records import Record
from kafkaml.settings import KafkaSettings
from kafkaml.worker_settings import worker_environment
from model_inference.tracing import Tracing
from tests.conftest import TestBroker
from tests.integration.test_inference import sample, send
from tests.local_server import Answer, LocalServer
from tests.model_inference.onnx_models import sum_model
from tests.model_inference.replicas import InferenceUnderTest
from tests.support import eventually

pytestmark = pytest.mark.integration

TRACE, SENDER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FOLLOWED, PASSED_BY = f"00-{TRACE}-{SENDER}-01", f"00-{'1' * 32}-{SENDER}-00"


class Collector(LocalServer):
    """A collector that takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Span] = []
        self.services: set[str] = set()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if (method, path) != ("POST", "/v1/traces"):
            return Answer(404)
        content = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            names = [
                attribute.value.string_value
                for attribute in resource.resource.attributes
                if attribute.key == "service.name"
            ]
            self.services.update(names)
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return Answer(200, b"", {"Content-Type": "application/x-protobuf"})

    def named(self, name: str) -> list[Span]:
        return [span for span in list(self.spans) if span.name == name]


def traceparent(record: Record) -> str:
    """Return the trace header of a record, or None."""
    found = [value or b"" for name, value in record.headers if name == "traceparent"]
    assert len(found) <= 1
    return found[0].decode() if found else ""


def test_a_trace_goes_from_the_sender_through_inferences_to_the_reader(broker: TestBroker, tmp_path: Path) -> None:
    topics = [broker.topic(partitions=1) for _ in range(2)]
    with Collector() as collector:
        env = {
            "KML_TRACING": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        first = InferenceUnderTest(
            tmp_path / "first",
            broker.bootstrap_servers,
            topics[0],
            {"model.onnx": sum_model(4)},
            {"output_topic": topics[1]},
            env=env,
        )
        second = InferenceUnderTest(
            tmp_path / "second",
            broker.bootstrap_servers,
            topics[1],
            {"model.onnx": sum_model(1)},
            {"input_format": InputFormat.JSON, "input_config": {}},
            env=env,
        )
        with first, second:
            for headers in (
                [("traceparent", FOLLOWED.encode()), ("mine", b"kept")],
                [("traceparent", PASSED_BY.encode())],
                [],
            ):
                send(broker, topics[0], [sample(1, 2, 3, 4)], headers=headers)
            send(broker, topics[0], [b"short"], headers=[("traceparent", FOLLOWED.encode())])
            first.start()
            second.start()
            eventually(lambda: len(second.outputs()) == 3, 120)
            followed, passed_by, alone = second.outputs()
            sent = eventually(lambda: collector.named(f"send {second.output_topic}"), 60)
            (letter,) = first.dead_letters()
    version, trace, span, flags = traceparent(followed).split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert ("mine", b"kept") in followed.headers
    assert (traceparent(passed_by), traceparent(alone), traceparent(letter)) == (PASSED_BY, "", FOLLOWED)
    # The spans form a line of parents: sender, first answer, second answer, reader.
    (before,) = collector.named(f"send {topics[1]}")
    (last,) = sent
    assert {own_span.trace_id.hex() for own_span in (before, last)} == {TRACE}
    assert (before.parent_span_id.hex(), last.parent_span_id) == (SENDER, before.span_id)
    assert last.span_id.hex() == span
    assert (before.kind, last.end_time_unix_nano > last.start_time_unix_nano) == (Span.SPAN_KIND_PRODUCER, True)
    batches = collector.named(f"process {topics[0]}")
    links = [(link.trace_id.hex(), link.span_id.hex()) for batch in batches for link in batch.links]
    # The links belong to the answer and to the dead letter.
    assert links == [(TRACE, SENDER)] * 2
    assert before.links[0].span_id in {batch.span_id for batch in batches}
    counts = [
        a.value.int_value for batch in batches for a in batch.attributes if a.key == "messaging.batch.message_count"
    ]
    assert sum(counts) == 4
    assert collector.services == {"kafka-ml-inference"}


def test_spans_that_cannot_be_made_are_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Tracing.from_environment(inference=1, group="g") is None
    monkeypatch.setenv("KML_TRACING", "otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(SettingsError, match="cannot be sent by 'grpc'"):
        Tracing.from_environment(inference=1, group="g")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match="OpenTelemetry is not installed") as caught:
        Tracing.from_environment(inference=1, group="g")
    assert "kafka-ml[tracing]" in caught.value.hint


def test_workers_get_what_is_said_of_spans_but_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = KafkaSettings(bootstrap_servers="kafka:9092")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a-secret")
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in worker_environment(kafka)
    monkeypatch.setenv("KML_TRACING", "otlp")
    given = worker_environment(kafka)
    assert (given["KML_TRACING"], given["OTEL_EXPORTER_OTLP_ENDPOINT"]) == ("otlp", "http://collector:4318")
    assert "a-secret" not in str(given)
