"""Fixtures of the browser tests: one Chromium, one platform that holds what the demo makes, one signed-in session."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, StorageState

from tests.browser.chromium import Session, chromium, signed_in
from tests.browser.pages import READINGS, Demo
from tests.machines import send_readings
from tests.platform import Platform, stopping_inferences


# Playwright's event loop runs in this thread until the browser is closed. Event loops and databases of other tests
# refuse to work in such a thread, so the browser lasts only for this package.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser for the tests of this package."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="package")
def populated(platform: Platform) -> Iterator[Platform]:
    """A platform with real models of both frameworks, trained from a real stream and serving."""
    with stopping_inferences(platform):
        populate(platform)
        yield platform


@pytest.fixture(scope="package")
def demo(populated: Platform) -> Demo:
    """The objects that the demo made on the platform."""
    return Demo.on(populated.client)


def populate(platform: Platform) -> None:
    """Run the demo on ``platform``, and make a data set of readings."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.digits"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "KML_STATE_DIR": str(platform.state.root)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    send_readings(platform.bootstrap_servers, READINGS, 300)
    contract = platform.client.topics.propose(READINGS).contract
    assert contract is not None
    platform.client.datasets.create(name=READINGS, topic=READINGS, contract=contract)


@pytest.fixture(scope="package")
def cookies(browser: Browser, platform: Platform) -> StorageState:
    """The browser state (cookies) of the owner after a one-time link."""
    with signed_in(browser, platform) as session:
        return session.context.storage_state()


@pytest.fixture
def session(browser: Browser, populated: Platform, cookies: StorageState) -> Iterator[Session]:
    """The owner's session. The test fails when a page complained."""
    with signed_in(browser, populated, storage_state=cookies) as session:
        yield session
        assert session.findings.lines == []
