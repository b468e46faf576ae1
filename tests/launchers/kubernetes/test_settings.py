"""Settings of the cluster: those of the environment, and refusals before anything starts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from backend.launchers.kubernetes.settings import KubernetesSettings, Toleration, quantity_bytes


@pytest.fixture(autouse=True)
def _no_cluster_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of a pod, because these tests may run in one."""
    for name in ("POD_NAMESPACE", "KUBE_HOST", "KUBE_TOKEN", "KUBE_TOKEN_FILE", "KUBE_CA_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_workers_run_next_to_the_platform() -> None:
    assert KubernetesSettings().namespace == "kafka-ml-jobs"


def test_the_namespace_follows_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAMESPACE", "research")
    assert KubernetesSettings().namespace == "research-jobs"
    monkeypatch.setenv("KML_KUBERNETES_NAMESPACE", "elsewhere")
    assert KubernetesSettings().namespace == "elsewhere"


def test_another_cluster_is_named_in_the_words_of_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBE_HOST", "https://10.0.0.1:6443/")
    monkeypatch.setenv("KUBE_TOKEN", "eyJ.secret")
    monkeypatch.setenv("KUBE_CA_FILE", "/etc/ca.pem")
    settings = KubernetesSettings()
    assert settings.host == "https://10.0.0.1:6443"
    assert settings.token.get_secret_value() == "eyJ.secret"
    assert settings.ca_file == "/etc/ca.pem"
    assert "eyJ.secret" not in repr(settings)
    monkeypatch.setenv("KML_KUBERNETES_HOST", "https://10.0.0.2:6443")
    assert KubernetesSettings().host == "https://10.0.0.2:6443"


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    # A ConfigMap has an empty text for each unset value.
    for name in ("TOLERATIONS", "NODE_SELECTOR", "KEDA", "HOST", "CPU_REQUEST"):
        monkeypatch.setenv(f"KML_KUBERNETES_{name}", "")
    monkeypatch.setenv("KUBE_HOST", "https://10.0.0.1:6443")
    settings = KubernetesSettings()
    assert settings.tolerations == ()
    assert settings.node_selector == {}
    assert settings.keda is False
    assert settings.host == "https://10.0.0.1:6443"
    assert settings.cpu_request == "250m"


def test_structured_settings_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KUBERNETES_NODE_SELECTOR", '{"disk": "ssd"}')
    monkeypatch.setenv(
        "KML_KUBERNETES_TOLERATIONS",
        '[{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}]',
    )
    monkeypatch.setenv("KML_KUBERNETES_IMAGE_PULL_SECRETS", " registry, mirror ,")
    settings = KubernetesSettings()
    assert settings.node_selector == {"disk": "ssd"}
    assert settings.tolerations == (Toleration(key="a", operator="Exists", effect="NoExecute", tolerationSeconds=60),)
    assert settings.pull_secrets == ("registry", "mirror")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HOST", "http://10.0.0.1:8080", "expected https://host:port"),
        ("NAMESPACE", "Kafka_ML", "expected a DNS label such as kafka-ml-jobs"),
        ("IMAGE", "kafka-ml/{name}:1", "expected e.g. host:5000/kafka-ml/{component}:1"),
        ("IMAGE", "kafka ml/{component}:1", "is not a pattern of images"),
        ("GPU_RESOURCE", "gpu", "expected one such as nvidia.com/gpu"),
        ("MEMORY_REQUEST", "1 GB", "expected one such as 512Mi, 2Gi or 0.5"),
        ("CPU_LIMIT", "all", "is not a quantity"),
        ("IMAGE_PULL_POLICY", "Sometimes", "IMAGE_PULL_POLICY|image_pull_policy"),
        ("TOLERATIONS", '[{"taint": "a"}]', "taint"),
        ("SCRATCH_BYTES", "10", "greater than or equal to 1048576"),
        ("NODE_LOST_SECONDS", "-1", "greater than or equal to 0"),
    ],
)
def test_refused_settings(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(f"KML_KUBERNETES_{name}", value)
    with pytest.raises(ValidationError) as refused:
        KubernetesSettings()
    assert any(phrase in str(refused.value) for phrase in said.split("|"))


def test_keda_needs_credentials_where_kafka_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KUBERNETES_KEDA", "true")
    monkeypatch.setenv("KML_KUBERNETES_KAFKA_SECRET", "kafka-credentials")
    with pytest.raises(ValidationError, match="KML_KUBERNETES_KEDA_AUTHENTICATION"):
        KubernetesSettings()
    monkeypatch.setenv("KML_KUBERNETES_KEDA_AUTHENTICATION", "kafka")
    assert KubernetesSettings().keda_authentication == "kafka"


def test_a_refusal_does_not_tell_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBE_TOKEN", "eyJ.secret")
    monkeypatch.setenv("KML_KUBERNETES_KEDA", "true")
    monkeypatch.setenv("KML_KUBERNETES_KAFKA_SECRET", "kafka-credentials")
    with pytest.raises(ValidationError) as refused:
        KubernetesSettings()
    assert "eyJ.secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("quantity", "size"),
    [("0", 0), ("128974848", 128974848), ("1.5Gi", 1610612736), ("512Mi", 536870912), ("1G", 1000000000), ("500m", 0)],
)
def test_quantities(quantity: str, size: int) -> None:
    assert quantity_bytes(quantity) == size
