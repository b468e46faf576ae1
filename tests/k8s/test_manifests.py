"""The manifests of k8s/: whether an API server would take them, and what the design requires of each object."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from backend.launchers.base import RestartPolicy, WorkSpec
from backend.launchers.kubernetes.manifests import build_work
from backend.launchers.kubernetes.rights import rights
from backend.launchers.kubernetes.settings import KubernetesSettings
from platform_local.jars import KAFKA_VERSION
from tests.executors import EXECUTORS
from tests.k8s.network import matches_labels
from tests.k8s.render import COMPONENTS, K8S, OVERLAYS, Manifest, find, platform_settings, render, render_with
from tests.restricted import containers, hardening_violations, pod_template, restricted_violations

KUBERNETES = "1.36"
PLATFORM, JOBS = "kafka-ml", "kafka-ml-jobs"
IMAGES = {
    "kafka-ml/backend:0.1.0",
    "kafka-ml/frontend:0.1.0",
    *(f"kafka-ml/{name}:0.1.0" for name in EXECUTORS),
    "kafka-ml/kafka_control_logger:0.1.0",
}
KAFKA_IMAGE = "docker.io/apache/kafka:4.3.1"
# Secrets that make-secrets or administrators create in the cluster (k8s/README.md).
SECRETS = {"platform-secrets", "kafka-credentials", "database", "object-store"}


@pytest.fixture(scope="module", params=["base", *OVERLAYS, "local with components", "external-kafka with components"])
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The objects of each way to install the platform."""
    if request.param == "base":
        return render(K8S / "base")
    overlay, _, components = request.param.partition(" with ")
    if components:
        # These components fit only the overlay that brings a Kafka.
        chosen = [
            component for component in COMPONENTS if overlay == "local" or component not in ("kafka-nodeport", "keda")
        ]
        return render_with(tmp_path_factory.mktemp("kustomization"), overlay, chosen)
    return render(K8S / "overlays" / overlay)


def workloads(objects: Sequence[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """Every object that makes pods, with its pod template."""
    for manifest in objects:
        template = pod_template(manifest)
        if template is not None:
            yield manifest, dict(template)


def name_of(obj: Mapping[str, Any]) -> str:
    return f"{obj['kind']} {obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"


def test_every_object_is_valid(objects: list[Manifest]) -> None:
    for manifest in objects:
        # A PodMonitor is the Prometheus operator's own kind, which Kubernetes' schema lacks.
        if manifest["kind"] != "PodMonitor":
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_every_pod_is_restricted(objects: list[Manifest]) -> None:
    found = {name_of(owner): restricted_violations(pod) for owner, pod in workloads(objects)}
    assert {name: violations for name, violations in found.items() if violations} == {}
    assert len(found) >= 6


def test_every_pod_has_limits_and_only_two_have_a_token(objects: list[Manifest]) -> None:
    for owner, pod in workloads(objects):
        name = owner["metadata"]["name"]
        violations = hardening_violations(
            pod,
            service_account_token=name in ("backend", "make-secrets"),
            user=1000 if name == "kafka" else 10001,
        )
        assert violations == [], name_of(owner)
        # Service links would add variables such as KAFKA_PORT=tcp://..., which would be taken for settings.
        assert pod["spec"]["enableServiceLinks"] is False, name_of(owner)
    accounts = [manifest for manifest in objects if manifest["kind"] == "ServiceAccount"]
    assert {account["metadata"]["name"]: account["automountServiceAccountToken"] for account in accounts} == {
        "controller": False,
        "make-secrets": False,
    }


def test_both_namespaces_enforce_the_restricted_profile(objects: list[Manifest]) -> None:
    namespaces = {
        manifest["metadata"]["name"]: manifest["metadata"]["labels"]
        for manifest in objects
        if manifest["kind"] == "Namespace"
    }
    assert set(namespaces) == {PLATFORM, JOBS}
    for name, role in ((PLATFORM, "platform"), (JOBS, "jobs")):
        assert namespaces[name]["kafka-ml/role"] == role
        for mode in ("enforce", "audit", "warn"):
            assert namespaces[name][f"pod-security.kubernetes.io/{mode}"] == "restricted"


def test_everything_wears_the_labels(objects: list[Manifest]) -> None:
    for manifest in objects:
        common = {"app.kubernetes.io/part-of": "kafka-ml", "app.kubernetes.io/managed-by": "kustomize"}
        wearers = [manifest, *([pod_template(manifest)] if pod_template(manifest) else [])]
        if manifest["kind"] == "ConfigMap":
            # A generated ConfigMap is named for its content, and nothing selects it.
            assert common.items() <= manifest["metadata"]["labels"].items(), name_of(manifest)
            continue
        for wearer in wearers:
            assert wearer is not None
            labels = wearer["metadata"]["labels"]
            assert common.items() <= labels.items(), name_of(manifest)
            assert "app.kubernetes.io/name" in labels, name_of(manifest)
            if len(wearers) == 2:
                assert "app.kubernetes.io/component" in labels, name_of(manifest)


def test_images_are_ours_and_pinned(objects: list[Manifest]) -> None:
    found = {container["image"] for _, pod in workloads(objects) for container in containers(pod)}
    assert found - {KAFKA_IMAGE} == IMAGES
    assert (KAFKA_IMAGE in found) == any(manifest["kind"] == "StatefulSet" for manifest in objects)
    for _, pod in workloads(objects):
        assert {container["imagePullPolicy"] for container in containers(pod)} == {"IfNotPresent"}


def test_the_broker_is_of_the_version_that_tests_run() -> None:
    assert f"docker.io/apache/kafka:{KAFKA_VERSION}" == KAFKA_IMAGE


def test_images_listen_where_the_manifests_say() -> None:
    text = (K8S.parent / "Dockerfile").read_text()
    stages = re.split(r"^FROM .* AS (\w+)$", text, flags=re.MULTILINE)
    exposed = {
        name: int(found[1])
        for name, stage in zip(stages[1::2], stages[2::2], strict=True)
        if (found := re.search(r"^EXPOSE (\d+)$", stage, re.MULTILINE))
    }
    listening = {
        container["image"].partition("/")[2].partition(":")[0]: container["ports"][0]["containerPort"]
        for _, pod in workloads(render(K8S / "base"))
        for container in containers(pod)
        if "ports" in container
    }
    assert listening == exposed == {"backend": 8000, "frontend": 8080, **EXECUTORS}


def test_selectors_find_their_pods(objects: list[Manifest]) -> None:
    pods = [(owner["metadata"]["namespace"], pod) for owner, pod in workloads(objects)]
    for manifest in objects:
        selector = {
            "Deployment": lambda spec: spec["selector"]["matchLabels"],
            "StatefulSet": lambda spec: spec["selector"]["matchLabels"],
            "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
            "Service": lambda spec: spec["selector"],
        }.get(manifest["kind"])
        if selector is None:
            continue
        wanted = selector(manifest["spec"]).items()
        found = [
            pod
            for namespace, pod in pods
            if namespace == manifest["metadata"]["namespace"] and wanted <= pod["metadata"]["labels"].items()
        ]
        assert len(found) == 1, f"{name_of(manifest)} selects {len(found)} kinds of pods"
        if manifest["kind"] == "Service":
            named = {
                port["name"] for container in found[0]["spec"]["containers"] for port in container.get("ports") or ()
            }
            for port in manifest["spec"]["ports"]:
                # The port for a forward has no name in the pod.
                assert port["targetPort"] in named or port["name"] == "forward", name_of(manifest)


def test_services_are_where_the_settings_say(objects: list[Manifest]) -> None:
    ports = {
        manifest["metadata"]["name"]: [port["port"] for port in manifest["spec"]["ports"]]
        for manifest in objects
        if manifest["kind"] == "Service"
    }
    kafka = {name: ports.pop(name) for name in ("kafka", "kafka-external") if name in ports}
    assert ports == {"backend": [8000], "frontend": [80], **{name: [port] for name, port in EXECUTORS.items()}}
    assert kafka.get("kafka", [9092, 9094]) == [9092, 9094]
    assert kafka.get("kafka-external", [9095]) == [9095]


def test_no_budget_keeps_a_node_from_being_drained(objects: list[Manifest]) -> None:
    budgets = {
        manifest["metadata"]["name"]: manifest["spec"]
        for manifest in objects
        if manifest["kind"] == "PodDisruptionBudget"
    }
    assert set(budgets) == {"frontend", *EXECUTORS}
    for spec in budgets.values():
        assert spec["maxUnavailable"] == 1
        assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def _references(obj: Manifest) -> Iterator[tuple[str, str]]:
    """Yield what an object refers to by kind and name in its own namespace."""
    template = pod_template(obj)
    if template is not None:
        spec = template["spec"]
        if "serviceAccountName" in spec:
            yield "ServiceAccount", spec["serviceAccountName"]
        for volume in spec.get("volumes") or ():
            if "configMap" in volume:
                yield "ConfigMap", volume["configMap"]["name"]
            if "secret" in volume:
                yield "Secret", volume["secret"]["secretName"]
            if "persistentVolumeClaim" in volume:
                yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
        for container in containers(template):
            for source in container.get("envFrom") or ():
                yield "ConfigMap", source["configMapRef"]["name"]
            for variable in container.get("env") or ():
                if "secretKeyRef" in variable.get("valueFrom", {}):
                    yield "Secret", variable["valueFrom"]["secretKeyRef"]["name"]
    if obj["kind"] == "StatefulSet":
        yield "Service", obj["spec"]["serviceName"]
    if obj["kind"] == "RoleBinding":
        yield "Role", obj["roleRef"]["name"]
    if obj["kind"] == "Ingress":
        for rule in obj["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                yield "Service", path["backend"]["service"]["name"]


def test_every_reference_leads_somewhere(objects: list[Manifest]) -> None:
    there = {
        (manifest["kind"], manifest["metadata"].get("namespace"), manifest["metadata"]["name"]) for manifest in objects
    }
    assert len(there) == len(objects)
    for manifest in objects:
        for kind, name in _references(manifest):
            known = name in SECRETS if kind == "Secret" else (kind, manifest["metadata"]["namespace"], name) in there
            assert known, f"{name_of(manifest)} wants {kind} {name}, which nobody makes"
        for subject in manifest.get("subjects") or ():
            assert (subject["kind"], subject["namespace"], subject["name"]) in there, name_of(manifest)


def test_every_mount_has_its_volume(objects: list[Manifest]) -> None:
    for owner, pod in workloads(objects):
        volumes = {volume["name"] for volume in pod["spec"].get("volumes") or ()}
        volumes |= {claim["metadata"]["name"] for claim in owner["spec"].get("volumeClaimTemplates") or ()}
        mounted = {mount["name"] for container in containers(pod) for mount in container["volumeMounts"]}
        assert mounted == volumes, name_of(owner)
        for volume in pod["spec"].get("volumes") or ():
            # Without a bound one pod could fill its node's disk.
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""}), name_of(owner)
        for container in containers(pod):
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}, name_of(owner)


def test_every_server_is_probed(objects: list[Manifest]) -> None:
    missing = set()
    for owner, pod in workloads(objects):
        if owner["kind"] == "Job":
            continue
        for container in pod["spec"]["containers"]:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe not in container:
                    missing.add((container["name"], probe))
            # A start may take minutes on a busy node. A probe that kills earlier would do so forever.
            startup = container["startupProbe"]
            assert startup["periodSeconds"] * startup["failureThreshold"] >= 60, container["name"]
            assert startup["periodSeconds"] <= 3, container["name"]
    # The controller needs no readiness probe, because requests go to the container next to it.
    assert missing == {("controller", "readinessProbe")}


def test_probes_of_the_backend_name_a_host_that_it_serves(objects: list[Manifest]) -> None:
    web = next(
        container for container in containers(_template(objects, "Deployment", "backend")) if container["name"] == "web"
    )
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert web[probe]["httpGet"]["httpHeaders"] == [{"name": "Host", "value": "localhost"}]
    assert web["readinessProbe"]["httpGet"]["path"] == "/api/health/ready/"
    assert web["livenessProbe"]["httpGet"]["path"] == "/api/health/live/"


def _template(objects: Sequence[Manifest], kind: str, name: str) -> Mapping[str, Any]:
    template = pod_template(find(objects, kind, name))
    assert template is not None
    return template


def test_the_controller_may_do_what_the_launcher_does_and_no_more(objects: list[Manifest]) -> None:
    roles = {
        (manifest["metadata"]["namespace"], manifest["metadata"]["name"]): manifest
        for manifest in objects
        if manifest["kind"] == "Role"
    }
    assert set(roles) == {(JOBS, "controller"), (PLATFORM, "make-secrets")}
    granted = {
        f"{group}/{resource}".lstrip("/"): sorted(rule["verbs"])
        for rule in roles[JOBS, "controller"]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == {
        "batch/jobs": ["create", "delete", "get", "list", "watch"],
        "apps/statefulsets": ["create", "delete", "get", "list", "patch", "watch"],
        "pods": ["delete", "list", "watch"],
        "pods/log": ["get"],
        "events": ["list", "watch"],
        "secrets": ["create", "delete", "patch"],
        "policy/poddisruptionbudgets": ["create", "delete", "patch"],
        "keda.sh/scaledobjects": ["create", "delete", "patch"],
    }
    needed = {(f"{right.group}/{right.resource}".lstrip("/"), right.verb) for right in rights(keda=True)}
    # Dependents normally go with their owner. The launcher may also delete them, in case someone asked the cluster to
    # keep them.
    tidying = {("secrets", "delete"), ("policy/poddisruptionbudgets", "delete")}
    assert {(resource, verb) for resource, verbs in granted.items() for verb in verbs} == needed | tidying
    assert roles[PLATFORM, "make-secrets"]["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
    ]


def test_nothing_is_asked_of_the_whole_cluster(objects: list[Manifest]) -> None:
    wide = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PersistentVolume", "StorageClass"}
    assert [name_of(manifest) for manifest in objects if manifest["kind"] in wide] == []
    assert {name_of(manifest) for manifest in objects if "namespace" not in manifest["metadata"]} == {
        f"Namespace /{PLATFORM}",
        f"Namespace /{JOBS}",
    }


def test_bindings_give_the_rights_to_the_platforms_accounts(objects: list[Manifest]) -> None:
    bindings = [manifest for manifest in objects if manifest["kind"] == "RoleBinding"]
    assert sorted(
        (binding["metadata"]["namespace"], binding["roleRef"]["name"], *_subject(binding)) for binding in bindings
    ) == [
        (PLATFORM, "make-secrets", PLATFORM, "make-secrets"),
        (JOBS, "controller", PLATFORM, "controller"),
    ]


def _subject(binding: Manifest) -> tuple[str, str]:
    (subject,) = binding["subjects"]
    return subject["namespace"], subject["name"]


def test_the_namespaces_names_are_nowhere_but_in_namespace_fields(objects: list[Manifest]) -> None:
    """Another name of the installation replaces only these fields."""
    spoken = re.compile(rf"{JOBS}|\b{PLATFORM}\.(svc|pod)|@{PLATFORM}\b|serviceaccount:{PLATFORM}")
    for manifest in objects:
        bare = {**manifest, "metadata": {**manifest["metadata"], "namespace": ""}}
        if manifest["kind"] == "Namespace":
            bare["metadata"]["name"] = ""
        if manifest["kind"] == "RoleBinding":
            bare["subjects"] = [{**subject, "namespace": ""} for subject in manifest["subjects"]]
        text = yaml.safe_dump(bare)
        assert spoken.search(text) is None, name_of(manifest)
        assert not re.search(rf"namespace: {PLATFORM}", text), name_of(manifest)


def test_variables_are_used_after_they_are_made(objects: list[Manifest]) -> None:
    """``$(NAME)`` stays unresolved when NAME comes later in the list or from a ConfigMap."""
    for owner, pod in workloads(objects):
        for container in containers(pod):
            made: set[str] = set()
            for variable in container.get("env") or ():
                used = set(re.findall(r"\$\((\w+)\)", variable.get("value", "")))
                assert used <= made, f"{name_of(owner)}, {container['name']}: {variable['name']}"
                made.add(variable["name"])
            assert len(made) == len(container.get("env") or ())


def test_one_writer_of_the_state(objects: list[Manifest]) -> None:
    backend = find(objects, "Deployment", "backend")["spec"]
    assert (backend["replicas"], backend["strategy"]["type"]) == (1, "Recreate")
    assert find(objects, "Deployment", "kafka-control-logger")["spec"]["strategy"]["type"] == "Recreate"
    for container in containers(backend["template"]):
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts["state"] == "/var/lib/kafka-ml"


def test_the_sessions_key_is_the_backends_alone(objects: list[Manifest]) -> None:
    keys = {}
    for owner, pod in workloads(objects):
        for volume in pod["spec"].get("volumes") or ():
            if volume.get("secret", {}).get("secretName") == "platform-secrets":
                assert volume["secret"]["defaultMode"] == 0o440
                items = volume["secret"].get("items")
                keys[owner["metadata"]["name"]] = [item["key"] for item in items] if items else "all"
    assert keys == {
        "backend": "all",
        **{name: ["service-token"] for name in EXECUTORS},
        "kafka-control-logger": ["service-token"],
    }


def test_the_job_that_makes_secrets_goes_so_that_a_later_version_can_be_applied(objects: list[Manifest]) -> None:
    assert find(objects, "Job", "make-secrets")["spec"]["ttlSecondsAfterFinished"] == 60


def test_overlays_differ_in_their_kafka() -> None:
    local, external = (render(K8S / "overlays" / name) for name in ("local", "external-kafka"))

    def difference(a: Sequence[Manifest], b: Sequence[Manifest]) -> set[str]:
        def names(objects: Sequence[Manifest]) -> set[str]:
            # Names lose the hash that generation adds.
            return {re.sub(r"-[a-z0-9]{10}$", "", name_of(manifest)) for manifest in objects}

        return names(a) - names(b)

    assert difference(local, external) == {
        f"Service {PLATFORM}/kafka",
        f"StatefulSet {PLATFORM}/kafka",
        f"ConfigMap {PLATFORM}/kafka",
        f"NetworkPolicy {PLATFORM}/kafka",
    }
    assert difference(external, local) == set()
    assert difference(local, render(K8S / "base")) == {
        f"Service {PLATFORM}/kafka",
        f"StatefulSet {PLATFORM}/kafka",
        f"ConfigMap {PLATFORM}/kafka",
        f"NetworkPolicy {PLATFORM}/kafka",
        f"NetworkPolicy {PLATFORM}/kafka-clients",
        f"NetworkPolicy {JOBS}/kafka-clients",
    }


def test_the_gpu_overlay_is_the_local_one_with_three_settings() -> None:
    local, gpu = (render(K8S / "overlays" / name) for name in ("local", "gpu"))
    before, after = platform_settings(local), platform_settings(gpu)
    assert dict(after.items() - before.items()) == {
        "KML_KUBERNETES_IMAGE": "kafka-ml/{component}:0.1.0-gpu",
        "KML_KUBERNETES_GPU_RESOURCE": "nvidia.com/gpu",
        "KML_KUBERNETES_TOLERATIONS": '[{"key":"nvidia.com/gpu","operator":"Exists","effect":"NoSchedule"}]',
    }
    assert set(before) <= set(after)
    old, new = (find(manifests, "ConfigMap", "platform")["metadata"]["name"] for manifests in (local, gpu))
    assert old != new
    assert yaml.safe_dump(local).replace(old, new).count(new) == yaml.safe_dump(gpu).count(new)
    assert [manifest for manifest in gpu if manifest["kind"] != "ConfigMap"] == [
        yaml.safe_load(yaml.safe_dump(manifest).replace(old, new))
        for manifest in local
        if manifest["kind"] != "ConfigMap"
    ]


def test_kafka_keeps_its_data_in_a_folder_of_its_volume() -> None:
    objects = render(K8S / "overlays" / "local")
    properties = dict(
        line.split("=", 1)
        for line in find(objects, "ConfigMap", "kafka")["data"]["server.properties"].splitlines()
        if line and not line.startswith("#")
    )
    (claim,) = find(objects, "StatefulSet", "kafka")["spec"]["volumeClaimTemplates"]
    (broker,) = containers(_template(objects, "StatefulSet", "kafka"))
    (mount,) = (mounted for mounted in broker["volumeMounts"] if mounted["name"] == claim["metadata"]["name"])
    assert (mount["mountPath"], properties["log.dirs"]) == ("/var/lib/kafka", "/var/lib/kafka/data")
    assert "controller.quorum.voters" not in properties
    # With a single node, topics that want three copies by default could never be written.
    for name in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        assert properties[f"{name}.replication.factor"] == "1"
    assert properties["transaction.state.log.min.isr"] == "1"


def test_the_monitors_find_every_pod_that_tells_metrics_by_the_name_of_its_port(tmp_path: Path) -> None:
    objects = render_with(tmp_path, "local", ["monitoring"])
    reported = platform_settings(objects)["KML_METRICS_ADDRESS"]
    spec = WorkSpec(
        name="kml-train-1-a1",
        module="model_training",
        env={"KML_JOB_FRAMEWORK": "pytorch"},
        token="t" * 20,
        restart=RestartPolicy.NEVER,
    )
    worker = build_work(spec, KubernetesSettings(), {"KML_METRICS_ADDRESS": reported}).owner
    found = {}
    for monitor in (manifest for manifest in objects if manifest["kind"] == "PodMonitor"):
        ((endpoint,), selector) = monitor["spec"]["podMetricsEndpoints"], monitor["spec"]["selector"]
        for owner, pod in workloads([*objects, worker]):
            if owner["metadata"]["namespace"] != monitor["metadata"]["namespace"] or not matches_labels(
                selector, pod["metadata"]["labels"]
            ):
                continue
            ports = [port for container in pod["spec"]["containers"] for port in container.get("ports") or ()]
            (number,) = [port["containerPort"] for port in ports if port["name"] == endpoint["port"]]
            found[owner["metadata"]["name"]] = (number, endpoint["path"])
    names = ("backend", *EXECUTORS, "kafka-control-logger", "kml-train-1-a1")
    assert found == dict.fromkeys(names, (int(reported.rpartition(":")[2]), "/metrics"))


def test_the_dashboard_is_where_grafanas_sidecar_looks(tmp_path: Path) -> None:
    objects = render_with(tmp_path, "local", ["monitoring"])
    (config_map,) = [manifest for manifest in objects if manifest["metadata"]["labels"].get("grafana_dashboard") == "1"]
    assert config_map["kind"] == "ConfigMap"
    assert json.loads(config_map["data"]["kafka-ml.json"])["uid"] == "kafka-ml"
