"""A topic of machine readings becomes a data set by clicking, and a model learns it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, StorageState, expect

from kafkaml.wire.state import RunState
from tests.browser.chromium import Session, signed_in
from tests.integration.test_platform_datasets import KERAS
from tests.machines import send_readings
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_LONG_MS = 300_000
_NAME = "ui-machines"


@pytest.fixture
def session(browser: Browser, platform: Platform, cookies: StorageState) -> Iterator[Session]:
    with signed_in(browser, platform, storage_state=cookies) as session:
        yield session
        assert session.findings.lines == []


def test_a_topic_is_learnt_by_clicking(session: Session, platform: Platform) -> None:
    send_readings(platform.bootstrap_servers, _NAME, 1200)
    page = session.open(f"/topics/{_NAME}")
    page.get_by_role("link", name="Use as data set").click()
    # A field without information is not proposed; the other fields are.
    page.get_by_role("checkbox", name="Use price").uncheck()
    expect(page.get_by_role("checkbox", name="Use status")).to_be_checked()
    expression = page.get_by_role("textbox", name="Expression of temperature")
    expression.fill("reading.temprature")
    expect(page.locator("mark")).to_have_text("reading.temprature")
    page.get_by_role("button", name="reading.temperature", exact=True).click()
    expect(expression).to_have_value("reading.temperature")
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_role("columnheader", name="temperature")).to_be_visible()
    expect(preview.get_by_role("list", name="Values of the label failure")).to_contain_text("false")
    shape = preview.get_by_text(re.compile("^float32, [0-9]+$")).inner_text()
    page.reload()
    # A draft in this browser keeps the changes.
    expect(page.get_by_role("checkbox", name="Use price")).not_to_be_checked()
    page.get_by_role("button", name="Create data set").click()
    expect(page.get_by_role("heading", name=_NAME, level=1, exact=True)).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("temperature.*reading.temperature"))).to_be_visible()

    client = platform.client
    code = KERAS.replace("WIDTH", shape.removeprefix("float32, "))
    model = client.models.create(name=_NAME, framework="tensorflow", code=code)
    client.configurations.create(name=_NAME, models=[model.id])
    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_role("combobox", name="Configuration").click()
    page.get_by_role("option", name=_NAME, exact=True).click()
    expect(page.get_by_text(re.compile("version 1 of ui-machines.* Training starts at once"))).to_be_visible()
    page.get_by_role("textbox", name="Training").fill("epochs=20")
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_text("finished", exact=True).first).to_be_visible(timeout=_LONG_MS)
    page.get_by_role("row").get_by_role("link", name=_NAME, exact=True).first.click()
    page.wait_for_url(re.compile("/results/"))
    page.get_by_role("link", name=f"version 1 of {_NAME}").first.click()
    page.get_by_role("tab", name="Deployments").click()
    expect(page.get_by_role("link", name=re.compile("^deployment"))).to_have_count(1)
    (result,) = client.results.list(model=model.id)
    assert result.state == RunState.FINISHED
