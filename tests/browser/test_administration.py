"""Pages for admins only: users and other clusters."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Session
from tests.platform import ENTERABLE_CLUSTER

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def choose(page: Page, name: str, action: str) -> None:
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name=action).click()


def delete(page: Page, name: str) -> None:
    choose(page, name, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name=f"Actions for {name}")).to_have_count(0)


def test_a_user_is_added_changed_and_deleted(session: Session) -> None:
    session.findings.expected = {400}
    page = session.open("/users")
    page.get_by_role("button", name="Add a user").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog).to_contain_text("Enter a name")
    # A refusal is shown at its field, and the dialog keeps the input.
    dialog.get_by_label("Name").fill("not a name")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_label("Name")).to_have_value("not a name")
    dialog.get_by_label("Name").fill("ada")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog).to_have_count(0)
    row = page.get_by_role("row").filter(has_text="ada")
    expect(row).to_contain_text("viewer")
    choose(page, "ada", "Change")
    page.get_by_role("dialog").get_by_role("switch", name="Can sign in").uncheck(force=True)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(row).to_contain_text("deactivated")
    delete(page, "ada")


def test_a_cluster_is_added_checked_changed_and_deleted(session: Session) -> None:
    session.findings.expected = {400}
    page = session.open("/clusters")
    page.get_by_role("button", name="Add a cluster").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name", exact=True).fill("edge-site")
    dialog.get_by_label("Namespace").fill("kafka-ml-jobs")
    dialog.get_by_label("API address").fill("http://127.0.0.1:1")
    dialog.locator("input[type=password]").fill("a-token")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_label("API address")).to_have_attribute("aria-invalid", "true")
    # The API refuses addresses on the platform's own machine, which not every admin may reach.
    dialog.get_by_label("API address").fill("https://127.0.0.1:2")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog).to_contain_text("KML_ALLOWED_CLUSTERS=127.0.0.1")
    dialog.get_by_label("API address").fill(f"https://{ENTERABLE_CLUSTER}")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog).to_have_count(0)
    row = page.get_by_role("row").filter(has_text="edge-site")
    expect(row).to_contain_text("kept")
    choose(page, "edge-site", "Check")
    expect(page.get_by_role("dialog")).to_contain_text("inferences cannot run", ignore_case=True)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    choose(page, "edge-site", "Change")
    page.get_by_role("dialog").get_by_label("Namespace").fill("factory")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(row).to_contain_text("factory")
    delete(page, "edge-site")
