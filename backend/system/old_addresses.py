"""The REST addresses of Kafka-ML 1.x, at the server's root: a script that calls one gets the present one.

The web UI has pages at some of the same addresses, so browsers, which accept HTML, get those.
"""

from __future__ import annotations

import re

from django.http import HttpRequest

__all__ = ["is_for_a_page", "present_address"]

_NOUNS = "models|configurations|deployments|results|inferences"
# What an old path is now, first match first; {0} is the id in it. A method is given where the meaning depends on it.
_PRESENT: tuple[tuple[str, str, str], ...] = (
    ("", r"models/(?:distributed|fathers)", "/api/models/"),
    ("", r"models/result/(\d+)", "/api/results/{0}/"),
    ("GET", r"deployments/(\d+)", "/api/deployments/?configuration={0}"),
    ("", r"deployments/results/(\d+)", "/api/results/?deployment={0}"),
    ("", r"results/stop/(\d+)", "/api/results/{0}/stop/"),
    ("", r"results/model/(\d+)", "/api/results/{0}/artifacts/NAME/"),
    ("", r"results/confusion_matrix/(\d+)", "/api/results/{0}/confusion_matrix.png"),
    ("", r"results/inference/(?:\d+)", "/api/inferences/"),
    # Later versions handed models to devices, which fetch the file themselves now.
    ("", r"results/inference-iot/(\d+)", "/api/results/{0}/artifacts/NAME/"),
    ("", r"iot-devices(?:/.*)?", "/api/results/ID/artifacts/NAME/"),
    ("", r"(?:results/chart|results_metrics)/(\d+)", "/api/results/{0}/"),
    ("POST", r"inferences/(\d+)", "/api/inferences/{0}/stop/"),
    ("", r"datasources/kafka", "/api/streams/ID/send/"),
    ("", r"datasources", "/api/streams/"),
    ("", r"(?:distributedConfiguration|frameworksInConfiguration)/(\d+)", "/api/configurations/{0}/"),
    ("", r"ws", "/api/inferences/ID/predictions/"),
    ("", rf"({_NOUNS})/(\d+)", "/api/{0}/{1}/"),
    ("", rf"({_NOUNS})(?:/.*)?", "/api/{0}/"),
)


def present_address(method: str, path: str) -> str | None:
    """Return where the API has what Kafka-ML 1.0 had at ``path``; None for a path that it did not have."""
    wanted = path.strip("/")
    for only, pattern, address in _PRESENT:
        if only in ("", method) and (found := re.fullmatch(pattern, wanted)):
            return address.format(*found.groups())
    return None


def is_for_a_page(request: HttpRequest) -> bool:
    """Whether the request is from a browser, which names HTML among what it accepts; scripts do not."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", "")
