"""P9: lists of the API, a page of 50 at 1,000 and 100,000 rows, over HTTP from the real server, with a token.

Reference: the old system, which returns every row and queries what belongs to it row by row (at 1,000 rows). Floor: the
same page by bare SQL on the same file, as JSON, without HTTP, roles or a framework.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.context import Context, Row, median_and_spread

IDS = ("P9",)

LISTS = ("models", "configurations", "deployments", "results", "inferences", "streams")
_BAR_MS = 25.0
_MAX_QUERIES = 3
_START_SECONDS = 30.0


def run(context: Context) -> Iterator[Row]:
    """Yield a row per number of rows: the p95 of the slowest list, in milliseconds."""
    sizes = (200, 2_000) if context.quick else (1_000, 100_000)
    requests = 20 if context.quick else 40
    reference: float | None = None
    for size in sizes:
        state = context.folder / f"lists-{size}"
        state.mkdir(mode=0o700)
        facts = _fill(state, size, reference=size == sizes[0])
        reference = facts.get("reference_ms", reference)
        # The figure is that of the slowest list. Each list counts with the median of its p95s over the repeats.
        by_list, cpu_ms = _measure(state, facts["token"], requests=requests, repeats=context.repeats)
        slowest = max(by_list, key=lambda name: median_and_spread(by_list[name])[0])
        ours, spread = median_and_spread(by_list[slowest])
        queries = max(facts["queries"].values())
        yield Row(
            id="P9",
            what=f"page of 50 of {size:,} rows, p95 of the slowest list ({slowest})",
            unit="ms",
            ours=ours,
            reference=reference if size == sizes[0] else None,
            floor=_floor_ms(state / "db.sqlite3"),
            spread=spread,
            bar=f"p95 <= {_BAR_MS:g} ms, <= {_MAX_QUERIES} queries, flat",
            met=ours <= _BAR_MS and queries <= _MAX_QUERIES,
            higher_is_better=False,
            note=f"{queries} queries; {cpu_ms:.1f} ms of processor per request; "
            + ", ".join(f"{name} {median_and_spread(by_list[name])[0]:.1f}" for name in LISTS),
        )


def _environment(state: Path) -> dict[str, str]:
    return os.environ | {"KML_STATE_DIR": str(state), "DJANGO_SETTINGS_MODULE": "backend.config.settings"}


def _fill(state: Path, size: int, *, reference: bool) -> dict[str, Any]:
    """Make the rows in a process of their own, because Django has one database per process. Returns the facts that the
    process printed.
    """
    command = [sys.executable, "-m", "benchmarks.api_lists", str(size), str(int(reference))]
    done = subprocess.run(command, env=_environment(state), check=True, stdout=subprocess.PIPE, timeout=600)
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def _measure(state: Path, token: str, *, requests: int, repeats: int) -> tuple[dict[str, list[float]], float]:
    """Start the server as ``kafka-ml up`` does, and measure each list. Returns the p95 of each list in milliseconds,
    once per repeat, and the server's processor time per request. A busy machine changes the latter less.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "gunicorn", "-c", "python:backend.config.gunicorn"]
        command += ["--bind", f"fd://{listener.fileno()}", "backend.config.asgi:application"]
        server = subprocess.Popen(
            command, env=_environment(state), pass_fds=[listener.fileno()], stdout=subprocess.DEVNULL
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            headers = {"authorization": f"Bearer {token}"}
            with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=_START_SECONDS) as client:
                client.get("/api/health/ready/").raise_for_status()
                before = _cpu_seconds(server.pid)
                times = {name: [_p95(client, name, requests) for _ in range(repeats)] for name in LISTS}
                spent = _cpu_seconds(server.pid) - before
                return times, 1e3 * spent / (len(LISTS) * repeats * requests)
        finally:
            server.terminate()
            server.wait(timeout=10)


def _p95(client: httpx.Client, name: str, requests: int) -> float:
    times = []
    for _ in range(requests):
        began = time.perf_counter()
        answer = client.get(f"/api/{name}/", params={"limit": 50})
        times.append(1e3 * (time.perf_counter() - began))
        answer.raise_for_status()
    return sorted(times)[int(0.95 * len(times))]


def _cpu_seconds(pid: int) -> float:
    """Processor time of the server and its workers."""
    server = psutil.Process(pid)
    times = [child.cpu_times() for child in (server, *server.children(recursive=True))]
    return float(sum(cpu_times.user + cpu_times.system for cpu_times in times))


def _floor_ms(database: Path) -> float:
    """Return the milliseconds of the cheapest way to the same page of results: count, rows, artifacts, JSON."""
    columns = (
        "r.id, r.deployment_id, r.model_id, m.name, m.framework, r.state, r.attempt, r.failure, r.progress, r.metrics,"
        "v.outcome, r.created_at, r.updated_at"
    )
    times = []
    connection = sqlite3.connect(database)
    for _ in range(50):
        began = time.perf_counter()
        count = connection.execute("SELECT count(*) FROM deployments_trainingresult").fetchone()[0]
        rows = connection.execute(
            f"SELECT {columns} FROM deployments_trainingresult r JOIN ml_models_mlmodel m ON m.id = r.model_id "
            "JOIN deployments_resultversion v ON v.id = r.current_version_id "
            "ORDER BY r.id DESC LIMIT 50"
        ).fetchall()
        marks = ",".join("?" * len(rows))
        artifacts = connection.execute(
            f"SELECT result_id, name, size, sha256 FROM deployments_artifact WHERE result_id IN ({marks})",
            [row[0] for row in rows],
        ).fetchall()
        json.dumps({"count": count, "results": rows, "artifacts": artifacts})
        times.append(1e3 * (time.perf_counter() - began))
    connection.close()
    return sorted(times)[int(0.95 * len(times))]


def _child(size: int, *, reference: bool) -> dict[str, Any]:
    """Make ``size`` rows of everything that is listed, count the queries of each list, and time the reference."""
    import django

    django.setup()

    from django.core.management import call_command
    from django.db import connection
    from django.test import RequestFactory
    from django.test.utils import CaptureQueriesContext
    from rest_framework.test import force_authenticate

    from backend.accounts.models import Role
    from backend.accounts.services import create_token, ensure_admin
    from backend.api.actors import SYSTEM
    from backend.urls import router

    call_command("migrate", verbosity=0)
    _make_rows(size)
    admin = ensure_admin()
    _, token = create_token(actor=SYSTEM, user=admin, name="benchmark", role=Role.ADMIN, days=1)
    queries = {}
    for prefix, viewset, _ in router.registry:
        request = RequestFactory().get(f"/api/{prefix}/", headers={"host": "localhost"})
        force_authenticate(request, admin)
        with CaptureQueriesContext(connection) as captured:
            viewset.as_view({"get": "list"})(request).render()
        queries[prefix] = len(captured)
    facts: dict[str, Any] = {"token": token, "queries": queries}
    if reference:
        facts["reference_ms"] = _reference_ms()
    return facts


_CODE = "model = keras.Sequential([...])\n" * 30
_REPORT = {"summary": "x" * 2_000, "parameters": 101_770, "inputs": [{"name": "x", "shape": [None, 28, 28]}]}
_OUTCOME = {"seconds": 3.0, "test_metrics": {"loss": 0.1, "accuracy": 0.97}, "samples": {"training": 48_000}}
_MESSAGE = {
    "topic": "mnist:0:0:60000",
    "input_format": "RAW",
    "input_config": {"data_type": "uint8"},
    "description": "digits",
    "validation_rate": 0.1,
    "test_rate": 0.1,
    "total_msg": 60_000,
    "incremental": False,
    "unsupervised_topic": None,
}


def _make_rows(size: int) -> None:
    from django.db import transaction
    from django.db.models import F

    from backend.configurations.models import Configuration
    from backend.deployments.models import Deployment, ResultVersion, TrainingResult
    from backend.inferences.models import Inference, ReplicaStats
    from backend.ml_models.models import MLModel
    from backend.streams.models import Announcement
    from kafkaml.wire.state import RunState
    from kafkaml.wire.version import VersionReason

    numbers = range(1, size + 1)
    result_values = {"code": _CODE, "state": RunState.FINISHED, "attempt": 1, "log_tail": _CODE}
    with transaction.atomic():
        MLModel.objects.bulk_create(
            [MLModel(id=n, name=f"model {n}", framework="tensorflow", code=_CODE, report=_REPORT) for n in numbers]
        )
        Configuration.objects.bulk_create([Configuration(id=n, name=f"configuration {n}") for n in numbers])
        through = Configuration.models.through
        through.objects.bulk_create(
            [through(configuration_id=n, mlmodel_id=model) for n in numbers for model in {n, n % size + 1}]
        )
        Deployment.objects.bulk_create([Deployment(id=n, configuration_id=n) for n in numbers])
        Announcement.objects.bulk_create(
            [
                Announcement(id=n, cluster="c", topic="t", partition=0, offset=n, deployment_number=n, message=_MESSAGE)
                for n in numbers
            ]
        )
        TrainingResult.objects.bulk_create(
            [TrainingResult(id=n, deployment_id=n, model_id=n, stream_id=n, **result_values) for n in numbers]
        )
        ResultVersion.objects.bulk_create(
            [
                ResultVersion(
                    id=n, result_id=n, number=1, reason=VersionReason.TRAINED, attempt=1, code=_CODE, outcome=_OUTCOME
                )
                for n in numbers
            ]
        )
        TrainingResult.objects.update(current_version=F("id"))
        _make_files(numbers)
        Inference.objects.bulk_create(
            [
                Inference(id=n, result_id=n, input_topic="in", output_topic="out", input_format="RAW", attempt=1)
                for n in numbers
            ]
        )
        ReplicaStats.objects.bulk_create(
            [
                ReplicaStats(
                    inference_id=n, replica=replica, attempt=1, document={"replica": replica, "state": "running"}
                )
                for n in numbers
                for replica in (0, 1)
            ]
        )


def _make_files(numbers: range) -> None:
    from backend.deployments.models import Artifact

    Artifact.objects.bulk_create(
        [
            Artifact(result_id=n, version_id=n, attempt=1, name=name, size=400_000, sha256="0" * 64)
            for n in numbers
            for name in ("model.keras", "model.onnx")
        ]
    )


def _reference_ms() -> float:
    """Return the milliseconds of one answer with all results, which queries what belongs to each result separately."""
    from backend.deployments.models import TrainingResult
    from backend.deployments.serializers import ResultRowSerializer

    began = time.perf_counter()
    results = list(TrainingResult.objects.all())
    for result in results:
        result.stored_artifacts = list(result.artifacts.all())
        vars(result)["version_count"] = result.versions.count()
        result.stream_ranges = None if result.stream is None else result.stream.message["topic"]
    json.dumps(ResultRowSerializer(results, many=True).data, default=str)
    return 1e3 * (time.perf_counter() - began)


if __name__ == "__main__":
    print(json.dumps(_child(int(sys.argv[1]), reference=sys.argv[2] == "1")))
