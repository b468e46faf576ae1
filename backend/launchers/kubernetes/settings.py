"""KubernetesSettings: which cluster runs workers, and how its pods are to be. Read once by ``factory``."""

from __future__ import annotations

import re
from typing import Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["KubernetesSettings", "Toleration", "quantity_bytes"]

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|[kMGTPE]|[KMGTPE]i|)")
_MULTIPLES = {
    "": 1.0,
    "m": 1e-3,
    **{letter: 1000.0**power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
}
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_RESOURCE_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def quantity_bytes(quantity: str) -> int:
    """Return what a quantity of Kubernetes such as ``1.5Gi`` comes to; raises ValueError for anything else."""
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is not a quantity of Kubernetes: expected one such as 512Mi, 2Gi or 0.5")
    return int(float(match[1]) * _MULTIPLES[match[2]])


class Toleration(BaseModel):
    """A taint of nodes that workers tolerate, in the words of Kubernetes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = ""
    operator: str = Field("Equal", pattern="^(Equal|Exists)$")
    value: str = ""
    effect: str = Field("", pattern="^(|NoSchedule|PreferNoSchedule|NoExecute)$")
    tolerationSeconds: int | None = Field(None, ge=0)  # noqa: N815 - the name in Kubernetes


class KubernetesSettings(BaseSettings):
    """The cluster that runs workers (prefix ``KML_KUBERNETES_``); without ``host``, the controller's own cluster."""

    model_config = SettingsConfigDict(
        env_prefix="KML_KUBERNETES_",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        populate_by_name=True,
        # A refused token must not appear in the error message.
        hide_input_in_errors=True,
    )

    platform_namespace: str = Field(
        "kafka-ml", validation_alias="POD_NAMESPACE", description="where the platform itself runs"
    )
    namespace: str = Field(
        "", validate_default=True, description="where workers run; empty: the platform's own with `-jobs` behind it"
    )
    host: str = Field(
        "",
        validation_alias=AliasChoices("KML_KUBERNETES_HOST", "KUBE_HOST"),
        description="https address of another cluster's API; empty: the cluster that this runs in",
    )
    token: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("KML_KUBERNETES_TOKEN", "KUBE_TOKEN"),
        description="of a service account of that cluster; a file is better",
    )
    token_file: str = Field(
        "",
        validation_alias=AliasChoices("KML_KUBERNETES_TOKEN_FILE", "KUBE_TOKEN_FILE"),
        description="file that holds the token, read again when it changes",
    )
    ca_file: str = Field(
        "",
        validation_alias=AliasChoices("KML_KUBERNETES_CA_FILE", "KUBE_CA_FILE"),
        description="PEM file of the authority that signed the API's certificate; empty: the system's",
    )
    image: str = Field(
        "kafka-ml/{component}:0.1.0", description="of workers; {component} is e.g. model_training_pytorch"
    )
    image_pull_policy: str = Field("IfNotPresent", pattern="^(Always|IfNotPresent|Never)$")
    image_pull_secrets: str = Field("", description="comma-separated names of Secrets in the workers' namespace")
    node_selector: dict[str, str] = Field(default_factory=dict, description='JSON, e.g. {"disk": "ssd"}')
    tolerations: tuple[Toleration, ...] = Field(
        (), description='JSON, e.g. [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]'
    )
    runtime_class: str = Field("", description="e.g. nvidia or gvisor")
    priority_class: str = ""
    kueue_queue: str = Field("", description="Kueue's LocalQueue that trainings wait in; empty: they start at once")
    gpu_resource: str = Field(
        "nvidia.com/gpu", description="what a GPU is called, e.g. nvidia.com/mig-1g.10gb or aliyun.com/gpu-mem"
    )
    cpu_request: str = Field("250m", description="processor time that each worker is sure of")
    cpu_limit: str = Field("", description="empty: what the node has free")
    memory_request: str = Field("1Gi", description="memory that each worker is sure of; at most its limit")
    memory_limit: str = Field("", description="of workers whose model process has no limit of its own; empty: none")
    memory_overhead_bytes: int = Field(
        1 << 30, ge=0, description="on top of the model process's limit, for runner and framework"
    )
    scratch_bytes: int = Field(10 << 30, ge=1 << 20, description="disk space of a worker: data, models, /tmp")
    kafka_secret: str = Field(
        "",
        description="Secret in the workers' namespace with Kafka's `password`, `ca.crt`, `tls.crt`, `tls.key`, and a "
        "Schema Registry's `registry-password`, `registry-ca.crt`",
    )
    keda: bool = Field(False, description="KEDA is installed: inferences may be scaled on their consumer lag")
    keda_authentication: str = Field(
        "", description="TriggerAuthentication in the workers' namespace with Kafka's `username`, `password`, `ca`, ..."
    )
    request_timeout_seconds: float = Field(10.0, gt=0, description="of one request to the cluster's API")
    node_lost_seconds: int = Field(
        30, ge=0, description="until a replica on a silent node is replaced; a training waits for the cluster's own 300"
    )

    @field_validator("namespace")
    @classmethod
    def _default_namespace(cls, value: str, info: ValidationInfo) -> str:
        namespace = value or f"{info.data['platform_namespace']}-jobs"
        if not _DNS_LABEL.fullmatch(namespace):
            raise ValueError(f"{namespace!r} is not a name of a namespace: expected a DNS label such as kafka-ml-jobs")
        return namespace

    @field_validator("host")
    @classmethod
    def _only_https(cls, value: str) -> str:
        if value and not re.fullmatch(r"https://[^/\s]+(/\S*)?", value):
            raise ValueError(f"{value!r} is not an address of a cluster's API: expected https://host:port")
        return value.rstrip("/")

    @field_validator("image")
    @classmethod
    def _known_placeholder(cls, value: str) -> str:
        if re.search(r"[{}\s]", value.replace("{component}", "")):
            raise ValueError(f"{value!r} is not a pattern of images: expected e.g. host:5000/kafka-ml/{{component}}:1")
        return value

    @field_validator("gpu_resource")
    @classmethod
    def _resource_name(cls, value: str) -> str:
        if not _RESOURCE_NAME.fullmatch(value):
            raise ValueError(f"{value!r} is not a name of a resource: expected one such as nvidia.com/gpu")
        return value

    @field_validator("cpu_request", "cpu_limit", "memory_request", "memory_limit")
    @classmethod
    def _quantity(cls, value: str) -> str:
        if value:
            quantity_bytes(value)
        return value

    @model_validator(mode="after")
    def _keda_can_read_the_lag(self) -> Self:
        if self.keda and self.kafka_secret and not self.keda_authentication:
            raise ValueError(
                "KML_KUBERNETES_KEDA is on and Kafka wants credentials (KML_KUBERNETES_KAFKA_SECRET), which KEDA does"
                " not have: name a TriggerAuthentication in KML_KUBERNETES_KEDA_AUTHENTICATION"
            )
        return self

    @property
    def pull_secrets(self) -> tuple[str, ...]:
        """The names in ``image_pull_secrets``."""
        return tuple(name for part in self.image_pull_secrets.split(",") if (name := part.strip()))
