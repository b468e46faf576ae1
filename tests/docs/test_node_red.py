"""The option of the seminar's first part: Node-RED, installed as the page says, shows the flights of a topic."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Error as NotThereYet
from playwright.sync_api import expect

from examples.topics import answers_of, create_topic
from platform_local.ports import LOOPBACK, free_port
from scripts.documentation.pages import ROOT
from tests.browser.chromium import chromium
from tests.conftest import TestBroker
from tests.docs.running import Reader
from tests.support import eventually

pytestmark = [pytest.mark.docs, pytest.mark.timeout(1800)]

PAGE = "docs/seminar/part-1.md"
INSTALL, SHOW = "install Node-RED", "the map in Node-RED"


def test_node_red_shows_the_flights_of_a_topic_as_they_move(broker: TestBroker, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    create_topic(broker.bootstrap_servers, "ertisdemo")
    port = free_port()
    address = f"http://{LOOPBACK}:{port}/worldmap/"
    reader = Reader(tmp_path, {**os.environ, "PORT": str(port)}, bootstrap_servers=broker.bootstrap_servers)
    assert reader.follow(PAGE, INSTALL) == 1
    asked: list[str] = []
    with reader.following(PAGE, SHOW), chromium() as browser:
        names = {answer["name"] for answer in answers_of(broker.bootstrap_servers, "ertisdemo", 30)}
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        eventually(lambda: page.goto(address), 120, ignoring=(NotThereYet,))
        for name in names:
            expect(page.get_by_title(name, exact=True)).to_be_attached()
        moved = "([name, place]) => markers[name].getLatLng().toString() !== place"
        name = min(names)
        page.wait_for_function(moved, arg=[name, page.evaluate(f"markers['{name}'].getLatLng().toString()")])
    # The page loads neither maps nor fonts from elsewhere, so it works without internet.
    assert [url for url in asked if not url.startswith((f"http://{LOOPBACK}:{port}/", "data:", "blob:"))] == []
