"""FakeClusterApi: what an API server reports about itself and about a token's rights, over real TLS."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from tests.certificates import Certificate
from tests.local_server import Answer, LocalServer, json_answer

__all__ = ["FakeClusterApi"]

Right = tuple[str, str, str]


class FakeClusterApi(LocalServer):
    """An API server that accepts ``token``. ``refused`` holds (resource, subresource, verb) that the token may not do.

    ``answers`` replaces the answer at a path. ``requests`` lists method and path of all requests.
    """

    def __init__(self, certificate: Certificate, *, token: str) -> None:
        super().__init__(tls=certificate.server_context())
        self.certificate = certificate
        self.token = token
        self.namespaces = {"jobs"}
        self.refused: set[Right] = set()
        self.has_keda = False
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, str]] = []
        self.asked: list[Right] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.requests.append((method, path))
        if path in self.answers:
            return self.answers[path]
        if headers.get("authorization") != f"Bearer {self.token}":
            return _status(401, "Unauthorized")
        if (method, path) == ("GET", "/version"):
            return json_answer(200, {"major": "1", "minor": "36", "gitVersion": "v1.36.0"})
        if method == "GET" and path.startswith("/api/v1/namespaces/"):
            name = path.rpartition("/")[2]
            found = name in self.namespaces
            return json_answer(200, {"kind": "Namespace"}) if found else _status(404, f'namespaces "{name}" not found')
        if (method, path) == ("GET", "/apis/keda.sh/v1alpha1") and self.has_keda:
            return json_answer(200, {"kind": "APIResourceList"})
        if (method, path) == ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"):
            asked = orjson.loads(body)["spec"]["resourceAttributes"]
            assert asked["namespace"] == "jobs"
            right = (asked["resource"], asked.get("subresource", ""), asked["verb"])
            self.asked.append(right)
            return json_answer(201, {"status": {"allowed": right not in self.refused}})
        return _status(404, "the server could not find the requested resource")


def _status(code: int, message: str) -> Answer:
    return json_answer(code, {"kind": "Status", "status": "Failure", "message": message, "code": code})
