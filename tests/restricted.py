"""The *restricted* profile of the Pod Security Standards, checked on pods without a cluster.

``restricted_violations`` returns what an API server would refuse in a namespace that enforces the profile (Kubernetes
1.36). ``hardening_violations`` returns what Kafka-ML also asks of its own pods. Both take a pod or a pod template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["containers", "hardening_violations", "pod_template", "restricted_violations"]

Object = Mapping[str, Any]

_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_SECCOMP = frozenset({"RuntimeDefault", "Localhost"})
_CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")


def pod_template(obj: Object) -> Object | None:
    """Return the pod that an object is or makes, as ``{"metadata": ..., "spec": ...}``; None when it makes none."""
    match obj["kind"]:
        case "Pod":
            return obj
        case "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job":
            template: Object = obj["spec"]["template"]
            return template
        case "CronJob":
            return pod_template({"kind": "Job", **obj["spec"]["jobTemplate"]})
    return None


def containers(pod: Object) -> Iterator[Object]:
    """Yield every container of a pod: init containers first, then the others."""
    for name in _CONTAINER_LISTS:
        yield from pod["spec"].get(name) or ()


def restricted_violations(pod: Object) -> list[str]:
    """Return the violations of the profile in a pod or pod template, each as ``where: got, expected``."""
    found = [*_pod_violations(pod)]
    defaults = pod["spec"].get("securityContext") or {}
    for container in containers(pod):
        found += [f"{container['name']}: {problem}" for problem in _container_violations(container, defaults)]
    return found


def hardening_violations(pod: Object, *, service_account_token: bool = False, user: int = 10001) -> list[str]:
    """Return what Kafka-ML misses in a pod of its own: limits, a read-only root file system, ``user`` as user and
    group, and no service account token unless ``service_account_token`` says that this pod talks to the API server.
    """
    found = []
    spec = pod["spec"]
    if spec.get("automountServiceAccountToken") is not service_account_token:
        found.append(
            f"automountServiceAccountToken: got {spec.get('automountServiceAccountToken')}, "
            f"expected {service_account_token}"
        )
    security = spec.get("securityContext") or {}
    found += [
        f"securityContext.{name}: got {security.get(name)}, expected {user}"
        for name in ("runAsUser", "runAsGroup", "fsGroup")
        if security.get(name) != user
    ]
    for container in containers(pod):
        if (container.get("securityContext") or {}).get("readOnlyRootFilesystem") is not True:
            found.append(f"{container['name']}: securityContext.readOnlyRootFilesystem is not true")
        resources = container.get("resources") or {}
        found += [
            f"{container['name']}: resources.{kind}.{name} is missing"
            for kind in ("requests", "limits")
            for name in ("cpu", "memory")
            if name not in (resources.get(kind) or {})
        ]
    return found


def _pod_violations(pod: Object) -> Iterator[str]:
    spec = pod["spec"]
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield f"{name}: got true, expected false or nothing"
    for volume in spec.get("volumes") or ():
        for kind in set(volume) - {"name"} - _VOLUMES:
            yield f"volume {volume['name']}: got {kind}, expected one of {', '.join(sorted(_VOLUMES))}"
    security = spec.get("securityContext") or {}
    for sysctl in security.get("sysctls") or ():
        if sysctl["name"] not in _SYSCTLS:
            yield f"securityContext.sysctls: got {sysctl['name']}, which is not a safe one"
    for name, value in ((pod.get("metadata") or {}).get("annotations") or {}).items():
        apparmor = name.startswith("container.apparmor.security.beta.kubernetes.io/")
        if apparmor and value != "runtime/default" and not value.startswith("localhost/"):
            yield f"annotation {name}: got {value}, expected runtime/default or localhost/*"
    if security.get("runAsUser") == 0:
        yield "securityContext.runAsUser: got 0, expected any other user"
    seccomp = (security.get("seccompProfile") or {}).get("type")
    if seccomp is not None and seccomp not in _SECCOMP:
        yield f"securityContext.seccompProfile.type: got {seccomp}, expected RuntimeDefault or Localhost"
    yield from _shared_violations(security)


def _container_violations(container: Object, defaults: Object) -> Iterator[str]:
    security = container.get("securityContext") or {}
    if security.get("privileged"):
        yield "securityContext.privileged: got true, expected false or nothing"
    if security.get("allowPrivilegeEscalation") is not False:
        yield "securityContext.allowPrivilegeEscalation: expected false"
    capabilities = security.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield f"securityContext.capabilities.drop: got {capabilities.get('drop') or []}, expected ALL"
    for name in capabilities.get("add") or ():
        if name != "NET_BIND_SERVICE":
            yield f"securityContext.capabilities.add: got {name}, expected at most NET_BIND_SERVICE"
    if security.get("runAsNonRoot", defaults.get("runAsNonRoot")) is not True:
        yield "securityContext.runAsNonRoot: expected true, here or for the pod"
    if security.get("runAsUser") == 0:
        yield "securityContext.runAsUser: got 0, expected any other user"
    seccomp = (security.get("seccompProfile") or defaults.get("seccompProfile") or {}).get("type")
    if seccomp not in _SECCOMP:
        yield f"securityContext.seccompProfile.type: got {seccomp}, expected RuntimeDefault or Localhost"
    if security.get("procMount", "Default") != "Default":
        yield f"securityContext.procMount: got {security['procMount']}, expected Default"
    for port in container.get("ports") or ():
        if port.get("hostPort"):
            yield f"ports: got hostPort {port['hostPort']}, expected none"
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        yield from _host_violations(name, container.get(name) or {})
    for name, handler in (container.get("lifecycle") or {}).items():
        if isinstance(handler, Mapping):
            yield from _host_violations(f"lifecycle.{name}", handler)
    yield from _shared_violations(security)


def _host_violations(where: str, handler: Object) -> Iterator[str]:
    for action in ("httpGet", "tcpSocket"):
        if host := (handler.get(action) or {}).get("host"):
            yield f"{where}.{action}.host: got {host}, expected none"


def _shared_violations(security: Object) -> Iterator[str]:
    """Check the fields that the profile requires in the security context of pods and of containers."""
    if (security.get("windowsOptions") or {}).get("hostProcess"):
        yield "securityContext.windowsOptions.hostProcess: got true, expected false or nothing"
    selinux = security.get("seLinuxOptions") or {}
    if selinux.get("type", "") not in _SELINUX_TYPES:
        yield f"securityContext.seLinuxOptions.type: got {selinux['type']}, expected a container type"
    for name in ("user", "role"):
        if selinux.get(name):
            yield f"securityContext.seLinuxOptions.{name}: got {selinux[name]}, expected none"
    profile = (security.get("appArmorProfile") or {}).get("type")
    if profile not in (None, "RuntimeDefault", "Localhost"):
        yield f"securityContext.appArmorProfile.type: got {profile}, expected RuntimeDefault or Localhost"
