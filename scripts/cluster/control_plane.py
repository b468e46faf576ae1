"""ControlPlane: etcd, API server, controller manager and scheduler as processes of this machine, and nothing else.

A control plane without nodes needs no root, no containers and no namespaces. It admits objects, makes pods for Jobs and
sets, and binds the pods to registered nodes. ``tests/cluster`` runs one on free ports; ``nodes`` adds kubelets.
"""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import orjson

from platform_local.ports import LOOPBACK, free_port
from scripts.cluster.certificates import Authority, KeyPair
from scripts.cluster.programs import Programs

__all__ = ["ControlPlane", "Endpoints"]

_NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
# The API server makes its tables and default roles at its first start. This takes seconds, and longer on a loaded
# machine.
_START_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where the parts listen. etcd listens at loopback only, and only the API server uses it."""

    host: str = LOOPBACK
    api_port: int
    etcd_port: int
    etcd_peer_port: int
    services: str = "10.96.0.0/16"
    api_service: str = "10.96.0.1"

    @classmethod
    def free(cls) -> Endpoints:
        """Return endpoints at ports of the loopback address that nobody uses now."""
        return cls(api_port=free_port(), etcd_port=free_port(), etcd_peer_port=free_port())

    @property
    def server(self) -> str:
        return f"https://{self.host}:{self.api_port}"


class ControlPlane:
    """One control plane, its state in ``folder``. A later start with the same folder finds the same objects."""

    def __init__(self, folder: Path, *, binaries: Path, programs: Programs, endpoints: Endpoints) -> None:
        self.folder = folder
        self.endpoints = endpoints
        self._binaries = binaries
        self._programs = programs
        self.authority = Authority(folder / "pki")
        self.kubeconfig = folder / "admin.conf"

    @property
    def server(self) -> str:
        """Address of the API."""
        return self.endpoints.server

    def start(self, *, host_path_volumes: bool = False) -> None:
        """Start all four processes and return when the API is ready. With ``host_path_volumes``, claims get folders of
        this machine.
        """
        self._make_keys()
        self._start_etcd()
        self.start_api_server()
        self._start_controllers(host_path_volumes=host_path_volumes)

    def stop(self) -> None:
        """End all four processes."""
        self._programs.end(*_NAMES)

    def start_api_server(self) -> None:
        """Start the API server and wait until it is ready."""
        pki, host = self.folder / "pki", self.endpoints.host
        self._run(
            "kube-apiserver",
            f"--etcd-servers=https://{LOOPBACK}:{self.endpoints.etcd_port}",
            *self._flags(
                "etcd-", cafile=self.authority.certificate, certfile=pki / "etcd.crt", keyfile=pki / "etcd.key"
            ),
            f"--bind-address={host}",
            f"--advertise-address={host}",
            f"--secure-port={self.endpoints.api_port}",
            # An API server at a loopback address does not announce itself inside the cluster, because pods could not
            # reach it there.
            f"--endpoint-reconciler-type={'none' if host == LOOPBACK else 'lease'}",
            f"--client-ca-file={self.authority.certificate}",
            *self._flags("tls-", **{"cert-file": pki / "apiserver.crt", "private-key-file": pki / "apiserver.key"}),
            *self._flags(
                "kubelet-",
                **{
                    "client-certificate": pki / "admin.crt",
                    "client-key": pki / "admin.key",
                    "certificate-authority": self.authority.certificate,
                },
            ),
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-key-file={pki / 'sa.pub'}",
            f"--service-account-signing-key-file={pki / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={self.endpoints.services}",
            f"--requestheader-client-ca-file={self.authority.certificate}",
            "--requestheader-allowed-names=aggregator",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki / 'aggregator.crt'}",
            f"--proxy-client-key-file={pki / 'aggregator.key'}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
        )
        needs = ["etcd", "kube-apiserver"]
        self._programs.await_("the API server", self.is_ready, needs=needs, timeout_seconds=_START_SECONDS)

    def kill_api_server(self) -> None:
        """End the API server as a crash would."""
        self._programs.kill("kube-apiserver")

    def is_ready(self) -> bool:
        """Whether the API answers requests."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.load_cert_chain(self.folder / "pki" / "admin.crt", self.folder / "pki" / "admin.key")
        try:
            with urllib.request.urlopen(f"{self.server}/readyz", timeout=5, context=context) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def write_kubeconfig(self, path: Path, user: KeyPair) -> None:
        """Write a configuration that holds everything that clients need."""

        def content(file: Path) -> str:
            return b64encode(file.read_bytes()).decode()

        cluster = {"server": self.server, "certificate-authority-data": content(self.authority.certificate)}
        credentials = {"client-certificate-data": content(user.certificate), "client-key-data": content(user.key)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kafka-ml", "cluster": cluster}],
            "users": [{"name": "user", "user": credentials}],
            "contexts": [{"name": "kafka-ml", "context": {"cluster": "kafka-ml", "user": "user"}}],
            "current-context": "kafka-ml",
        }
        # The file is written as JSON, which is valid YAML.
        path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        path.chmod(0o600)

    # --- parts -----------------------------------------------------------------------------------------------------

    def _make_keys(self) -> None:
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
        own = [f"IP:{LOOPBACK}", f"IP:{self.endpoints.host}", f"IP:{self.endpoints.api_service}"]
        self.authority.signing_keys("sa")
        self.authority.issue("etcd", subject="/CN=etcd", addresses=[f"IP:{LOOPBACK}"])
        self.authority.issue("apiserver", subject="/CN=kube-apiserver", addresses=[*(f"DNS:{n}" for n in names), *own])
        self.authority.issue("aggregator", subject="/CN=aggregator")
        users = {
            "admin": "/O=system:masters/CN=admin",
            "controller-manager": "/CN=system:kube-controller-manager",
            "scheduler": "/CN=system:kube-scheduler",
        }
        for name, subject in users.items():
            self.write_kubeconfig(self.folder / f"{name}.conf", self.authority.issue(name, subject=subject))

    def _start_etcd(self) -> None:
        pki = self.folder / "pki"
        client, peer = (f"https://{LOOPBACK}:{p}" for p in (self.endpoints.etcd_port, self.endpoints.etcd_peer_port))
        files = {
            "cert-file": pki / "etcd.crt",
            "key-file": pki / "etcd.key",
            "trusted-ca-file": self.authority.certificate,
        }
        self._run(
            "etcd",
            "--name=only",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=only={peer}",
            *self._flags("", **files),
            *self._flags("peer-", **files),
            "--client-cert-auth",
            "--peer-client-cert-auth",
            # etcd may skip fsync, because a cluster for tests need not survive a power cut.
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def _start_controllers(self, *, host_path_volumes: bool) -> None:
        # Port 0 keeps the controller manager and the scheduler from listening, because nobody sends them requests.
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.folder / 'controller-manager.conf'}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--root-ca-file={self.authority.certificate}",
            f"--service-account-private-key-file={self.folder / 'pki' / 'sa.key'}",
            "--use-service-account-credentials",
            f"--cluster-signing-cert-file={self.authority.certificate}",
            f"--cluster-signing-key-file={self.authority.key}",
            f"--enable-hostpath-provisioner={str(host_path_volumes).lower()}",
        )
        scheduler = self.folder / "scheduler.conf"
        self._run("kube-scheduler", f"--kubeconfig={scheduler}", "--leader-elect=false", "--secure-port=0")

    def _run(self, name: str, *flags: str) -> None:
        self._programs.start(name, [str(self._binaries / name), *flags])

    @staticmethod
    def _flags(prefix: str, **values: Path) -> list[str]:
        return [f"--{prefix}{name}={value}" for name, value in values.items()]
