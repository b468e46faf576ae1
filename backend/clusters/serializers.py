"""Other clusters as JSON. Their tokens come in and never go out."""

from __future__ import annotations

import re
import ssl
from typing import Any
from urllib.parse import urlsplit

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from backend.api.addresses import AddressRefused
from backend.api.fields import BootstrapServersField
from backend.clusters.addresses import check_address
from backend.clusters.models import Cluster
from backend.clusters.token_files import has_token

__all__ = ["ClusterCheckSerializer", "ClusterNameSerializer", "ClusterSerializer", "ClusterWriteSerializer"]

_DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_MAX_CA_CHARS = 200_000
_MAX_TOKEN_CHARS = 16_384
# What a bearer token consists of (RFC 6750), so that none breaks out of its header.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=:-]+")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_RESOURCE = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_BACKEND_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*)?")


class ClusterNameSerializer(serializers.ModelSerializer[Cluster]):
    """A cluster to choose. With ``keda``, the lag can decide the number of replicas there."""

    class Meta:
        model = Cluster
        fields = ["id", "name", "keda"]


class ClusterSerializer(serializers.ModelSerializer[Cluster]):
    """A cluster, as admins see it. An empty address, image or resource means that of the platform's own cluster."""

    has_token = serializers.SerializerMethodField()
    inferences = serializers.IntegerField(
        source="inference_count", read_only=True, help_text="Number of inferences in the cluster."
    )

    class Meta:
        model = Cluster
        fields = [
            "id",
            "name",
            "host",
            "ca",
            "namespace",
            "kafka_bootstrap_servers",
            "backend_url",
            "image",
            "gpu_resource",
            "keda",
            "has_token",
            "inferences",
            "created_at",
            "updated_at",
        ]

    def get_has_token(self, cluster: Cluster) -> bool:
        return has_token(cluster.pk)


class ClusterWriteSerializer(serializers.Serializer[Any]):
    """A cluster to save. A change of ``host`` or ``ca`` needs the token again."""

    name = serializers.RegexField(
        rf"^{_DNS_LABEL}\Z",
        max_length=63,
        help_text="Lower-case letters, digits and hyphens.",
        validators=[UniqueValidator(Cluster.objects.all(), message="a cluster of this name exists")],
    )
    host = serializers.CharField(max_length=300, help_text="The https address of the cluster's API.")
    ca = serializers.CharField(
        max_length=_MAX_CA_CHARS,
        allow_blank=True,
        default="",
        help_text="Certificate of the authority that signed the API's certificate, as PEM. By default the system's "
        "authorities.",
    )
    namespace = serializers.RegexField(
        rf"^{_DNS_LABEL}\Z", max_length=63, help_text="Namespace in which inferences run."
    )
    kafka_bootstrap_servers = BootstrapServersField(
        allow_blank=True,
        default="",
        help_text="The platform's Kafka, as pods of the cluster reach it. By default the same address.",
    )
    backend_url = serializers.CharField(
        max_length=300,
        allow_blank=True,
        default="",
        help_text="Address of this platform for pods of the cluster. By default the same address.",
    )
    image = serializers.CharField(
        max_length=300,
        allow_blank=True,
        default="",
        help_text="Image of workers, such as registry:5000/kafka-ml/{component}:0.1.0. By default the platform's.",
    )
    gpu_resource = serializers.CharField(
        max_length=200,
        allow_blank=True,
        default="",
        help_text="Name of the GPU resource in the cluster. By default as in the platform's own.",
    )
    keda = serializers.BooleanField(
        default=False, help_text="Whether KEDA is installed, which scales replicas by the lag."
    )
    token = serializers.CharField(
        max_length=_MAX_TOKEN_CHARS,
        write_only=True,
        required=False,
        help_text="Token of a service account of the cluster. It can be replaced, but not read again.",
    )

    def validate_host(self, host: str) -> str:
        host = host.rstrip("/")
        try:
            check_address(host)
        except AddressRefused as error:
            raise serializers.ValidationError(f"{error.message}{f': {error.hint}' if error.hint else ''}") from error
        return host

    def validate_ca(self, ca: str) -> str:
        if not ca:
            return ""
        if "PRIVATE KEY" in ca:
            # A private key must not be stored here, because the API shows this field.
            raise serializers.ValidationError("there is a private key in it: expected certificates only")
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError, TypeError):
            raise serializers.ValidationError(
                "this is not PEM text of a certificate: expected -----BEGIN CERTIFICATE----- and so on"
            ) from None
        if not context.get_ca_certs():
            raise serializers.ValidationError("there is no certificate of an authority in it")
        return ca

    def validate_backend_url(self, url: str) -> str:
        if url and not _BACKEND_URL.fullmatch(url):
            raise serializers.ValidationError("expected an address such as https://kafka-ml.example.org")
        try:
            _ = urlsplit(url).port
        except ValueError:
            raise serializers.ValidationError("expected a port from 1 to 65535") from None
        return url.rstrip("/")

    def validate_image(self, image: str) -> str:
        if image and not _IMAGE.fullmatch(image.replace("{component}", "component")):
            raise serializers.ValidationError("expected e.g. registry:5000/kafka-ml/{component}:0.1.0")
        return image

    def validate_gpu_resource(self, name: str) -> str:
        if name and not _RESOURCE.fullmatch(name):
            raise serializers.ValidationError("expected a name of a resource such as nvidia.com/gpu")
        return name

    def validate_token(self, token: str) -> str:
        token = token.strip()
        if not _TOKEN.fullmatch(token):
            # The error message omits the token, which must not come back in an answer.
            raise serializers.ValidationError("a token has letters, digits and - . _ ~ + / = only")
        return token

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("token"):
            return attrs
        if self.instance is None:
            raise serializers.ValidationError({"token": "a token of a service account there is needed"})
        # Demand the token with a new address, because a user could otherwise have the stored token sent to their own
        # server.
        changed = [name for name in ("host", "ca") if name in attrs and attrs[name] != getattr(self.instance, name)]
        if changed:
            raise serializers.ValidationError({"token": f"with another {changed[0]} the token must be given again"})
        return attrs


class CheckStepSerializer(serializers.Serializer[Any]):
    """One thing that was checked. ``detail`` says what was found, and ``hint`` what to do."""

    name = serializers.CharField()
    ok = serializers.BooleanField()
    needed = serializers.BooleanField(help_text="False if inferences also run without it, with restrictions.")
    detail = serializers.CharField()
    hint = serializers.CharField()


class ClusterCheckSerializer(serializers.Serializer[Any]):
    """What works in a cluster, and what does not. ``seconds`` is how long the check took."""

    ok = serializers.BooleanField(help_text="Whether inferences can run in the cluster.")
    version = serializers.CharField(help_text="Version of Kubernetes. Empty if it did not answer.")
    seconds = serializers.FloatField()
    steps = CheckStepSerializer(many=True)
