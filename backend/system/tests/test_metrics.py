"""GET /metrics, what the controller and the web server tell, and the dashboard that asks for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.config.environment import environment
from backend.config.prometheus import REQUESTS
from backend.controller.prometheus import PlatformMetrics, RoundMetrics
from backend.inferences.models import Inference, ReplicaStats, SwapRecord
from backend.streams.models import OutboxMessage
from backend.system.documents import Gpu
from backend.webhooks.models import Delivery, Webhook
from kafka_control_logger.prometheus import RelayMetrics
from kafkaml.prometheus import MetricsServer, ProcessMetrics, together
from kafkaml.prometheus.definitions import every_definition
from kafkaml.wire.progress import EpochMetrics, Progress, WindowPlace
from kafkaml.wire.replica import Serving
from mlcode_executor.prometheus import ExecutorMetrics
from model_inference.prometheus import ReplicaMetrics
from model_inference.stats import LoopStats
from model_inference.swap_news import SwapNews
from model_training.prometheus import TrainingMetrics

pytestmark = pytest.mark.django_db

DASHBOARD = Path(__file__).parents[3] / "k8s/components/monitoring/kafka-ml.json"
GPU = Gpu(index=0, name="H200", memory_total=100, memory_used=40, use=50, temperature=60)


def _samples(text: bytes) -> dict[str, list[tuple[Mapping[str, str], float]]]:
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def _value(text: bytes, name: str, /, **labels: str) -> float:
    (value,) = [value for has, value in _samples(text)[name] if labels.items() <= has.items()]
    return value


def _running() -> Inference:
    """An inference that runs: one replica has reported, one swap was done and one failed."""
    inference = builders.make_inference(replicas=2)
    Inference.objects.filter(pk=inference.pk).update(
        state="running", attempt=1, predicted=90, dead_lettered=10, ready_replicas=1,
        failing={"kind": "lag", "reason": "it grows", "since": timezone.now().isoformat()},
    )  # fmt: skip
    document = {"replica": 0, "state": "running", "lag": 7, "p50_ms": 5.0, "p99_ms": 250.0}
    ReplicaStats.objects.create(inference=inference, replica=0, attempt=1, document=document)
    for number, failure in enumerate((None, {"category": "user_code", "cause": "no model"})):
        at = timezone.now() - timedelta(seconds=number)
        SwapRecord.objects.create(inference=inference, replica=0, revision=2, version=2, at=at, failure=failure)
    inference.refresh_from_db()
    return inference


def _platform(*, leads: bool = True) -> bytes:
    return ProcessMetrics("controller", [PlatformMetrics(leads=lambda: leads, gpus=lambda: [GPU])]).text()


def test_a_viewer_reads_what_all_processes_tell(viewer: APIClient, anonymous: APIClient) -> None:
    assert anonymous.get("/metrics").status_code == 401
    viewer.get("/api/models/")
    relay = RelayMetrics()
    relay.became("registered")
    with MetricsServer(ProcessMetrics("control-logger", [relay]), state_dir=environment().state_dir):
        answer = viewer.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["Cache-Control"] == "no-store"
    assert _value(answer.content, "kafkaml_control_announcements_total", outcome="registered") == 1
    assert _value(
        answer.content,
        "kafkaml_api_request_duration_seconds_count",
        method="GET", route="api/models/", status="200", process="web",
    ) >= 1  # fmt: skip
    assert viewer.get("/metrics").headers["Content-Length"] != "0"


def test_scrapers_say_what_they_take_and_get_it(viewer: APIClient) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    assert viewer.get("/metrics", headers={"accept": accept}).status_code == 200


def test_addresses_that_people_choose_make_no_series(viewer: APIClient) -> None:
    builders.make_model()
    for path in ("/api/models/123456789/", "/api/nothing-of-the-kind/", "/login/secret-of-a-link"):
        viewer.get(path)
    viewer.generic("BREW", "/api/models/")
    text = ProcessMetrics("web", [REQUESTS]).text()
    assert b"123456789" not in text
    assert b"nothing-of-the-kind" not in text
    assert b"secret-of-a-link" not in text
    assert b"BREW" not in text
    assert b'route="api/models/<id:pk>/"' in text


def test_the_controller_tells_of_inferences_what_the_api_does() -> None:
    inference = _running()
    text, number = _platform(), str(inference.pk)
    assert _value(text, "kafkaml_inference_records_total", inference=number, outcome="predicted") == 90
    assert _value(text, "kafkaml_inference_records_total", inference=number, outcome="dead_lettered") == 10
    assert _value(text, "kafkaml_inference_lag_records", inference=number) == 7
    assert _value(text, "kafkaml_inference_slowest_latency_seconds", inference=number, quantile="0.99") == 0.25
    assert _value(text, "kafkaml_inference_replicas", inference=number, state="wanted") == 2
    assert _value(text, "kafkaml_inference_replicas", inference=number, state="ready") == 1
    assert _value(text, "kafkaml_inference_failing", inference=number, kind="lag") == 1
    assert _value(text, "kafkaml_inference_failing", inference=number, kind="restarts") == 0
    assert _value(text, "kafkaml_inference_swaps_total", inference=number, outcome="done") == 1
    assert _value(text, "kafkaml_inference_swaps_total", inference=number, outcome="failed") == 1
    assert _value(text, "kafkaml_runs", kind="inference", state="running") == 1
    assert _value(text, "kafkaml_runs", kind="training", state="finished") == 1
    assert _value(text, "kafkaml_gpu_utilization_ratio", gpu="0", name="H200") == 0.5
    # What is over keeps its totals, and is not asked to have replicas.
    Inference.objects.update(state="stopped", failing=None)
    after = _samples(_platform())
    assert "kafkaml_inference_records_total" in after
    assert "kafkaml_inference_replicas" not in after


def test_what_waits_to_be_sent_is_reported() -> None:
    before = _value(_platform(), "kafkaml_outbox_pending_records")
    OutboxMessage.objects.create(topic="t", key=b"", value=b"")
    OutboxMessage.objects.create(topic="t", key=b"", value=b"", published_at=timezone.now())
    webhook = Webhook.objects.create(url="https://example.com", events=[])
    for name, due in (("a", timezone.now()), ("b", None)):
        Delivery.objects.create(webhook=webhook, message_id=name, body="{}", due_at=due)
    text = _platform()
    assert _value(text, "kafkaml_outbox_pending_records") == before + 1
    assert _value(text, "kafkaml_webhook_pending_deliveries") == 1


def test_a_controller_that_waits_leaves_it_to_the_one_that_leads() -> None:
    _running()
    assert not [name for name in _samples(_platform(leads=False)) if name.startswith("kafkaml_")]


def test_rounds_are_measured_also_those_that_fail() -> None:
    rounds = RoundMetrics()
    rounds.leads = True
    with rounds.round():
        pass
    with pytest.raises(OSError, match="unavailable"), rounds.round():
        raise OSError("the cluster is unavailable")
    text = ProcessMetrics("controller", [rounds]).text()
    assert _value(text, "kafkaml_controller_round_duration_seconds_count", outcome="done") == 1
    assert _value(text, "kafkaml_controller_round_duration_seconds_count", outcome="failed") == 1
    assert timezone.now().timestamp() - _value(text, "kafkaml_controller_last_round_timestamp_seconds") < 60
    assert _value(text, "kafkaml_controller_leads") == 1


def _everything(viewer: APIClient) -> bytes:
    """Return what all kinds of processes tell, each after something happened to it."""
    _running()
    viewer.get("/api/models/")
    rounds, relay, executor, training = (
        RoundMetrics(),
        RelayMetrics(),
        ExecutorMetrics("pytorch"),
        TrainingMetrics(attempt=1),
    )
    with rounds.round():
        relay.polled()
    executor.checked("valid", seconds=0.5)
    reported = training.of(1)
    reported(Progress(epoch=1, epochs=2, batch=1, batches=2, remaining_seconds=3))
    window = WindowPlace(records=1, trained=1, validated=0, lag=1, ended_ms=1)
    reported(EpochMetrics(epoch=1, seconds=1, training={}, window=window))
    stats, news = LoopStats(), SwapNews()
    stats.committed(predicted=1, dead_lettered=0, timestamps_ms=[0], arrived_seconds=1, lag=0, batches=[1])
    news.serves(Serving(revision=1, version=1))
    return together(
        [
            _platform(),
            ProcessMetrics("web", [REQUESTS, rounds]).text(),
            ProcessMetrics("control-logger", [relay]).text(),
            ProcessMetrics("executor-pytorch", [executor]).text(),
            ProcessMetrics("kml-train-1-a1", [training]).text(),
            ProcessMetrics("kml-infer-1-a1-0", [ReplicaMetrics(stats, news, inference=1, replica=0)]).text(),
        ]
    )


def _expressions(dashboard: Any) -> Iterator[str]:
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"


def _asked(expression: str) -> Iterator[tuple[set[str], set[str]]]:
    """Yield, for each metric of an expression in PromQL, its name and the labels that are asked of it."""
    grouped = set(re.findall(_NAME, " ".join(re.findall(r"\b(?:by|without) \(([^)]*)\)", expression))))
    bare = re.sub(r"\b(?:by|without) \([^)]*\)", "", expression)
    for name, matchers in re.findall(rf"\b({_NAME})\b(?!\s*\()(\{{[^}}]*\}})?", re.sub(r"\[[^]]*\]", "", bare)):
        if name.startswith(("kafkaml_", "process_")):
            yield {name}, {*grouped, *re.findall(rf"({_NAME})\s*(?:=|!)", matchers)}


def test_every_query_of_the_dashboard_finds_its_metric_with_its_labels(viewer: APIClient) -> None:
    samples = _samples(_everything(viewer))
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    expressions = [*_expressions(dashboard), dashboard["templating"]["list"][1]["definition"]]
    asked = [(expression, *found) for expression in expressions for found in _asked(expression)]
    # Every expression names at least one metric, so that none is overlooked.
    assert {expression for expression, _, _ in asked} == set(expressions)
    for expression, (name,), labels in asked:
        assert name in samples, f"{expression}: nobody tells {name}"
        known = set(samples[name][0][0])
        assert labels <= known, f"{expression}: {name} has {sorted(known)}"
    # What people read in a legend is there, too.
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert all(shown <= set(samples[name][0][0]) for (name,), _ in _asked(target["expr"])), target


def test_every_metric_is_reported_by_somebody_and_most_are_on_the_dashboard(viewer: APIClient) -> None:
    text = _everything(viewer)
    announced = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(text.decode())
        if family.samples
    }
    defined = {definition.name for definition in every_definition()}
    assert defined - announced == set()
    assert {name for name in announced if name.startswith("kafkaml_")} - defined == set()


def test_the_parser_of_queries_sees_what_is_asked() -> None:
    expression = (
        'histogram_quantile(0.99, sum by (inference, le) (rate(kafkaml_a_bucket{kind=~"x"}[5m]))) / max(kafkaml_b)'
    )
    assert list(_asked(expression)) == [
        ({"kafkaml_a_bucket"}, {"inference", "le", "kind"}),
        ({"kafkaml_b"}, {"inference", "le"}),
    ]


def test_panels_lie_next_to_each_other() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
