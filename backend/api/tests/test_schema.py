"""The API against its own description: whatever the schema allows, and what it does not, nothing breaks."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source

from backend.accounts.models import Role
from backend.accounts.services import create_token
from backend.api.actors import SYSTEM
from backend.api.schema_fields import needs_meaning, unexplained
from backend.api.tests import builders
from backend.config.environment import environment
from backend.inferences.models import Inference
from backend.runs import transitions as runs
from tests.support import soaking

pytestmark = pytest.mark.django_db

CASES_PER_OPERATION = 8
# Of the hundreds of systematic ones of an operation (each boundary of a field) this many, evenly spaced; a soak tries
# them all.
SYSTEMATIC_PER_OPERATION = None if soaking() else 24
# What the web UI's client is generated from; scripts/check compares it with what the backend says of itself.
DESCRIPTION: dict[str, Any] = json.loads((Path(__file__).parents[3] / "frontend/openapi.json").read_bytes())
# They never end, so they are tested by hand.
for endless in ("/api/events/", "/api/inferences/{id}/predictions/", "/api/topics/{name}/tail/"):
    del DESCRIPTION["paths"][endless]
OPERATIONS = [(method.upper(), path) for path, methods in DESCRIPTION["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def schema() -> Any:
    schema = schemathesis.openapi.from_dict(DESCRIPTION)
    schema.app = get_wsgi_application()
    return schema


@pytest.fixture(scope="module")
def constants(schema: Any) -> FeedbackSources:
    """What the code compares with, which generated values are taken from as well: all modules are read for it."""
    return FeedbackSources(constants_value_source=make_constants_value_source(schema))


@pytest.fixture
def keep_connection() -> Iterator[None]:
    """A request's end would close the connection that the test's transaction is on; Django's client knows that."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def world(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, str]]]:
    """One object of each kind, which each test finds as it was made; returns their files, and credentials by path.

    These are an admin's token, the service's, and a job's of each kind, by the first part of the path.
    """
    state_dir = tmp_path_factory.mktemp("world") / "state"
    (state_dir / "secrets").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), transaction.atomic():
        patch.setitem(environment().__dict__, "state_dir", state_dir)
        result = builders.make_launched()
        inference = builders.make_inference()
        runs.register_attempt(Inference, inference.pk)
        (state_dir / "secrets" / "service_token").write_text("a secret between two services")
        user = builders.make_user(Role.ADMIN)
        _, token = create_token(actor=SYSTEM, user=user, name="x", role=Role.ADMIN, days=1)
        yield (
            state_dir,
            {
                "/api/jobs/training/": builders.job_header("training", result.pk)["authorization"],
                "/api/jobs/inference/": builders.job_header("inference", inference.pk)["authorization"],
                "/api/jobs/token/": builders.job_header("training", result.pk)["authorization"],
                "/api/announcements/": "Bearer a secret between two services",
                "/api/": f"Bearer {token}",
            },
        )
        transaction.set_rollback(True)


@pytest.fixture
def credentials(world: tuple[Path, dict[str, str]], tmp_path: Path) -> dict[str, str]:
    """The world's credentials; its files are this test's own."""
    state_dir, credentials = world
    shutil.copytree(state_dir, tmp_path / "state", dirs_exist_ok=True)
    return credentials


@pytest.mark.soak
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.usefixtures("executor", "keep_connection")
def test_no_request_breaks_the_api(
    schema: Any, constants: FeedbackSources, credentials: dict[str, str], method: str, path: str
) -> None:
    def breaks_nothing(case: Any) -> None:
        if "id" in (case.path_parameters or {}):
            # What is generated would name nothing: ids of objects that exist reach further.
            case.path_parameters["id"] = 1
        header = next(value for prefix, value in credentials.items() if path.startswith(prefix))
        response = case.call(headers={"authorization": header, "host": "localhost"})
        # These tests have no broker: what is asked of Kafka may say so, and nothing else.
        kafka_is_away = response.status_code == 503 and b"Kafka" in response.content
        called = f"{case.method} {case.formatted_path}"
        assert response.status_code < 500 or kafka_is_away, f"{called}: {response.content[:500]!r}"
        if response.status_code >= 400 and response.content:
            assert response.headers["content-type"] == ["application/problem+json"]

    settings = hypothesis.settings(
        max_examples=CASES_PER_OPERATION,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    # Made here, and not while tests are collected: each worker collects all of them, which takes seconds.
    try_all = build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=breaks_nothing,
        given_kwargs={},
        feedback=constants,
        explicit_settings=settings,
    )
    systematic = try_all.hypothesis_explicit_examples
    step = max(1, len(systematic) // (SYSTEMATIC_PER_OPERATION or len(systematic) or 1))
    try_all.hypothesis_explicit_examples = systematic[::step]
    try_all()


def test_the_description_is_complete(viewer: APIClient, capsys: pytest.CaptureFixture[str]) -> None:
    answer = viewer.get("/api/schema/?format=json")
    assert answer.status_code == 200
    document = answer.json() if answer["content-type"].startswith("application") and answer.content[:1] == b"{" else {}
    assert document.get("openapi", "3.1.1").startswith("3.1")
    assert "Warning" not in capsys.readouterr().err


OPERATION_TEXTS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
]


def test_every_operation_says_in_one_line_what_it_does() -> None:
    summaries = {name: operation.get("summary", "") for name, operation in OPERATION_TEXTS}
    assert [name for name, text in summaries.items() if not 8 <= len(text) <= 80 or ". " in text] == []
    # A class's docstring names things; an operation does something.
    assert [name for name, text in summaries.items() if text.startswith(("A ", "The ", "What ", "Who "))] == []


def test_every_parameter_is_explained() -> None:
    unexplained = [
        f"{name}: {parameter['name']}"
        for name, operation in OPERATION_TEXTS
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    assert unexplained == []


def test_every_number_without_a_unit_and_every_null_is_explained() -> None:
    found = [
        f"{name}: {field}"
        for name, schema in DESCRIPTION["components"]["schemas"].items()
        for field, about in unexplained(schema).items()
        if needs_meaning(field, about)
    ]
    assert found == []


def test_every_value_of_an_enum_is_explained() -> None:
    described = [
        *DESCRIPTION["components"]["schemas"].items(),
        *(
            (f"{name}: {parameter['name']}", parameter["schema"] | {"description": parameter["description"]})
            for name, operation in OPERATION_TEXTS
            for parameter in operation.get("parameters", ())
        ),
    ]
    unexplained = []
    for name, schema in described:
        for value in filter(None, schema.get("enum", ())):
            found = re.search(rf"^\* `+{re.escape(value)}`+(?::| -) (.+)", schema.get("description", ""), re.MULTILINE)
            # What a library writes without a meaning repeats the value.
            if found is None or found[1].strip(".").lower() == value.lower():
                unexplained.append(f"{name}: {value}")
    assert unexplained == []


def problems_of(operation: dict[str, Any]) -> set[str]:
    return {status for status in operation["responses"] if status == "default" or int(status) >= 400}


@pytest.mark.parametrize(
    ("path", "method", "problems"),
    [
        ("/api/models/", "get", {"400", "401"}),
        ("/api/models/", "post", {"400", "401", "403", "422"}),
        ("/api/models/{id}/", "get", {"401", "404"}),
        ("/api/models/{id}/", "delete", {"401", "403", "404", "409"}),
        ("/api/users/{id}/", "get", {"401", "403", "404"}),
        ("/api/login/", "post", {"400", "401", "403", "429"}),
        ("/api/health/live/", "get", set()),
        ("/api/datasets/preview/", "post", {"400", "401", "403", "429"}),
        ("/api/jobs/training/{id}/events/", "post", {"400", "401", "403", "404", "409"}),
    ],
)
def test_operations_say_which_problems_they_can_have(path: str, method: str, problems: set[str]) -> None:
    assert problems_of(DESCRIPTION["paths"][path][method]) == {*problems, "default"}


def test_operations_have_names_of_their_own(django_assert_max_num_queries: Callable) -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
