"""The SDK's HTTP side, against answers in the form of the API's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import pytest

from kafkaml.errors import ApiError, DeadlineExceeded, FailedError
from kafkaml.sdk import Client
from kafkaml.sdk.types import RunState

Handler = Callable[[httpx.Request], httpx.Response]


def client_of(handler: Handler) -> Client:
    return Client("http://platform", "secret-token", transport=httpx.MockTransport(handler))


def json_answer(document: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=orjson.dumps(document))


def test_requests_carry_the_token_and_lists_follow_pages() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer secret-token"
        seen.append(str(request.url))
        first = "offset=1" not in str(request.url)
        item = {"id": 1 if first else 2, "name": "m", "framework": "pytorch"}
        following = "http://platform/api/models/?framework=pytorch&limit=1&offset=1" if first else None
        return json_answer({"count": 2, "next": following, "previous": None, "results": [item]})

    with client_of(answer) as client:
        assert [model.id for model in client.models.list(framework="pytorch", search=None)] == [1, 2]
    assert seen == [
        "http://platform/api/models/?framework=pytorch",
        "http://platform/api/models/?framework=pytorch&limit=1&offset=1",
    ]


def test_a_problem_names_its_fields_and_keeps_status_and_hint() -> None:
    problem = {
        "type": "urn:kafka-ml:problem:user_code",
        "title": "The content was refused",
        "status": 422,
        "detail": "name 'tff' is not defined",
        "hint": "did you mean tf?",
        "errors": [{"field": "code", "code": "runtime", "detail": "name 'tff' is not defined", "line": 3}],
    }
    with client_of(lambda _: json_answer(problem, 422)) as client, pytest.raises(ApiError) as caught:
        client.models.create(name="a", framework="tensorflow", code="tff")
    assert caught.value.message == "code, line 3: name 'tff' is not defined"
    assert (caught.value.status, caught.value.hint) == (422, "did you mean tf?")
    assert caught.value.problem["errors"] == problem["errors"]


def test_who_uses_a_thing_is_in_the_message() -> None:
    problem = {
        "status": 409,
        "detail": "model 3 is in use",
        "users": [{"type": "configuration", "id": 7, "name": "digits"}],
    }
    with client_of(lambda _: json_answer(problem, 409)) as client, pytest.raises(ApiError) as caught:
        client.models.delete(3)
    assert caught.value.message == "model 3 is in use: configuration 7 (digits)"


def test_an_unreachable_platform_has_status_zero() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with client_of(answer) as client, pytest.raises(ApiError, match=r"http://platform could not be reached") as caught:
        client.models.list()
    assert caught.value.status == 0


def test_an_answer_that_is_not_json_is_still_an_error_with_its_status() -> None:
    with client_of(lambda _: httpx.Response(502, content=b"<html>")) as client, pytest.raises(ApiError) as caught:
        client.models.get(1)
    assert caught.value.status == 502


def test_a_download_is_complete_or_not_there(tmp_path: Path) -> None:
    class Broken(httpx.SyncByteStream):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield b"half"
            raise httpx.ReadError("connection lost")

    result = {
        "id": 5,
        "deployment": 1,
        "model": 1,
        "state": "finished",
        "artifacts": [{"name": "model.keras", "size": 8, "sha256": "0" * 64, "created_at": "2026-01-01T00:00:00Z"}],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/results/5/"):
            return json_answer(result)
        return httpx.Response(200, stream=Broken())

    with client_of(answer) as client, pytest.raises(ApiError, match="connection lost"):
        client.results.download(5, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_a_result_does_not_have_is_refused_with_those_it_has(tmp_path: Path) -> None:
    result = {"id": 5, "deployment": 1, "model": 1, "state": "running", "artifacts": []}
    with client_of(lambda _: json_answer(result)) as client, pytest.raises(ApiError, match="it has nothing yet"):
        client.results.download(5, tmp_path, names=["model.keras"])


def test_a_problem_without_a_hint_has_those_of_its_fields() -> None:
    errors = [
        {"field": "arguments.tensorflow.fit", "detail": "there is no argument 'epocs'", "hint": "did you mean epochs?"},
        {"field": "seed", "detail": "expected a whole number"},
    ]
    with (
        client_of(lambda _: json_answer({"status": 400, "errors": errors}, 400)) as client,
        pytest.raises(ApiError) as caught,
    ):
        client.deployments.create(configuration=1)
    assert caught.value.hint == "did you mean epochs?"


class Training:
    """An API whose result 4 changes its state with each request; the event stream reports each result in ``about``."""

    def __init__(self, *states: str, about: int = 4) -> None:
        self.states = list(states)
        self.about = about

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/events/":
            body = b": hello\n\n" + b"".join(
                b'id: %d\nevent: results\ndata: {"id": %d}\n\n' % (number, self.about)
                for number in range(len(self.states))
            )
            return httpx.Response(200, content=body)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        failure = {"category": "user_code", "cause": "loss is NaN", "hint": "lower the rate"}
        document = {"id": 4, "deployment": 1, "model": 1, "model_name": "digits", "state": state}
        return json_answer(document | ({"failure": failure} if state == "failed" else {}))


def test_waiting_follows_the_events_and_shows_what_it_sees() -> None:
    seen: list[str] = []
    with client_of(Training("waiting", "running", "finished")) as client:
        found = client.results.wait_for(4, RunState.FINISHED, on_change=lambda result: seen.append(result.state))
    assert found.state == RunState.FINISHED
    assert seen == ["waiting", "running", "finished"]


def test_events_of_other_runs_are_not_a_reason_to_look() -> None:
    training = Training(*["running"] * 20, about=5)
    with client_of(training) as client, pytest.raises(DeadlineExceeded):
        client.results.wait_for(4, RunState.FINISHED, timeout_seconds=0.5)
    # The requests are those at the start and at the end, and one for the stream's own sign of life.
    assert len(training.states) >= 20 - 4


def test_waiting_ends_with_the_cause_when_it_fails() -> None:
    with client_of(Training("running", "failed")) as client, pytest.raises(FailedError) as caught:
        client.results.wait_for(4, RunState.FINISHED)
    assert caught.value.message == "result 4 (digits) is failed: loss is NaN"
    assert caught.value.hint == "lower the rate"


def test_waiting_has_a_time_limit() -> None:
    with client_of(Training("running")) as client, pytest.raises(DeadlineExceeded, match=r"waited 0\.2 s for result 4"):
        client.results.wait_for(4, RunState.FINISHED, timeout_seconds=0.2)
