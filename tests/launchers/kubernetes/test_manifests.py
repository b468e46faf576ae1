"""Runs as objects of a cluster: whole manifests word by word, and properties of every manifest.

The manifests are next to this file, in ``manifests/``, as ``kubectl get -o yaml`` would show them before a cluster has
seen them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.launchers.base import Autoscale, RestartPolicy, WorkSpec
from backend.launchers.kubernetes.manifests import SCALED_OBJECT, SPEC_HASH, WorkObjects, build_work, kinds
from backend.launchers.kubernetes.settings import KubernetesSettings, Toleration
from backend.launchers.names import RunKind, work_name
from kafkaml.errors import SettingsError
from kafkaml.wire.framework import Framework
from kafkaml.wire.job import InferenceJob, TrainingJob
from kafkaml.wire.limits import ResourceLimits
from tests.restricted import hardening_violations, pod_template, restricted_violations

MANIFESTS = Path(__file__).parent / "manifests"
# The newest version that kubernetes-validate knows and our clusters run.
VERSION = "1.36"
TOKEN = "kml_jt_9f8e7d6c5b4a"
BASE_ENV = {
    "KML_KAFKA_BOOTSTRAP_SERVERS": "kafka.kafka-ml.svc:9092",
    "KML_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
    "KML_STATE_DIR": "/var/lib/kafka-ml",
    "KML_ISOLATION": "auto",
    "KML_LOG_LEVEL": "INFO",
    "PATH": "/controller/bin",
}
SASL_ENV = {
    **BASE_ENV,
    "KML_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KML_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KML_KAFKA_SASL_USERNAME": "kafka-ml",
    "KML_KAFKA_SASL_PASSWORD": "do-not-tell",
    "KML_KAFKA_SSL_CA_LOCATION": "/etc/controller/ca.pem",
}


def training(number: int = 7, *, framework: Framework = Framework.TENSORFLOW, **changes: Any) -> WorkSpec:
    name = work_name(RunKind.TRAINING, number, 1)
    job = TrainingJob(
        name=name,
        attempt=1,
        framework=framework,
        backend_url="http://backend.kafka-ml.svc:8000",
        token_file="",
        state_dir="/controller/state",
        fork_server="/controller/state/run/fork-tensorflow.sock",
        result_id=number,
    )
    spec = WorkSpec(
        name=name,
        module="model_training",
        env=job.to_env(),
        token=TOKEN,
        restart=RestartPolicy.NEVER,
        labels={"kafka-ml/kind": "train", "kafka-ml/id": str(number)},
    )
    return replace(spec, **changes)


def inference(number: int = 3, *, framework: Framework = Framework.PYTORCH, **changes: Any) -> WorkSpec:
    name = work_name(RunKind.INFERENCE, number, 2)
    job = InferenceJob(
        name=name,
        attempt=2,
        framework=framework,
        backend_url="http://backend.kafka-ml.svc:8000",
        token_file="",
        state_dir="/controller/state",
        inference_id=number,
        replica=0,
    )
    spec = WorkSpec(
        name=name,
        module="model_inference",
        env=job.to_env(),
        token=TOKEN,
        restart=RestartPolicy.ALWAYS,
        labels={"kafka-ml/kind": "infer", "kafka-ml/id": str(number)},
    )
    return replace(spec, **changes)


@dataclass(frozen=True)
class Case:
    spec: WorkSpec
    settings: KubernetesSettings = field(default_factory=KubernetesSettings)
    base_env: Mapping[str, str] = field(default_factory=lambda: BASE_ENV)

    def build(self) -> WorkObjects:
        return build_work(self.spec, self.settings, self.base_env)


CASES = {
    "training": Case(training()),
    "training_on_a_queue_with_a_gpu": Case(
        training(
            8,
            framework=Framework.PYTORCH,
            gpu=2,
            limits=ResourceLimits(memory_bytes=16 << 30, wall_seconds=7200),
        ),
        KubernetesSettings(
            namespace="research-jobs",
            image="registry.example:5000/kafka-ml/{component}:0.1.0-gpu",
            image_pull_policy="Always",
            image_pull_secrets="registry, mirror",
            gpu_resource="nvidia.com/mig-1g.10gb",
            kueue_queue="team-a",
            node_selector={"kafka-ml/gpu": "yes"},
            tolerations=(Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule"),),
            cpu_request="2",
            cpu_limit="8",
            memory_request="8Gi",
            priority_class="batch",
            scratch_bytes=50 << 30,
        ),
    ),
    "inference": Case(inference(replicas=2)),
    "inference_scaled_on_its_lag": Case(
        inference(
            4,
            framework=Framework.TENSORFLOW,
            limits=ResourceLimits(memory_bytes=0),
            autoscale=Autoscale(topic="digits", group="kafka-ml-inference-4", max_replicas=6, lag_per_replica=500),
        ),
        KubernetesSettings(
            runtime_class="gvisor",
            kafka_secret="kafka-credentials",
            keda=True,
            keda_authentication="kafka",
            memory_limit="3Gi",
            node_lost_seconds=10,
            # Only trainings have a queue, because a replica waits in none.
            kueue_queue="team-a",
        ),
        SASL_ENV,
    ),
}


def objects(work: WorkObjects) -> list[dict[str, Any]]:
    return [work.owner, *work.dependents]


@pytest.mark.parametrize("name", CASES)
def test_manifests_are_literally_those_next_to_this_file(name: str) -> None:
    expected = list(yaml.safe_load_all((MANIFESTS / f"{name}.yaml").read_text(encoding="utf-8")))
    assert objects(CASES[name].build()) == expected


@pytest.mark.parametrize("name", CASES)
def test_the_api_of_kubernetes_knows_every_field(name: str) -> None:
    for manifest in objects(CASES[name].build()):
        # KEDA's kinds are missing in Kubernetes' schema.
        if manifest["kind"] != "ScaledObject":
            kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_the_hash_tells_another_spec_from_another_number_of_replicas() -> None:
    def digest(spec: WorkSpec) -> str:
        return str(Case(spec).build().owner["metadata"]["annotations"][SPEC_HASH])

    assert digest(inference(replicas=1)) == digest(inference(replicas=5))
    assert digest(inference(token="another")) == digest(inference())
    assert digest(inference(gpu=1)) != digest(inference())


def test_a_scaled_object_is_made_only_where_keda_is_in_use() -> None:
    spec = inference(autoscale=Autoscale(topic="digits", group="g", max_replicas=2))
    with_keda = build_work(spec, KubernetesSettings(keda=True), BASE_ENV)
    assert [dependent["kind"] for dependent in with_keda.dependents] == [
        "Secret",
        "PodDisruptionBudget",
        "ScaledObject",
    ]
    without = build_work(spec, KubernetesSettings(), BASE_ENV)
    assert [dependent["kind"] for dependent in without.dependents] == ["Secret", "PodDisruptionBudget"]


def test_the_lag_is_read_where_the_inference_reads() -> None:
    autoscale = Autoscale(topic="digits", group="g", max_replicas=2, bootstrap_servers="other:9092")
    work = build_work(inference(autoscale=autoscale), KubernetesSettings(keda=True), BASE_ENV)
    assert work.dependents[2]["spec"]["triggers"][0]["metadata"]["bootstrapServers"] == "other:9092"


def test_what_a_worker_asks_for_stays_below_its_limit() -> None:
    settings = KubernetesSettings(
        memory_request="4Gi", cpu_request="2", cpu_limit="500m", memory_overhead_bytes=512 << 20
    )
    work = build_work(training(limits=ResourceLimits(memory_bytes=1 << 30)), settings, BASE_ENV)
    resources = pod_of(work)["spec"]["containers"][0]["resources"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"] == "1536Mi"
    assert resources["limits"]["cpu"] == resources["requests"]["cpu"] == "500m"


def test_a_model_without_a_limit_of_memory_has_none_of_its_pod_either() -> None:
    work = build_work(training(limits=ResourceLimits(memory_bytes=0)), KubernetesSettings(), BASE_ENV)
    assert pod_of(work)["spec"]["containers"][0]["resources"] == {
        "requests": {"ephemeral-storage": "256Mi", "cpu": "250m", "memory": "1Gi"},
        "limits": {"ephemeral-storage": "10496Mi"},
    }


def test_a_scaler_of_an_earlier_launch_goes_where_no_lag_is_asked_for() -> None:
    autoscale = Autoscale(topic="digits", group="g", max_replicas=2)
    assert build_work(inference(), KubernetesSettings(keda=True), BASE_ENV).unwanted == (SCALED_OBJECT,)
    assert build_work(inference(autoscale=autoscale), KubernetesSettings(keda=True), BASE_ENV).unwanted == ()
    # Without KEDA the cluster does not know ScaledObjects, and a training never has one.
    assert build_work(inference(), KubernetesSettings(), BASE_ENV).unwanted == ()
    assert build_work(training(), KubernetesSettings(keda=True), BASE_ENV).unwanted == ()


def test_files_of_the_controller_are_refused_where_workers_would_not_have_them() -> None:
    with pytest.raises(SettingsError, match=r"KML_KAFKA_SASL_PASSWORD_FILE, KML_KAFKA_SSL_CA_LOCATION") as refused:
        build_work(training(), KubernetesSettings(), SASL_ENV)
    assert "KML_KUBERNETES_KAFKA_SECRET" in refused.value.hint
    assert "ca.crt" in refused.value.hint


def test_files_of_a_schema_registry_come_from_the_same_secret() -> None:
    files = {"PASSWORD_FILE": "registry-password", "CA_FILE": "registry-ca.crt"}
    env = BASE_ENV | {f"KML_SCHEMA_REGISTRY_{name}": "/on/the/controller" for name in files}
    work = build_work(training(), KubernetesSettings(kafka_secret="kafka-credentials"), env)
    got = {variable["name"]: variable.get("value") for variable in pod_of(work)["spec"]["containers"][0]["env"]}
    assert {name: got[f"KML_SCHEMA_REGISTRY_{name}"] for name in files} == {
        name: f"/run/secrets/kafka/{key}" for name, key in files.items()
    }


@pytest.mark.parametrize("name", ["", "Kml-train-7-a1", "kml_train_7_a1", "kml-train-7", "k" * 53])
def test_what_is_not_a_name_of_work_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a name of work"):
        build_work(training(name=name), KubernetesSettings(), BASE_ENV)


def test_work_without_a_framework_has_no_image() -> None:
    with pytest.raises(ValueError, match="KML_JOB_FRAMEWORK"):
        build_work(training(env={}), KubernetesSettings(), BASE_ENV)


def test_a_worker_reads_its_job_from_the_environment_it_gets() -> None:
    env = {variable["name"]: variable.get("value", "4") for variable in environment(CASES["inference"].build())}
    assert InferenceJob.from_env(env) == InferenceJob(
        name="kml-infer-3-a2",
        attempt=2,
        framework=Framework.PYTORCH,
        backend_url="http://backend.kafka-ml.svc:8000",
        token_file="/run/secrets/kafka-ml/token",
        state_dir="/var/lib/kafka-ml",
        fork_server="",
        inference_id=3,
        replica=4,
    )


# --- what holds for all --------------------------------------------------------------------------------------------

quantities = st.sampled_from(["", "100m", "2", "1Gi", "512Mi"])
label_values = st.from_regex(r"\A[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?\Z")
all_settings = st.builds(
    KubernetesSettings,
    namespace=st.sampled_from(["", "jobs"]),
    image_pull_secrets=st.sampled_from(["", "a", "a,b"]),
    node_selector=st.dictionaries(label_values, label_values, max_size=2),
    tolerations=st.sampled_from([(), (Toleration(operator="Exists"),)]),
    runtime_class=st.sampled_from(["", "nvidia"]),
    priority_class=st.sampled_from(["", "high"]),
    kueue_queue=st.sampled_from(["", "team-a"]),
    gpu_resource=st.sampled_from(["nvidia.com/gpu", "aliyun.com/gpu-mem"]),
    cpu_request=st.sampled_from(["", "100m", "2"]),
    cpu_limit=st.sampled_from(["", "500m", "4"]),
    memory_request=quantities,
    memory_limit=quantities,
    memory_overhead_bytes=st.integers(0, 4 << 30),
    scratch_bytes=st.integers(1 << 20, 1 << 40),
    kafka_secret=st.just("kafka-credentials"),
    keda=st.booleans(),
    keda_authentication=st.just("kafka"),
    node_lost_seconds=st.integers(0, 3600),
)
limits = st.builds(
    ResourceLimits, memory_bytes=st.integers(0, 1 << 40), wall_seconds=st.one_of(st.just(0), st.integers(1, 10**6))
)
numbers = st.integers(1, 10**18 - 1)
frameworks = st.sampled_from(Framework)
autoscales = st.one_of(
    st.none(), st.builds(Autoscale, topic=st.just("t"), group=st.just("g"), max_replicas=st.integers(1, 100))
)
specs = st.one_of(
    st.builds(training, numbers, framework=frameworks, limits=limits, gpu=st.integers(0, 8)),
    st.builds(
        inference,
        numbers,
        framework=frameworks,
        limits=limits,
        gpu=st.integers(0, 8),
        replicas=st.integers(1, 500),
        autoscale=autoscales,
    ),
)


@settings(deadline=None)
@given(specs, all_settings)
def test_every_pod_passes_the_restricted_profile(spec: WorkSpec, settings: KubernetesSettings) -> None:
    pod = pod_of(build_work(spec, settings, SASL_ENV))
    assert restricted_violations(pod) == []
    # Without a configured limit a worker may use all free resources of its node.
    unlimited = {"worker: resources.limits.cpu is missing", "worker: resources.limits.memory is missing"}
    unasked = {"worker: resources.requests.cpu is missing", "worker: resources.requests.memory is missing"}
    assert set(hardening_violations(pod)) <= unlimited | unasked


# Few examples, because each is checked against the whole schema of Kubernetes.
@settings(deadline=None, max_examples=25)
@given(specs, all_settings)
def test_every_object_is_one_that_the_api_knows(spec: WorkSpec, settings: KubernetesSettings) -> None:
    for manifest in objects(build_work(spec, settings, SASL_ENV)):
        if manifest["kind"] != "ScaledObject":
            kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_a_pod_with_limits_misses_nothing_of_what_we_ask_of_our_own() -> None:
    assert hardening_violations(pod_of(build_work(training(), KubernetesSettings(cpu_limit="4"), BASE_ENV))) == []


@settings(deadline=None)
@given(specs, all_settings)
def test_every_name_and_label_is_one_that_a_cluster_takes(spec: WorkSpec, settings: KubernetesSettings) -> None:
    work = build_work(spec, settings, SASL_ENV)
    for manifest in objects(work):
        assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", manifest["metadata"]["name"])
        assert manifest["metadata"]["name"] == spec.name
        assert manifest["metadata"]["namespace"] == settings.namespace
        assert (manifest["apiVersion"], manifest["kind"]) in {(kind.api_version, kind.kind) for kind in kinds()}
    for labels in all_labels(objects(work)):
        assert {"app.kubernetes.io/name", "app.kubernetes.io/part-of", "kafka-ml/work"} <= set(labels)
        for value in labels.values():
            assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", value)


@settings(deadline=None)
@given(specs, all_settings)
def test_no_credential_is_reported_but_in_the_secret(spec: WorkSpec, settings: KubernetesSettings) -> None:
    work = build_work(spec, settings, SASL_ENV)
    rest = json.dumps([manifest for manifest in objects(work) if manifest["kind"] != "Secret"])
    assert TOKEN not in rest
    assert base64.b64encode(TOKEN.encode()).decode() not in rest
    assert "do-not-tell" not in json.dumps(objects(work))


@settings(deadline=None)
@given(specs, all_settings)
def test_the_same_work_makes_the_same_objects(spec: WorkSpec, settings: KubernetesSettings) -> None:
    shuffled = dict(reversed(SASL_ENV.items()))
    assert build_work(spec, settings, SASL_ENV) == build_work(spec, settings, shuffled)


def pod_of(work: WorkObjects) -> Mapping[str, Any]:
    pod = pod_template(work.owner)
    assert pod is not None
    return pod


def environment(work: WorkObjects) -> list[dict[str, Any]]:
    env: list[dict[str, Any]] = pod_of(work)["spec"]["containers"][0]["env"]
    return env


def all_labels(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        if "labels" in value:
            yield value["labels"]
        for child in value.values():
            yield from all_labels(child)
    elif isinstance(value, list):
        for child in value:
            yield from all_labels(child)
