"""Fixtures: the platform in the cluster that KUBECONFIG names, installed by the script as users run it."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState

from tests.browser.chromium import chromium, signed_in
from tests.e2e.cluster import BROKER_PORT, WEB_PORT, ClusterPlatform, Forward, Kubectl

ROOT = Path(__file__).resolve().parents[2]
_INSTALL_SECONDS = 3600


def build_kafka_ml(*arguments: str) -> str:
    """Run the script as its user does; it must succeed. Returns its output.

    ``E2E_BUILD_OPTIONS`` holds the options for this machine: the engine, and how images reach the nodes.
    """
    options = shlex.split(os.environ.get("E2E_BUILD_OPTIONS", ""))
    began = time.monotonic()
    done = subprocess.run(
        [str(ROOT / "Build_Kafka_ML.sh"), *arguments, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
        cwd=ROOT,
    )
    print(done.stdout)
    print(f"Build_Kafka_ML.sh {' '.join(arguments)}: {time.monotonic() - began:.0f} s")
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """The cluster of the tests in this package."""
    if not os.environ.get("KUBECONFIG"):
        pytest.fail("KUBECONFIG names no cluster: `make cluster-e2e` brings one up; or name one of yours")
    return Kubectl()


@pytest.fixture(scope="session")
def installed(kubectl: Kubectl) -> str:
    """The output of the installation."""
    return build_kafka_ml("--install", "--yes")


@pytest.fixture(scope="session")
def platform(installed: str, kubectl: Kubectl) -> Iterator[ClusterPlatform]:
    """The installed platform, reached as README describes."""
    with Forward("frontend", WEB_PORT, 80), Forward("kafka", BROKER_PORT, BROKER_PORT):
        yield ClusterPlatform(kubectl)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser whose event loop is closed at the end of this package."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="package")
def cookies(browser: Browser, platform: ClusterPlatform) -> StorageState:
    """The browser state of the administrator after a one-time link."""
    with signed_in(browser, platform) as session:
        return session.context.storage_state()
