"""The gateway to the cluster's API, against a real HTTPS server that speaks as that API does."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backend.launchers.kubernetes.api import (
    AlreadyThere,
    ApiRefused,
    Conflict,
    Gone,
    KubernetesApi,
    NotThere,
    TooMany,
    Unreachable,
)
from backend.launchers.kubernetes.manifests import EVENT, JOB, POD
from backend.launchers.kubernetes.settings import KubernetesSettings
from kafkaml.errors import BrokenError, SettingsError
from tests.certificates import Certificate, make_certificate
from tests.support import eventually

JOBS = "/apis/batch/v1/namespaces/jobs-here/jobs"


class Request:
    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        address = urlsplit(handler.path)
        self.method = handler.command
        self.path = address.path
        self.query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.authorization = handler.headers.get("Authorization")
        self.content_type = handler.headers.get("Content-Type")
        length = int(handler.headers.get("Content-Length") or 0)
        self.body = json.loads(handler.rfile.read(length)) if length else None


# (status, body, headers); a body that is an iterator is sent in chunks, as in a watch.
Answer = tuple[int, Any, dict[str, str]]


class Server:
    """Answers from ``answers`` in order; the last one repeats."""

    def __init__(self, certificate: Certificate) -> None:
        self.answers: list[Answer | Callable[[], Answer]] = []
        self.requests: list[Request] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                outer.requests.append(Request(self))
                given = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                status, body, headers = given() if callable(given) else given
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if isinstance(body, Iterator):
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for piece in body:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                    return
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                """Log nothing to the test's output."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Ignore clients that leave and answers that break off, because the tests cause them."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._server.socket = certificate.server_context().wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.host = f"https://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(certificate: Certificate) -> Iterator[Server]:
    made = Server(certificate)
    yield made
    made.close()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("the-first-token\n")
    return path


@pytest.fixture
def api(server: Server, certificate: Certificate, token_file: Path) -> Iterator[KubernetesApi]:
    made = KubernetesApi(settings_of(server, certificate.path, token_file))
    yield made
    made.close()


def settings_of(server: Server, ca_file: Path | str, token_file: Path, **more: object) -> KubernetesSettings:
    return KubernetesSettings(
        host=server.host,
        namespace="jobs-here",
        ca_file=str(ca_file),
        token_file=str(token_file),
        **({"request_timeout_seconds": 60.0} | more),  # type: ignore[arg-type]
    )


def job(name: str, **more: object) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "7"}, **more}


def status(code: int, reason: str, message: str, **details: object) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}


# --- lists and single objects --------------------------------------------------------------------------------------


def test_a_list_comes_in_pages_and_its_items_say_what_they_are(server: Server, api: KubernetesApi) -> None:
    server.answers = [
        (200, {"items": [job("a")], "metadata": {"resourceVersion": "30", "continue": "more"}}, {}),
        (200, {"items": [job("b", unknown={"to": "us"})], "metadata": {"resourceVersion": "30"}}, {}),
    ]
    items, version = api.list(JOB)
    assert version == "30"
    assert [(item["kind"], item["apiVersion"], item["metadata"]["name"]) for item in items] == [
        ("Job", "batch/v1", "a"),
        ("Job", "batch/v1", "b"),
    ]
    assert items[1]["unknown"] == {"to": "us"}
    first, second = server.requests
    # Without a resourceVersion the list is consistent.
    assert (first.method, first.path) == ("GET", JOBS)
    assert first.query == {"labelSelector": "app.kubernetes.io/managed-by=kafka-ml-controller", "limit": "500"}
    assert second.query["continue"] == "more"


def test_of_events_only_complaints_are_read(server: Server, api: KubernetesApi) -> None:
    server.answers = [(200, {"items": None, "metadata": {"resourceVersion": "3"}}, {})]
    assert api.list(EVENT) == ([], "3")
    assert server.requests[0].path == "/api/v1/namespaces/jobs-here/events"
    assert server.requests[0].query["fieldSelector"] == "type=Warning"


def test_objects_are_created_merged_and_deleted(server: Server, api: KubernetesApi) -> None:
    server.answers = [(201, job("a"), {}), (200, job("a"), {}), (200, job("a"), {}), (200, {"kind": "Status"}, {})]
    assert api.create(JOB, {"metadata": {"name": "a"}}) == job("a")
    assert api.patch(JOB, "a", {"spec": {"suspend": True}}) == job("a")
    assert api.delete(JOB, "a", propagation="Foreground") == job("a")
    assert api.delete(POD, "a-0", propagation="Background", uid="u", grace_seconds=0) is None
    create, patch, stop, remove = server.requests
    assert (create.method, create.path, create.body) == ("POST", JOBS, {"metadata": {"name": "a"}})
    assert (patch.method, patch.path, patch.content_type) == ("PATCH", f"{JOBS}/a", "application/merge-patch+json")
    assert stop.body == {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
    assert remove.path == "/api/v1/namespaces/jobs-here/pods/a-0"
    assert remove.body["preconditions"] == {"uid": "u"}
    assert remove.body["gracePeriodSeconds"] == 0


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", ApiRefused),
        (403, "Forbidden", ApiRefused),
        (422, "Invalid", ApiRefused),
        (404, "NotFound", NotThere),
        (409, "AlreadyExists", AlreadyThere),
        (409, "Conflict", Conflict),
        (410, "Expired", Gone),
        (429, "TooManyRequests", TooMany),
        (500, "InternalError", Unreachable),
        (503, "ServiceUnavailable", Unreachable),
    ],
)
def test_each_refusal_has_its_class_and_the_server_s_words(
    server: Server, api: KubernetesApi, code: int, reason: str, kind: type[BrokenError]
) -> None:
    server.answers = [(code, status(code, reason, "because of this"), {})]
    with pytest.raises(BrokenError, match="because of this") as caught:
        api.create(JOB, job("a"))
    assert type(caught.value) is kind
    assert "the-first-token" not in str(caught.value)


def test_a_server_that_asks_for_time_is_left_alone_for_it(server: Server, api: KubernetesApi) -> None:
    server.answers = [(429, status(429, "TooManyRequests", "slow down"), {"Retry-After": "60"})]
    for _ in range(2):
        with pytest.raises(TooMany) as caught:
            api.get(JOB, "a")
        assert 20 < caught.value.retry_after_seconds <= 60
    assert len(server.requests) == 1


def test_an_answer_that_does_not_come_in_time_is_unknown(
    server: Server, certificate: Certificate, token_file: Path
) -> None:
    over = threading.Event()

    def late() -> Answer:
        over.wait(60)
        return 200, job("a"), {}

    server.answers = [late]
    api = KubernetesApi(settings_of(server, certificate.path, token_file, request_timeout_seconds=2.0))
    try:
        with pytest.raises(Unreachable, match="no answer"):
            api.create(JOB, job("a"))
    finally:
        over.set()
    # The request is not repeated. The server may read it only after its client has given up.
    eventually(lambda: server.requests)
    assert len(server.requests) == 1


def test_nobody_there_is_reported_as_such(certificate: Certificate, token_file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = KubernetesSettings(
            host=f"https://127.0.0.1:{taken.getsockname()[1]}",
            ca_file=str(certificate.path),
            token_file=str(token_file),
        )
        with pytest.raises(Unreachable, match="refused"):
            KubernetesApi(settings).list(JOB)


# --- who speaks to whom --------------------------------------------------------------------------------------------


def test_a_certificate_of_nobody_we_know_is_refused(server: Server, token_file: Path) -> None:
    server.answers = [(200, job("a"), {})]
    with pytest.raises(Unreachable, match=r"(?i)certificate"):
        KubernetesApi(settings_of(server, "", token_file)).get(JOB, "a")
    assert server.requests == []


def test_the_token_is_read_again_when_it_is_refused(server: Server, api: KubernetesApi, token_file: Path) -> None:
    server.answers = [(200, job("a"), {}), (401, status(401, "Unauthorized", "Unauthorized"), {}), (200, job("a"), {})]
    api.get(JOB, "a")
    token_file.write_text("the-second-token")
    with pytest.raises(ApiRefused):
        api.get(JOB, "a")
    api.get(JOB, "a")
    assert [request.authorization for request in server.requests] == [
        "Bearer the-first-token",
        "Bearer the-first-token",
        "Bearer the-second-token",
    ]


def test_without_a_cluster_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(SettingsError, match="KUBE_HOST names none"):
        KubernetesApi(KubernetesSettings()).list(JOB)


def test_without_its_token_it_says_which_file_is_missing(
    server: Server, certificate: Certificate, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="not-there"):
        KubernetesApi(settings_of(server, certificate.path, tmp_path / "not-there")).list(JOB)


# --- streams -------------------------------------------------------------------------------------------------------


def test_a_watch_tells_each_event_as_it_comes_however_it_is_cut(server: Server, api: KubernetesApi) -> None:
    events = b"".join(
        json.dumps({"type": kind, "object": job(name)}).encode() + b"\n"
        for kind, name in (("ADDED", "a"), ("BOOKMARK", "b"), ("DELETED", "c"))
    )
    server.answers = [(200, iter([events[:50], events[50:130], events[130:]]), {})]
    seen = [(kind, found["metadata"]["name"]) for kind, found in api.watch(JOB, "30", 45.0)]
    assert seen == [("ADDED", "a"), ("BOOKMARK", "b"), ("DELETED", "c")]
    query = server.requests[0].query
    assert (query["watch"], query["resourceVersion"], query["timeoutSeconds"]) == ("true", "30", "45")
    assert query["allowWatchBookmarks"] == "true"


def test_a_watch_whose_history_is_gone_says_so(server: Server, api: KubernetesApi) -> None:
    error = {"type": "ERROR", "object": status(410, "Expired", "too old resource version")}
    server.answers = [(200, iter([json.dumps(error).encode() + b"\n"]), {})]
    with pytest.raises(Gone, match="too old"):
        list(api.watch(JOB, "1", 45.0))


def test_a_watch_that_breaks_off_says_so(server: Server, api: KubernetesApi) -> None:
    def broken() -> Iterator[bytes]:
        yield b'{"type": "ADDED", "object": {"metadata": {}}}\n'
        raise ConnectionAbortedError

    server.answers = [(200, broken(), {})]
    seen = []
    with pytest.raises(Unreachable, match="broke off"):
        seen.extend(api.watch(JOB, "1", 45.0))


def test_a_log_comes_in_pieces(server: Server, api: KubernetesApi) -> None:
    server.answers = [(200, iter([b"2026-01-01T00:00:00Z a\n", b"2026-01-01T00:00:01Z b\n"]), {})]
    pieces = api.pod_log("a-0", container="worker", since="2026-01-01T00:00:00Z", previous=True, follow=True)
    assert b"".join(pieces) == b"2026-01-01T00:00:00Z a\n2026-01-01T00:00:01Z b\n"
    assert server.requests[0].path == "/api/v1/namespaces/jobs-here/pods/a-0/log"
    assert server.requests[0].query == {
        "container": "worker",
        "timestamps": "true",
        "sinceTime": "2026-01-01T00:00:00Z",
        "previous": "true",
        "follow": "true",
    }


def test_a_followed_log_that_is_quiet_ends(server: Server, api: KubernetesApi) -> None:
    over = threading.Event()

    def quiet() -> Iterator[bytes]:
        yield b"2026-01-01T00:00:00Z a\n"
        over.wait(60)

    server.answers = [(200, quiet(), {})]
    try:
        pieces = list(api.pod_log("a-0", container="worker", follow=True, quiet_seconds=2.0))
    finally:
        over.set()
    assert pieces == [b"2026-01-01T00:00:00Z a\n"]
