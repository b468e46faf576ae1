"""Each "Copy as" text of the pages works: it is copied from the page and executed against the platform."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from kafkaml.confluent import KafkaRecordWriter
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from kafkaml.wire.state import RunState
from tests.browser.chromium import Session, draw, signed_in
from tests.browser.copied import RECORD_CALLS
from tests.browser.pages import Demo
from tests.platform import Platform
from tests.warm_workers import WarmWorker, forker_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

LANGUAGES = ("CLI", "Python", "curl")
# Pages whose texts only read.
PAGES = (
    "/models/{result.model}",
    "/models/{result.model}?tab=code",
    "/configurations/{demo.configuration}",
    "/configurations/{demo.configuration}?tab=edit",
    "/training/{demo.deployment}",
    "/results/{result.id}",
    "/training/compare?results={result.id},{demo.results[1].id}",
    "/inference/{inference.id}?tab=settings",
    "/visualise/{inference.id}?tab=setup",
    "/training/{demo.deployment}?tab=settings",
    "/streams",
    "/streams?deployment={demo.deployment}",
    "/streams/{demo.stream}",
    "/topics",
    "/topics/KAFKA_ML_CONTROL_TOPIC",
    "/topics/KAFKA_ML_CONTROL_TOPIC?from=oldest&decoder=json",
)


def _texts(page: Page, place: int = 0) -> dict[str, str]:
    """Return the texts that a button of the page offers, by language; the first such button by default."""
    page.get_by_role("button", name="Copy as…").nth(place).click()
    texts = {}
    for language in LANGUAGES:
        page.get_by_role("radiogroup", name="Language").get_by_text(language, exact=True).click()
        texts[language] = page.locator("pre.mantine-Code-root").last.inner_text()
    page.keyboard.press("Escape")
    return texts


def _run(platform: Platform, language: str, text: str, folder: Path) -> None:
    # The environment is that of the page: curl's text has the address, and the others get the platform's folder.
    token = platform.state.cli_token.read_text().strip()
    env = {**os.environ, "KML_STATE_DIR": str(platform.state.root), "KML_TOKEN": token, "KML_URL": platform.status.url}
    if language == "curl":
        _bash(text.replace("curl -X", "curl --silent --show-error --fail-with-body -X"), folder, env)
        return
    with tempfile.TemporaryDirectory() as scratch:
        copied = Path(scratch)
        env |= {"COPIED": scratch, "COPIED_IN": str(folder)}
        if language == "CLI":
            _bash(RECORD_CALLS + text, folder, env)
            assert any(copied.iterdir()), text
        else:
            env["COPIED"] = str(copied / "program.py")
            Path(env["COPIED"]).write_text(text)
        process = WarmWorker("tests.browser.copied", env=env, forker=forker_of("kafka_ml_cli", "kafkaml.sdk"))
        said, _ = process.communicate(180)
    assert process.returncode == 0, f"{language}:\n{text}\n{said[-3000:]}"


def _bash(text: str, folder: Path, env: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"


@dataclass(frozen=True)
class Reading:
    """One page visits all texts that only read, so that the browser loads the web UI once."""

    session: Session
    page: Page


@pytest.fixture(scope="module")
def reading(browser: Browser, populated: Platform, cookies: StorageState) -> Iterator[Reading]:
    with signed_in(browser, populated, storage_state=cookies) as session:
        yield Reading(session, session.open("/"))


@pytest.fixture(scope="module")
def executed() -> set[tuple[str, str]]:
    """The texts executed so far by language, because several pages may offer the same text."""
    return set()


@pytest.fixture(scope="module")
def quick(populated: Platform, demo: Demo) -> int:
    """A configuration of one model that trains in a moment."""
    name = f"quick-{uuid.uuid4().hex[:6]}"
    return populated.client.configurations.create(name=name, models=[demo.results[1].model]).id


@pytest.mark.parametrize("address", PAGES)
def test_what_a_page_shows(
    reading: Reading, populated: Platform, demo: Demo, executed: set[tuple[str, str]], tmp_path: Path, address: str
) -> None:
    page = reading.page
    reading.session.follow(page, address.format(demo=demo, result=demo.results[0], inference=demo.inferences[0]))
    page.get_by_role("button", name="Copy as…").first.wait_for()
    for place in range(page.get_by_role("button", name="Copy as…").count()):
        texts = set(_texts(page, place).items())
        for language, text in texts - executed:
            _run(populated, language, text, tmp_path)
        executed |= texts
    assert reading.session.findings.lines == []


def test_a_model_with_odd_text_in_each_field(session: Session, populated: Platform, tmp_path: Path) -> None:
    page = session.open("/models/new")
    page.get_by_role("button", name=re.compile("^MNIST, dense")).click()
    for language in LANGUAGES:
        name = f'it\'s "odd" $HOME [b] {language} {uuid.uuid4().hex[:6]}'
        page.get_by_role("textbox", name="Name", exact=True).fill(name)
        expect(page.get_by_role("button", name="Copy as…").first).to_be_visible()
        _run(populated, language, _texts(page)[language], tmp_path)
        assert [model.name for model in populated.client.models.list(search=name)] == [name]


def test_a_configuration_and_its_deployment(session: Session, populated: Platform, tmp_path: Path) -> None:
    page = session.open("/configurations/new")
    page.get_by_role("checkbox", name="Use digits-keras").check()
    for language in LANGUAGES:
        name = f"copied {language} {uuid.uuid4().hex[:6]}"
        page.get_by_role("textbox", name="Name", exact=True).fill(name)
        _run(populated, language, _texts(page)[language], tmp_path)
        (made,) = populated.client.configurations.list(search=name)
    session.go(page, f"/training/new?configuration={made.id}")
    for language, text in _texts(page).items():
        _run(populated, language, text, tmp_path)
    assert len(populated.client.deployments.list(configuration=made.id)) == len(LANGUAGES)


def test_an_inference(session: Session, populated: Platform, demo: Demo, tmp_path: Path) -> None:
    page = session.open(f"/inference/new?result={demo.results[0].id}")
    for language in LANGUAGES:
        output = f"copied-{language.lower()}-{uuid.uuid4().hex[:6]}"
        page.locator("input").and_(page.get_by_label(re.compile("^Input topic"))).fill(demo.inferences[0].input_topic)
        page.locator("input").and_(page.get_by_label(re.compile("^Output topic"))).fill(output)
        _run(populated, language, _texts(page)[language], tmp_path)
        (made,) = (inference for inference in populated.client.inferences.list() if inference.output_topic == output)
        populated.client.inferences.stop(made.id)


def test_a_stream_to_another_deployment(
    session: Session, populated: Platform, demo: Demo, quick: int, tmp_path: Path
) -> None:
    for language in LANGUAGES:
        # Each deployment takes one stream.
        made = populated.client.deployments.create(configuration=quick)
        page = session.open(f"/streams/{demo.stream}?send=true")
        page.get_by_role("combobox", name="Deployment").click()
        page.get_by_role("option", name=re.compile(f"^{made.id}:")).click()
        page.get_by_role("dialog").get_by_role("button", name="Copy as…").click()
        page.get_by_role("radiogroup", name="Language").get_by_text(language, exact=True).click()
        _run(populated, language, page.locator("pre.mantine-Code-root").last.inner_text(), tmp_path)


def test_a_sample_to_try(session: Session, populated: Platform, demo: Demo, tmp_path: Path) -> None:
    page = session.open(f"/inference/{demo.inferences[0].id}?tab=try")
    draw(page, [(0.5, 0.15), (0.5, 0.85)])
    buttons = page.get_by_role("button", name="Copy as…")
    for language, text in _texts(page, buttons.count() - 1).items():
        _run(populated, language, text, tmp_path)


def test_a_training_to_repeat(session: Session, populated: Platform, demo: Demo, quick: int, tmp_path: Path) -> None:
    client = populated.client
    # The test trains a result of its own, because a served one cannot be trained again.
    made = client.deployments.create(configuration=quick)
    client.streams.send(demo.stream, deployment=made.id)
    result = made.results[0].id
    client.results.wait_for(result, RunState.FINISHED, timeout_seconds=300)
    page = session.open(f"/results/{result}")
    page.get_by_role("button", name="Train again", exact=True).first.click()
    page.get_by_role("dialog").get_by_role("button", name="Copy as…").click()
    for language in LANGUAGES:
        page.get_by_role("radiogroup", name="Language").get_by_text(language, exact=True).click()
        _run(populated, language, page.locator("pre.mantine-Code-root").last.inner_text(), tmp_path)
        # A training cannot be repeated while it runs.
        client.results.wait_for(result, RunState.FINISHED, timeout_seconds=300)


def test_dead_letters(session: Session, populated: Platform, demo: Demo, tmp_path: Path) -> None:
    inference = demo.inferences[0]
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=populated.status.bootstrap_servers))
    writer.write(OutgoingRecord(inference.input_topic, b"no image"))
    writer.flush(60)
    writer.close()
    page = session.open(f"/inference/{inference.id}?tab=letters")
    expect(page.get_by_role("button", name="Copy as…").last).to_be_visible()
    for language, text in _texts(page, page.get_by_role("button", name="Copy as…").count() - 1).items():
        _run(populated, language, text, tmp_path)


def test_records_of_a_topic_for_training(session: Session, populated: Platform, demo: Demo, tmp_path: Path) -> None:
    stream = populated.client.streams.get(demo.stream)
    topic, _, start, end = stream.topic.split(",")[0].split(":")
    page = session.open(f"/topics/{topic}?train=true")
    dialog = page.get_by_role("dialog", name="Use for training")
    dialog.get_by_role("combobox", name="Deployment").click()
    page.get_by_role("option").first.click()
    dialog.get_by_role("combobox", name="Partition").click()
    page.get_by_role("option", name="0", exact=True).click()
    dialog.get_by_role("textbox", name="From offset").fill(start)
    dialog.get_by_role("textbox", name="To offset").fill(end)
    dialog.get_by_label("Format settings").fill(orjson.dumps(stream.input_config).decode())
    dialog.get_by_role("button", name="Copy as…").click()
    before = len(populated.client.streams.list())
    for language in LANGUAGES:
        page.get_by_role("radiogroup", name="Language").get_by_text(language, exact=True).click()
        _run(populated, language, page.locator("pre.mantine-Code-root").last.inner_text(), tmp_path)
    # The same announcement three times makes one stream.
    assert len(populated.client.streams.list()) <= before + 1
