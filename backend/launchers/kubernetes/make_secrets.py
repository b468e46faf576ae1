"""python -m backend.launchers.kubernetes.make_secrets: make the platform's keys, once, inside the cluster.

Run by a Job at installation whose service account may create Secrets and nothing else, so that no key is ever in a
manifest or on a user's disk. An existing Secret is left unchanged.
"""

from __future__ import annotations

import base64
import secrets
import sys
import time
from collections.abc import Callable

from backend.launchers.kubernetes.api import AlreadyThere, ClusterApi, KubernetesApi, Manifest, TooMany, Unreachable
from backend.launchers.kubernetes.manifests import SECRET
from backend.launchers.kubernetes.settings import KubernetesSettings
from kafkaml.errors import KafkaMLError
from kafkaml.logs import configure_logs, get_logger

__all__ = ["make_secrets"]

logger = get_logger(__name__)

_NAME = "platform-secrets"
_KEYS = ("django-secret", "service-token")
_KEY_BYTES = 48
# A fresh cluster's API answers within seconds; the Job is tried again after that.
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 2.0


def make_secrets(
    api: ClusterApi,
    *,
    patience_seconds: float = _PATIENCE_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Make the Secret unless it exists; return whether it was made now. Raises ClusterError when time runs out."""
    manifest = _manifest()
    deadline = clock() + patience_seconds
    while True:
        try:
            api.create(SECRET, manifest)
        except AlreadyThere:
            # The Secret also exists if our own request took effect and only its answer was lost.
            return False
        except (Unreachable, TooMany) as error:
            if clock() >= deadline:
                raise
            logger.info("the cluster does not answer yet", error=str(error), seconds=_PAUSE_SECONDS)
            sleep(max(_PAUSE_SECONDS, error.retry_after_seconds if isinstance(error, TooMany) else 0.0))
        else:
            return True


def _manifest() -> Manifest:
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {
            "name": _NAME,
            "labels": {
                "app.kubernetes.io/name": _NAME,
                "app.kubernetes.io/part-of": "kafka-ml",
                "app.kubernetes.io/managed-by": "kafka-ml-make-secrets",
                "app.kubernetes.io/component": "secrets",
            },
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(secrets.token_urlsafe(_KEY_BYTES).encode()).decode() for key in _KEYS},
    }


def _main() -> int:
    configure_logs("make-secrets")
    try:
        settings = KubernetesSettings()
        made = make_secrets(KubernetesApi(settings, namespace=settings.platform_namespace))
    except KafkaMLError as error:
        logger.error("the platform's keys could not be made", error=error.message, hint=error.hint)
        return 1
    logger.info("the platform's keys are made" if made else "the platform's keys are there already", name=_NAME)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
