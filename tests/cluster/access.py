"""Cluster: a real Kubernetes API as tests use it: objects by path, tokens of service accounts, own namespaces."""

from __future__ import annotations

import json
import subprocess
import uuid
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from scripts.cluster.control_plane import ControlPlane

__all__ = ["ApiStatus", "Cluster", "Manifest", "path_of"]

Manifest = dict[str, Any]

_REQUEST_SECONDS = 30
_TOKEN_SECONDS = 3600
# The label with which a namespace enforces the profile, as the platform's own namespaces do.
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_MERGE = {"json": "application/merge-patch+json", "strategic": "application/strategic-merge-patch+json"}


class ApiStatus(Exception):
    """The API's answer was an error; ``code`` is the HTTP status, ``reason`` the API's word for it."""

    def __init__(self, code: int, body: Mapping[str, Any], what: str) -> None:
        super().__init__(f"{what}: {code} {body.get('message', '')}")
        self.code = code
        self.reason = str(body.get("reason", ""))
        self.message = str(body.get("message", ""))


def path_of(manifest: Mapping[str, Any], plural: str, namespace: str = "", name: str = "") -> str:
    """Return the path of an object, or of all objects of its kind, with the ``apiVersion`` of ``manifest``."""
    version = str(manifest["apiVersion"])
    parts = ["/apis" if "/" in version else "/api", version]
    parts += ["namespaces", namespace] if namespace else []
    return "/".join([*parts, plural, *([name] if name else [])])


class Cluster:
    """The API at ``kubeconfig``, used as its admin. ``control_plane`` is set when the tests started it."""

    def __init__(self, kubeconfig: Path, *, kubectl: Path, folder: Path, control_plane: ControlPlane | None) -> None:
        from kubernetes.client.configuration import Configuration
        from kubernetes.client.rest import RESTClientObject
        from kubernetes.config import load_kube_config

        self.kubeconfig = kubeconfig
        self.kubectl_program = kubectl
        self.control_plane = control_plane
        self._folder = folder
        self._namespaces: list[str] = []
        self._admin = Configuration()
        load_kube_config(str(kubeconfig), client_configuration=self._admin)
        self.server = str(self._admin.host)
        self.ca_file = self._authority()
        anonymous = Configuration(host=self.server, ssl_ca_cert=str(self.ca_file))
        anonymous.retries = self._admin.retries = False
        self._as_admin = RESTClientObject(self._admin)
        self._as_others = RESTClientObject(anonymous)

    # --- requests --------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        content_type: str = "application/json",
        **query: str,
    ) -> Manifest:
        """Send a request as the holder of ``token``, or as admin; returns the answer. Raises ApiStatus for an error."""
        headers = {"Accept": "application/json", "Content-Type": content_type}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        elif admin := self._admin.auth_settings().get("BearerToken", {}).get("value"):
            headers["Authorization"] = admin
        client = self._as_admin if token is None else self._as_others
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        answer = client.request(method, url, headers=headers, body=body, _request_timeout=_REQUEST_SECONDS)
        content = answer.read()
        try:
            document = orjson.loads(content)
        except ValueError:
            document = {"message": content.decode(errors="replace")}
        if not 200 <= answer.status < 300:
            raise ApiStatus(answer.status, document, f"{method} {path}")
        return document

    def create(self, manifest: Manifest, plural: str, namespace: str = "", *, token: str | None = None) -> Manifest:
        """Create an object and return it as the API answers."""
        return self.request("POST", path_of(manifest, plural, namespace), manifest, token=token)

    def patch(self, path: str, patch: Mapping[str, Any], *, kind: str = "json") -> Manifest:
        """Merge ``patch`` into an object; ``kind`` is ``json``, or ``strategic`` to merge lists by their keys."""
        return self.request("PATCH", path, patch, content_type=_MERGE[kind])

    def items(self, path: str, **query: str) -> list[Manifest]:
        """Return all objects at a path."""
        return list(self.request("GET", path, **query).get("items") or ())

    def exists(self, path: str) -> bool:
        """Whether there is an object at ``path``."""
        try:
            self.request("GET", path)
        except ApiStatus as refusal:
            if refusal.code == 404:
                return False
            raise
        return True

    def pods(self, namespace: str, selector: str = "") -> list[Manifest]:
        """Return the pods of a namespace, in the order of their names."""
        pods = self.items(f"/api/v1/namespaces/{namespace}/pods", **({"labelSelector": selector} if selector else {}))
        return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))

    # --- what tests need of their own ------------------------------------------------------------------------------

    def namespace(self, stem: str, *, labels: Mapping[str, str] = _RESTRICTED) -> str:
        """Create a namespace of a unique name that enforces the restricted profile, removed with the cluster."""
        name = f"{stem}-{uuid.uuid4().hex[:8]}"
        self.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}, "namespaces"
        )
        self.owns(name)
        return name

    def owns(self, *namespaces: str) -> None:
        """Register namespaces for ``close`` to remove."""
        self._namespaces += namespaces

    def token(self, namespace: str, service_account: str) -> str:
        """Return a token of a service account that is valid for an hour."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _TOKEN_SECONDS},
        }
        return str(self.request("POST", path, request)["status"]["token"])

    def apply(self, manifests: Sequence[Manifest]) -> None:
        """Apply manifests as ``kubectl apply`` does."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self.kubectl("apply", "--server-side", "--filename", "-", stdin=document)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl as admin and return what it printed; AssertionError with its complaint when it fails."""
        done = subprocess.run(
            [str(self.kubectl_program), "--kubeconfig", str(self.kubeconfig), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def close(self) -> None:
        """Remove the created namespaces, unless the control plane ends with the tests anyway."""
        if self.control_plane is None:
            for name in self._namespaces:
                self.request("DELETE", f"/api/v1/namespaces/{name}")

    def _authority(self) -> Path:
        """Return a file with the authority's certificate from the kubeconfig."""
        shown = json.loads(self.kubectl("config", "view", "--minify", "--flatten", "--raw", "--output", "json"))
        data = shown["clusters"][0]["cluster"]["certificate-authority-data"]
        path = self._folder / "ca.crt"
        path.write_bytes(b64decode(data))
        return path
