"""check_cluster: connects to another cluster like the launcher, and reports what works there and what does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import asdict, dataclass, field
from typing import Any

from backend.clusters.connection import settings_of
from backend.clusters.models import Cluster
from backend.launchers.kubernetes.api import ApiRefused, ClusterError, KubernetesApi, NotThere
from backend.launchers.kubernetes.manifests import SCALED_OBJECT
from backend.launchers.kubernetes.rights import Right, rights
from kafkaml.errors import KafkaMLError

__all__ = ["check_cluster"]

_REQUEST_SECONDS = 3.0
# Limit for a server that sends its answer byte by byte.
_WHOLE_SECONDS = 10.0
_POOL = ThreadPoolExecutor(4, thread_name_prefix="cluster-check")
_QUESTIONS_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that was tried. ``needed`` is False for what inferences can do without."""

    name: str
    ok: bool
    detail: str
    hint: str = ""
    needed: bool = True


@dataclass
class _Findings:
    version: str = ""
    steps: list[Step] = field(default_factory=list)


def check_cluster(cluster: Cluster) -> dict[str, Any]:
    """Check a cluster and return what the API shows of it; takes ten seconds at most."""
    began = time.monotonic()
    findings = _Findings()
    checking = _POOL.submit(_check, cluster, findings)
    try:
        checking.result(timeout=_WHOLE_SECONDS)
    except FutureTimeoutError:
        late = Step(
            name="time",
            ok=False,
            detail=f"the check was given up after {_WHOLE_SECONDS:g} s",
            hint="the cluster answers too slowly, or something on the way holds its answers back",
        )
        # The thread may still be adding to what was found.
        findings = _Findings(findings.version, [*findings.steps, late])
    return {
        "ok": all(step.ok for step in findings.steps if step.needed),
        "version": findings.version,
        "seconds": round(time.monotonic() - began, 3),
        "steps": [asdict(step) for step in findings.steps],
    }


def _check(cluster: Cluster, findings: _Findings) -> None:
    try:
        api = KubernetesApi(settings_of(cluster, request_seconds=_REQUEST_SECONDS))
    except KafkaMLError as error:
        findings.steps.append(_failed("connection", error))
        return
    try:
        # Stop, because later steps would only repeat what is missing here.
        for step in _steps(api, cluster, findings):
            findings.steps.append(step)
            if step.needed and not step.ok:
                return
        findings.steps += _rights(api, cluster)
    finally:
        api.close()


def _steps(api: KubernetesApi, cluster: Cluster, findings: _Findings) -> Iterator[Step]:
    yield _tried("connection", lambda: _connection(api, findings))
    yield _tried("namespace", lambda: _namespace(api, cluster.namespace))
    keda = _tried("keda", lambda: _keda(api, expected=cluster.keda))
    if cluster.keda or keda.detail:
        yield keda


def _tried(name: str, look: Callable[[], Step]) -> Step:
    try:
        return look()
    except KafkaMLError as error:
        return _failed(name, error)


def _failed(name: str, error: KafkaMLError) -> Step:
    return Step(name=name, ok=False, detail=error.message, hint=error.hint)


def _connection(api: KubernetesApi, findings: _Findings) -> Step:
    answer = api.call("GET", "/version")
    version = answer.get("gitVersion")
    if not isinstance(version, str):
        return Step(
            name="connection",
            ok=False,
            detail="something answered that is not Kubernetes",
            hint="the address is that of the API server, e.g. https://10.0.0.1:6443",
        )
    findings.version = version[:100]
    return Step(name="connection", ok=True, detail=f"Kubernetes {findings.version}")


def _namespace(api: KubernetesApi, name: str) -> Step:
    try:
        api.call("GET", f"/api/v1/namespaces/{name}")
    except NotThere:
        return Step(
            name="namespace",
            ok=False,
            detail=f"there is no namespace {name}",
            hint=f"kubectl create namespace {name}",
        )
    except ApiRefused:
        # A token with minimal rights may not read the namespace; the rights checked below show whether the namespace
        # exists.
        return Step(name="namespace", ok=True, detail=f"the token may not look at {name} itself, which is not needed")
    return Step(name="namespace", ok=True, detail=f"{name} is there")


def _keda(api: KubernetesApi, *, expected: bool) -> Step:
    try:
        api.call("GET", f"/apis/{SCALED_OBJECT.api_version}")
    except NotThere:
        if not expected:
            return Step(name="keda", ok=True, detail="", needed=False)
        return Step(
            name="keda",
            ok=False,
            needed=False,
            detail="KEDA is not installed, so that inferences there keep the number of replicas that they begin with",
            hint="install KEDA there, or say here that it is not",
        )
    detail = "KEDA is installed" if expected else "KEDA is installed, but not in use: say so here to scale on the lag"
    return Step(name="keda", ok=True, detail=detail, needed=False)


def _rights(api: KubernetesApi, cluster: Cluster) -> list[Step]:
    """Check each right separately, and return one step per resource."""
    asked = rights(keda=cluster.keda)
    with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
        answers = dict(zip(asked, pool.map(lambda right: _may(api, cluster.namespace, right), asked), strict=True))
    by_resource: dict[str, dict[Right, bool | ClusterError]] = {}
    for right, answer in answers.items():
        by_resource.setdefault(right.resource, {})[right] = answer
    return [_resource_step(cluster.namespace, resource, value) for resource, value in by_resource.items()]


def _may(api: KubernetesApi, namespace: str, right: Right) -> bool | ClusterError:
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "namespace": namespace,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "verb": right.verb,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {name: value for name, value in attributes.items() if value}},
    }
    try:
        answer = api.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review)
    except ClusterError as error:
        return error
    return bool((answer.get("status") or {}).get("allowed"))


def _resource_step(namespace: str, resource: str, answers: dict[Right, bool | ClusterError]) -> Step:
    errors = [answer for answer in answers.values() if isinstance(answer, ClusterError)]
    if errors:
        return _failed(resource, errors[0])
    missing = [right for right, allowed in answers.items() if not allowed]
    if not missing:
        return Step(name=resource, ok=True, detail=f"may {_listed(right.verb for right in answers)}")
    return Step(
        name=resource,
        ok=False,
        detail=f"may not {_listed(right.verb for right in missing)} in {namespace}",
        hint="bind the role in docs/clusters.md to the token's service account",
    )


def _listed(words: Iterable[str]) -> str:
    found: Sequence[str] = list(words)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
