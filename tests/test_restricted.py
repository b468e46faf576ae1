"""The checker of the restricted profile itself: a pod that passes, and each rule broken once."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.restricted import hardening_violations, pod_template, restricted_violations

_GOOD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "good"},
    "spec": {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "worker",
                "image": "kafka-ml/backend:0.1.0",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {
                    "requests": {"cpu": "1", "memory": "1Gi"},
                    "limits": {"cpu": "1", "memory": "1Gi"},
                },
            }
        ],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    },
}


def _with(path: str, value: Any) -> dict[str, Any]:
    """Return the good pod with one field set; ``path`` is dotted, numbers index lists, ``-`` as value deletes."""
    pod = copy.deepcopy(_GOOD)
    *parents, last = path.split(".")
    target: Any = pod
    for name in parents:
        target = target[int(name)] if name.isdigit() else target.setdefault(name, {})
    if value == "-":
        del target[last]
    else:
        target[last] = value
    return pod


_CONTAINER = "spec.containers.0"


@pytest.mark.parametrize(
    ("path", "value", "violation"),
    [
        ("spec.hostNetwork", True, "hostNetwork: got true, expected false or nothing"),
        ("spec.hostPID", True, "hostPID: got true, expected false or nothing"),
        ("spec.hostIPC", True, "hostIPC: got true, expected false or nothing"),
        (
            "spec.volumes",
            [{"name": "host", "hostPath": {"path": "/"}}],
            (
                "volume host: got hostPath, expected one of configMap, csi, downwardAPI, emptyDir, ephemeral, "
                "persistentVolumeClaim, projected, secret"
            ),
        ),
        (
            "spec.securityContext.sysctls",
            [{"name": "kernel.msgmax", "value": "1"}],
            "securityContext.sysctls: got kernel.msgmax, which is not a safe one",
        ),
        ("spec.securityContext.runAsUser", 0, "securityContext.runAsUser: got 0, expected any other user"),
        (
            f"{_CONTAINER}.securityContext.runAsUser",
            0,
            "worker: securityContext.runAsUser: got 0, expected any other user",
        ),
        (
            "spec.securityContext.runAsNonRoot",
            "-",
            "worker: securityContext.runAsNonRoot: expected true, here or for the pod",
        ),
        (
            f"{_CONTAINER}.securityContext.runAsNonRoot",
            False,
            "worker: securityContext.runAsNonRoot: expected true, here or for the pod",
        ),
        (
            "spec.securityContext.seccompProfile",
            "-",
            "worker: securityContext.seccompProfile.type: got None, expected RuntimeDefault or Localhost",
        ),
        (
            f"{_CONTAINER}.securityContext.seccompProfile",
            {"type": "Unconfined"},
            "worker: securityContext.seccompProfile.type: got Unconfined, expected RuntimeDefault or Localhost",
        ),
        (
            f"{_CONTAINER}.securityContext.privileged",
            True,
            "worker: securityContext.privileged: got true, expected false or nothing",
        ),
        (
            f"{_CONTAINER}.securityContext.allowPrivilegeEscalation",
            "-",
            "worker: securityContext.allowPrivilegeEscalation: expected false",
        ),
        (
            f"{_CONTAINER}.securityContext.capabilities",
            {"drop": ["NET_RAW"]},
            "worker: securityContext.capabilities.drop: got ['NET_RAW'], expected ALL",
        ),
        (
            f"{_CONTAINER}.securityContext.capabilities",
            {"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "SYS_PTRACE"]},
            "worker: securityContext.capabilities.add: got SYS_PTRACE, expected at most NET_BIND_SERVICE",
        ),
        (
            f"{_CONTAINER}.securityContext.procMount",
            "Unmasked",
            "worker: securityContext.procMount: got Unmasked, expected Default",
        ),
        (
            f"{_CONTAINER}.ports",
            [{"containerPort": 80, "hostPort": 80}],
            "worker: ports: got hostPort 80, expected none",
        ),
        (
            f"{_CONTAINER}.readinessProbe",
            {"httpGet": {"host": "10.0.0.1", "port": 80}},
            "worker: readinessProbe.httpGet.host: got 10.0.0.1, expected none",
        ),
        (
            f"{_CONTAINER}.lifecycle",
            {"preStop": {"tcpSocket": {"host": "10.0.0.1", "port": 80}}},
            "worker: lifecycle.preStop.tcpSocket.host: got 10.0.0.1, expected none",
        ),
        (
            f"{_CONTAINER}.securityContext.seLinuxOptions",
            {"type": "spc_t"},
            "worker: securityContext.seLinuxOptions.type: got spc_t, expected a container type",
        ),
        (
            "spec.securityContext.seLinuxOptions",
            {"user": "root"},
            "securityContext.seLinuxOptions.user: got root, expected none",
        ),
        (
            "spec.securityContext.appArmorProfile",
            {"type": "Unconfined"},
            "securityContext.appArmorProfile.type: got Unconfined, expected RuntimeDefault or Localhost",
        ),
        (
            "metadata.annotations",
            {"container.apparmor.security.beta.kubernetes.io/worker": "unconfined"},
            (
                "annotation container.apparmor.security.beta.kubernetes.io/worker: got unconfined, "
                "expected runtime/default or localhost/*"
            ),
        ),
        (
            "spec.securityContext.windowsOptions",
            {"hostProcess": True},
            "securityContext.windowsOptions.hostProcess: got true, expected false or nothing",
        ),
    ],
)
def test_each_rule_is_seen_broken(path: str, value: Any, violation: str) -> None:
    assert restricted_violations(_with(path, value)) == [violation]


def test_a_restricted_pod_passes_and_init_containers_are_read_too() -> None:
    assert restricted_violations(_GOOD) == []
    assert restricted_violations(_with("spec.initContainers", [{"name": "first"}])) == [
        "first: securityContext.allowPrivilegeEscalation: expected false",
        "first: securityContext.capabilities.drop: got [], expected ALL",
    ]


@pytest.mark.parametrize(
    ("path", "value", "violation"),
    [
        (
            "spec.automountServiceAccountToken",
            "-",
            "automountServiceAccountToken: got None, expected False",
        ),
        ("spec.securityContext.fsGroup", 0, "securityContext.fsGroup: got 0, expected 10001"),
        (
            f"{_CONTAINER}.securityContext.readOnlyRootFilesystem",
            False,
            "worker: securityContext.readOnlyRootFilesystem is not true",
        ),
        (f"{_CONTAINER}.resources.limits.memory", "-", "worker: resources.limits.memory is missing"),
        (f"{_CONTAINER}.resources.requests", {"memory": "1Gi"}, "worker: resources.requests.cpu is missing"),
    ],
)
def test_each_rule_of_the_house_is_seen_broken(path: str, value: Any, violation: str) -> None:
    assert hardening_violations(_with(path, value)) == [violation]


def test_a_pod_that_talks_to_the_api_server_has_its_token() -> None:
    assert hardening_violations(_GOOD) == []
    assert hardening_violations(_GOOD, service_account_token=True) == [
        "automountServiceAccountToken: got False, expected True"
    ]


def test_pods_are_found_in_what_makes_them() -> None:
    job = {"kind": "Job", "spec": {"template": _GOOD}}
    assert pod_template(job) is _GOOD
    assert pod_template({"kind": "CronJob", "spec": {"jobTemplate": job}}) is _GOOD
    assert pod_template(_GOOD) is _GOOD
    assert pod_template({"kind": "Service", "spec": {}}) is None
