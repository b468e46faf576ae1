"""Every variable that the manifests set is a setting of its receiver, with a valid value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from backend.config.environment import BackendSettings
from backend.launchers.factory import LauncherSettings
from backend.launchers.kubernetes.settings import KubernetesSettings
from kafka_control_logger.__main__ import ControlLoggerSettings
from kafkaml.codecs.schema_registry import SchemaRegistrySettings
from kafkaml.logs import LogSettings
from kafkaml.settings import KafkaSettings, MetricsSettings, TracingSettings
from kafkaml.wire.framework import Framework
from kafkaml.worker_settings import InferenceSettings, TrainingSettings, worker_environment
from mlcode_executor.__main__ import CheckSettings, PlatformSettings
from tests.executors import EXECUTOR_URLS, EXECUTORS
from tests.k8s.render import COMPONENTS, K8S, OVERLAYS, Manifest, find, platform_settings, render, render_with
from tests.restricted import containers, pod_template

WORKERS = (TrainingSettings, InferenceSettings, SchemaRegistrySettings)
COMMON = (LogSettings, MetricsSettings)
BACKEND = (BackendSettings, LauncherSettings, KubernetesSettings, KafkaSettings, TracingSettings, *COMMON, *WORKERS)
EXECUTOR = (CheckSettings, PlatformSettings, *COMMON)
# The settings classes that each container reads, in addition to the shared ConfigMap.
READ_BY: Mapping[str, tuple[type[BaseSettings], ...]] = {
    "set-up": BACKEND,
    "web": BACKEND,
    "controller": BACKEND,
    "make-secrets": (KubernetesSettings,),
    **dict.fromkeys(EXECUTORS, EXECUTOR),
    "kafka-control-logger": (ControlLoggerSettings, KafkaSettings, *COMMON),
    "frontend": (),
}
POD_NAMESPACE = "POD_NAMESPACE"


def variables(settings: type[BaseSettings]) -> Iterator[str]:
    """Yield the names of the variables that a class reads."""
    prefix = settings.model_config.get("env_prefix", "")
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(field.json_schema_extra, dict):
            yield from (str(variable) for variable in cast("list[str]", field.json_schema_extra["variables"]))
        elif isinstance(alias, AliasChoices):
            yield from (str(choice) for choice in alias.choices)
        else:
            yield str(alias) if alias else f"{prefix}{name}".upper()


def known(classes: Iterable[type[BaseSettings]]) -> set[str]:
    return {POD_NAMESPACE, *(name for class_ in classes for name in variables(class_))}


def by_pods(objects: list[Manifest]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every container of the platform except Kafka's, by name."""
    for manifest in objects:
        template = pod_template(manifest)
        if template is not None and manifest["metadata"]["name"] != "kafka":
            yield from ((container["name"], container) for container in containers(template))


@pytest.fixture(scope="module", params=["local", "gpu", "external-kafka", "components"])
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    if request.param == "components":
        return render_with(tmp_path_factory.mktemp("kustomization"), "local", COMPONENTS)
    return render(K8S / "overlays" / request.param)


def test_every_shared_variable_is_a_setting(objects: list[Manifest]) -> None:
    everybody = known(settings for classes in READ_BY.values() for settings in classes)
    # OpenTelemetry's own packages read the variables OTEL_*.
    shared = {name for name in platform_settings(objects) if not name.startswith("OTEL_")}
    assert shared - everybody == set()


def test_every_variable_of_a_container_is_a_setting_of_it(objects: list[Manifest]) -> None:
    for name, container in by_pods(objects):
        given = {variable["name"] for variable in container.get("env") or ()}
        assert given - known(READ_BY[name]) == set(), name
        assert bool(container.get("envFrom")) == (name not in ("frontend", "make-secrets"))


def environment(objects: list[Manifest], container: str) -> dict[str, str]:
    """Return the environment of a container's process in a namespace called ``place``; secrets become the word."""
    found = dict(by_pods(objects))[container]
    env = dict(platform_settings(objects))
    for variable in found.get("env") or ():
        value = variable.get("value", "place" if variable["name"] == POD_NAMESPACE else "secret")
        env[variable["name"]] = value.replace("$(POD_NAMESPACE)", "place")
    return env


@pytest.fixture
def apply(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_all(env: Mapping[str, str]) -> None:
        for name, value in env.items():
            monkeypatch.setenv(name, value)

    return set_all


def test_every_value_is_taken(objects: list[Manifest], apply: Any) -> None:
    for name in READ_BY:
        if name == "frontend":
            continue
        apply(environment(objects, name))
        for settings in READ_BY[name]:
            settings()


def test_addresses_hold_in_both_namespaces(apply: Any) -> None:
    objects = render(K8S / "overlays" / "local")
    apply(environment(objects, "controller"))
    settings = BackendSettings()
    assert KafkaSettings().bootstrap_servers == "kafka.place.svc:9092"
    assert settings.url_for_workers == "http://backend.place.svc:8000"
    assert KubernetesSettings().namespace == "place-jobs"
    assert settings.allowed_hosts.split(",") == ["localhost", "127.0.0.1", "[::1]", "backend", "backend.place.svc"]
    assert LauncherSettings().launcher == "kubernetes"
    assert str(settings.state_dir) == "/var/lib/kafka-ml"
    assert {framework: settings.executor_url(framework) for framework in Framework} == EXECUTOR_URLS


def test_the_logger_calls_the_backend_by_its_service(apply: Any) -> None:
    apply(environment(render(K8S / "overlays" / "local"), "kafka-control-logger"))
    settings = ControlLoggerSettings()
    assert settings.backend_url == "http://backend:8000"
    assert settings.control_instance == "kafka-control-logger"
    assert str(settings.token_file) == "/run/secrets/kafka-ml/service-token"


def test_a_kafka_elsewhere_is_reached_with_credentials_from_files(apply: Any) -> None:
    objects = render(K8S / "overlays" / "external-kafka")
    for container in ("controller", "web", "kafka-control-logger"):
        apply(environment(objects, container))
        kafka = KafkaSettings()
        assert (kafka.security_protocol, kafka.sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
        assert (kafka.sasl_username, kafka.sasl_password.get_secret_value()) == ("secret", "")
        mounts = {mount["mountPath"] for mount in dict(by_pods(objects))[container]["volumeMounts"]}
        assert {str(Path(path).parent) for path in (kafka.sasl_password_file, kafka.ssl_ca_location)} <= mounts
    assert KubernetesSettings().kafka_secret == "kafka-credentials"


def test_workers_on_gpus_tolerate_the_taint_of_their_nodes(apply: Any) -> None:
    apply(environment(render(K8S / "overlays" / "gpu"), "controller"))
    (toleration,) = KubernetesSettings().tolerations
    assert (toleration.key, toleration.operator, toleration.effect) == ("nvidia.com/gpu", "Exists", "NoSchedule")
    assert KubernetesSettings().image == "kafka-ml/{component}:0.1.0-gpu"


def test_components_set_what_they_are_for(tmp_path: Path, apply: Any) -> None:
    (tmp_path / "a").mkdir()
    apply(environment(render_with(tmp_path / "a", "local", ["ingress", "keda", "postgresql"]), "web"))
    settings = BackendSettings()
    assert (settings.backend_url, settings.https, settings.behind_proxy) == ("https://kafka-ml.example.com", True, True)
    assert settings.database_url.get_secret_value() == "secret"
    assert KubernetesSettings().keda is True
    (tmp_path / "c").mkdir()
    with_store = render_with(tmp_path / "c", "local", ["s3"])
    for container in ("web", "controller"):
        apply(environment(with_store, container))
        settings = BackendSettings()
        assert (settings.s3_bucket, settings.s3_endpoint_url, settings.s3_access_key_id) == ("secret",) * 3
        assert settings.s3_secret_access_key.get_secret_value() == "secret"
    (tmp_path / "d").mkdir()
    apply(environment(render_with(tmp_path / "d", "local", ["tracing"]), "controller"))
    handed_on = worker_environment(KafkaSettings())
    assert handed_on["KML_TRACING"] == "otlp"
    assert handed_on["OTEL_EXPORTER_OTLP_ENDPOINT"].endswith(":4318")
    (tmp_path / "b").mkdir()
    nodeport = render_with(tmp_path / "b", "local", ["nodeport"])
    spec = find(nodeport, "Service", "frontend")["spec"]
    assert (spec["type"], spec["ports"][0]["nodePort"]) == ("NodePort", 30080)


def test_executors_stay_within_their_container(objects: list[Manifest], apply: Any) -> None:
    for name in EXECUTORS:
        apply(environment(objects, name))
        checks = CheckSettings()
        (container,) = (pod for found, pod in by_pods(objects) if found == name)
        assert container["resources"]["limits"]["memory"] == "5Gi"
        # The most memory of two checks leaves a gigabyte for the framework itself.
        assert checks.workers * checks.memory_bytes + (1 << 30) <= 5 << 30


def test_all_overlays_are_tested() -> None:
    assert sorted(path.name for path in (K8S / "overlays").iterdir()) == sorted(OVERLAYS)
    assert sorted(path.name for path in (K8S / "components").iterdir()) == sorted(COMPONENTS)
