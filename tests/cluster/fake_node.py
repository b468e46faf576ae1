"""FakeNode: a node of a real cluster whose kubelet is this process, with pods that the test controls.

Like a kubelet it reports the state of its pods (running, ended, image missing, evicted), releases deleted pods, and
serves their logs to the API server. It runs nothing.
"""

from __future__ import annotations

import ssl
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from platform_local.ports import LOOPBACK
from tests.cluster.access import ApiStatus, Cluster, Manifest

__all__ = ["FakeNode"]

# Interval of the heartbeats. A cluster considers a node lost that does not renew its lease for 40 s.
_HEARTBEAT_SECONDS = 5.0
_POLL_SECONDS = 0.1
_NODE_LABEL = "kafka-ml/test-node"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _now_precisely() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class FakeNode:
    """A node called ``name``, registered while the context lasts. Only pods that ask for it by ``selector`` come to it.

    ``exit_code_when_deleted`` is the exit code of containers whose pod is deleted. With ``silent`` set the kubelet
    stops working, as on a node that was cut off: deleted pods stay.
    """

    def __init__(self, cluster: Cluster, name: str, *, gpus: int = 8) -> None:
        self._cluster = cluster
        self.name = name
        self.exit_code_when_deleted = 0
        self.silent = False
        self._gpus = gpus
        self._ended = threading.Event()
        self._kubelet = threading.Thread(target=self._watch_pods, name=f"kubelet of {name}", daemon=True)
        self._logs = _LogServer(cluster)
        self._path = f"/api/v1/nodes/{name}"
        self._lease = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}"
        self._problem: Exception | None = None

    @property
    def selector(self) -> dict[str, str]:
        """The ``nodeSelector`` of pods for this node."""
        return {_NODE_LABEL: self.name}

    @property
    def toleration(self) -> dict[str, str]:
        """The ``tolerations`` of pods for this node."""
        return {"key": _NODE_LABEL, "operator": "Exists", "effect": "NoSchedule"}

    def __enter__(self) -> Self:
        self._register()
        self._logs.start()
        self._kubelet.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._kubelet.join(timeout=30)
        self._logs.stop()
        self._cluster.request("DELETE", self._path)
        if self._problem is not None:
            raise self._problem

    # --- what happens to pods --------------------------------------------------------------------------------------

    def pods(self, namespace: str) -> list[Manifest]:
        """Return the pods of a namespace that are bound to this node."""
        found = self._cluster.items(f"/api/v1/namespaces/{namespace}/pods", fieldSelector=f"spec.nodeName={self.name}")
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def run(self, pod: Manifest) -> None:
        """The pod's containers run and are ready."""
        state = {"running": {"startedAt": _now()}}
        self._report(pod, "Running", state, ready=True, podIP="10.0.0.1", podIPs=[{"ip": "10.0.0.1"}], startTime=_now())

    def end(self, pod: Manifest, exit_code: int, *, reason: str = "") -> None:
        """The pod's containers ended and are not restarted; ``reason`` is Kubernetes' word, such as ``OOMKilled``."""
        self._report(pod, "Succeeded" if exit_code == 0 else "Failed", _terminated(exit_code, reason))
        self._logs.end(pod)

    def crash(self, pod: Manifest, exit_code: int, *, reason: str = "") -> None:
        """The pod's containers ended and wait for a restart."""
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}
        restarts = sum(status["restartCount"] for status in pod["status"].get("containerStatuses", ())) + 1
        self._report(pod, "Running", waiting, last=_terminated(exit_code, reason), restarts=restarts)

    def wait(self, pod: Manifest, reason: str, message: str) -> None:
        """The pod's containers cannot start: ``reason`` is for example ``ImagePullBackOff``."""
        self._report(pod, "Pending", {"waiting": {"reason": reason, "message": message}}, startTime=_now())

    def evict(self, pod: Manifest, message: str = "The node was low on resource: memory.") -> None:
        """The kubelet evicts the pod because the node lacks a resource."""
        disrupted = _condition("DisruptionTarget", True, reason="TerminationByKubelet", message=message)
        terminated = _terminated(137, "Error")
        self._report(pod, "Failed", terminated, conditions=[disrupted], reason="Evicted", message=message)
        self._logs.end(pod)

    def complain(self, pod: Manifest, reason: str, message: str) -> None:
        """Record a warning event about the pod."""
        metadata = pod["metadata"]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                **{k: metadata[k] for k in ("name", "namespace", "uid")},
            },
            "type": "Warning",
            "reason": reason,
            "message": message,
            "source": {"component": "kubelet", "host": self.name},
            "firstTimestamp": _now(),
            "lastTimestamp": _now(),
            "count": 1,
        }
        self._cluster.create(event, "events", metadata["namespace"])

    def write_log(self, pod: Manifest, text: str) -> None:
        """The pod's containers print lines."""
        self._logs.write(pod, text)

    # --- the kubelet -----------------------------------------------------------------------------------------------

    def _register(self) -> None:
        taint = {"key": _NODE_LABEL, "value": self.name, "effect": "NoSchedule"}
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "labels": {**self.selector, "kubernetes.io/hostname": self.name}},
            "spec": {"taints": [taint]},
        }
        self._cluster.create(node, "nodes")
        room = {
            "cpu": "64",
            "memory": "256Gi",
            "ephemeral-storage": "2Ti",
            "pods": "110",
            "nvidia.com/gpu": str(self._gpus),
        }
        status = {
            "capacity": room,
            "allocatable": room,
            "addresses": [{"type": "InternalIP", "address": LOOPBACK}, {"type": "Hostname", "address": self.name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs.port}},
            "conditions": [_condition("Ready", True, reason="KubeletReady")],
        }
        self._cluster.patch(f"{self._path}/status", {"status": status})
        self._renew_lease(create=True)
        # The taint is set again, because admission marks a new node as not ready and a controller reverts that seconds
        # later.
        self._cluster.patch(self._path, {"spec": {"taints": [taint]}})

    def _renew_lease(self, *, create: bool = False) -> None:
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": _now_precisely()}
        if create:
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.name},
                "spec": spec,
            }
            self._cluster.create(lease, "leases", "kube-node-lease")
        else:
            self._cluster.patch(self._lease, {"spec": spec})

    def _watch_pods(self) -> None:
        since_heartbeat = 0.0
        while not self._ended.wait(_POLL_SECONDS):
            since_heartbeat += _POLL_SECONDS
            try:
                if self.silent:
                    continue
                if since_heartbeat >= _HEARTBEAT_SECONDS:
                    self._renew_lease()
                    since_heartbeat = 0.0
                for pod in self._cluster.items("/api/v1/pods", fieldSelector=f"spec.nodeName={self.name}"):
                    if "deletionTimestamp" in pod["metadata"]:
                        self._let_go(pod)
            except ApiStatus as refusal:
                # A server that is starting or stopping answers 5xx, which kubelets retry.
                if refusal.code >= 500:
                    continue
                self._problem = refusal
                return
            except Exception:  # noqa: BLE001 - an API server that a test killed: kubelets go on trying
                continue

    def _let_go(self, pod: Manifest) -> None:
        """End the containers of a deleted pod, report it, then confirm that the pod is gone."""
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        try:
            if pod["status"].get("phase") not in ("Succeeded", "Failed"):
                self.end(pod, self.exit_code_when_deleted)
            options = {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "gracePeriodSeconds": 0,
                "preconditions": {"uid": metadata["uid"]},
            }
            self._cluster.request("DELETE", path, options)
        except ApiStatus as refusal:
            # The pod is gone already, or a successor has its name.
            if refusal.code not in (404, 409):
                raise

    def _report(
        self,
        pod: Manifest,
        phase: str,
        state: Mapping[str, Any],
        *,
        ready: bool = False,
        restarts: int = 0,
        last: Mapping[str, Any] | None = None,
        conditions: Iterable[Mapping[str, Any]] = (),
        **more: Any,
    ) -> None:
        def reported(container: Mapping[str, Any]) -> Manifest:
            return {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": ready,
                "started": ready,
                "restartCount": restarts,
                "state": state,
                "lastState": last or {},
            }

        readiness = [_condition(kind, ready) for kind in ("Ready", "ContainersReady")]
        status = {
            "phase": phase,
            "conditions": [_condition("Initialized", True), *readiness, *conditions],
            "containerStatuses": [reported(container) for container in pod["spec"]["containers"]],
            **more,
        }
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        # The uid keeps the status from a successor with the same name.
        patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
        self._cluster.patch(path, patch, kind="strategic")


def _terminated(exit_code: int, reason: str) -> Manifest:
    word = reason or ("Completed" if exit_code == 0 else "Error")
    return {"terminated": {"exitCode": exit_code, "reason": word, "startedAt": _now(), "finishedAt": _now()}}


def _condition(kind: str, holds: bool, *, reason: str = "", message: str = "") -> Manifest:
    reported = {"reason": reason} if reason else {}
    reported |= {"message": message} if message else {}
    return {"type": kind, "status": str(holds), "lastTransitionTime": _now(), **reported}


class _LogServer:
    """The kubelet's HTTPS server, which the API server asks for logs: ``/containerLogs/NAMESPACE/POD/CONTAINER``."""

    def __init__(self, cluster: Cluster) -> None:
        self._lines: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        self._over: set[tuple[str, str]] = set()
        self._changed = threading.Condition()
        self._stopped = False
        self._server = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        # There are no logs in an existing cluster, because its API server does not reach this machine.
        if cluster.control_plane is not None:
            own = cluster.control_plane.authority.issue("kubelet", subject="/CN=kubelet", addresses=[f"IP:{LOOPBACK}"])
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(own.certificate, own.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, name="kubelet's logs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def write(self, pod: Manifest, text: str) -> None:
        with self._changed:
            self._lines[self._key(pod)] += [(_now_precisely(), line) for line in text.splitlines()]
            self._changed.notify_all()

    def end(self, pod: Manifest) -> None:
        with self._changed:
            self._over.add(self._key(pod))
            self._changed.notify_all()

    @staticmethod
    def _key(pod: Manifest) -> tuple[str, str]:
        return pod["metadata"]["namespace"], pod["metadata"]["name"]

    def chunks(self, key: tuple[str, str], *, follow: bool, since: str, timestamps: bool) -> Iterator[bytes]:
        """Yield a pod's lines; with ``follow`` also future ones, until the pod ends."""
        sent = 0
        while True:
            lines, over = self._news(key, sent, wait=follow)
            sent += len(lines)
            # Times of the same format compare as texts. The API cuts `since` to whole seconds.
            kept = [(at, line) for at, line in lines if at[: len(since) - 1] >= since[:-1]]
            if kept:
                yield "".join(f"{at} {line}\n" if timestamps else f"{line}\n" for at, line in kept).encode()
            if not follow or over:
                return

    def _news(self, key: tuple[str, str], sent: int, *, wait: bool) -> tuple[list[tuple[str, str]], bool]:
        """Return the lines after the first ``sent`` and whether the pod ended, waiting for either if asked to."""
        with self._changed:
            over = self._changed.wait_for(
                lambda: not wait or self._stopped or key in self._over or len(self._lines[key]) > sent
            ) and (self._stopped or key in self._over)
            return self._lines[key][sent:], over

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        logs = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                address = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(address.query).items()}
                _, namespace, pod, _ = address.path.strip("/").split("/")
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                chunks = logs.chunks(
                    (namespace, pod),
                    follow=query.get("follow") == "true",
                    since=query.get("sinceTime", "0"),
                    timestamps=query.get("timestamps") == "true",
                )
                for chunk in chunks:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
                return

        return Handler
