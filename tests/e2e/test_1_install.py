"""After the installation: pods are restricted and ready, a link signs in, a demo runs."""

from __future__ import annotations

import re
import sys

import httpx
import pytest

from tests.e2e.cluster import JOBS, NAMESPACE, ClusterPlatform, Kubectl
from tests.executors import EXECUTORS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_the_printed_link_signs_in(installed: str, platform: ClusterPlatform) -> None:
    links = re.findall(r"http://localhost:8080/login/\S+", installed)
    assert len(links) == 1, installed[-2000:]
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(links[0])
        assert page.status_code == 200
        assert browser.get(f"{platform.status.url}/api/session/").json()["user"]["role"] == "admin"
    assert httpx.get(links[0]).status_code >= 400


def test_all_is_ready_and_restricted(installed: str, kubectl: Kubectl) -> None:
    pods = [pod for pod in kubectl.get("pods")["items"] if pod["status"]["phase"] != "Succeeded"]
    components = {pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in pods}
    assert components == {"backend", "frontend", *EXECUTORS, "kafka-control-logger", "kafka"}
    for pod in pods:
        assert all(status["ready"] for status in pod["status"]["containerStatuses"]), pod["metadata"]["name"]
    for namespace in (NAMESPACE, JOBS):
        labels = kubectl.get("namespace", namespace)["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_user_code_is_isolated_in_pods(platform: ClusterPlatform) -> None:
    state = httpx.get(
        f"{platform.status.url}/api/system/", headers={"authorization": f"Bearer {platform.token}"}
    ).json()
    assert {name: executor["isolation"] for name, executor in state["executors"].items()} == {
        "tensorflow": "landlock",
        "pytorch": "landlock",
    }


def test_the_demo_learns_and_predicts(platform: ClusterPlatform) -> None:
    done = platform.run([sys.executable, "-m", "examples.digits"])
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    accuracies = [float(found) for found in re.findall(r"digits-(?:keras|pytorch)\s+(0\.\d{4})", done.stdout)]
    assert len(accuracies) == 2
    assert min(accuracies) > 0.93
