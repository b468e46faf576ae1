"""The tutorial by clicking alone: both MNIST models written, trained from a stream, viewed, served, tried, watched.

At the end follows a distributed model, whose tiers answer the records of which they are sure. Data come from the
tutorial's own programs, and once from the program that the page gives to copy.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from datasources import OnlineRawSink
from examples.digits.data import load_digits
from examples.digits.model import PYTORCH as DIGITS
from examples.MNIST_RAW_format.mnist_data import load_mnist
from kafkaml.sdk import Prediction
from kafkaml.wire.state import RunState
from tests.browser.chromium import Session, draw, settle, signed_in
from tests.mlcode_executor import sources
from tests.platform import AnyPlatform, stopping_inferences
from tests.support import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_ROOT = Path(__file__).resolve().parents[2]
_EXAMPLES = _ROOT / "examples" / "MNIST_RAW_format"
# A long time limit, because training and serving are real and the machine is shared.
_LONG_MS = 300_000
_MODELS = {"tensorflow": ("TensorFlow", "ui-mnist-keras"), "pytorch": ("PyTorch", "ui-mnist-torch")}
# The sub-models of the chain, the lowest first; the user enters them from the top.
_CHAIN = {"ui-edge": sources.EDGE, "ui-fog": sources.FOG, "ui-cloud": sources.CLOUD}
_CHAIN_EPOCHS = 3

# Finds the rightmost point of a curve, which is the limit at which all records go up. Its column is dark over several
# rows, while lines of the grid are thin and labels of the axis lie below. Colour does not tell, because one class is
# grey.
_LAST_POINT = """canvas => {
  const { width, height } = canvas
  const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  copy.drawImage(canvas, 0, 0)
  const scale = width / canvas.clientWidth
  const { data } = copy.getImageData(0, 0, width, height)
  const bottom = height - 60 * scale
  for (let x = width - 1; x >= 0; x -= 1) {
    let run = 0
    for (let y = 0; y < bottom; y += 1) {
      run = data[4 * (y * width + x) + 3] < 200 ? 0 : run + 1
      if (run >= 4 * scale) return [x / scale, (y - run / 2) / scale]
    }
  }
  return null
}"""


def _run(program: list[str], **env: str) -> None:
    done = subprocess.run(
        [sys.executable, *program],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=_ROOT,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass
class Made:
    """The objects that the tutorial has made so far."""

    deployment: int = 0
    results: dict[str, int] = field(default_factory=dict)
    inferences: dict[str, int] = field(default_factory=dict)
    # Inferences by sub-model, the lowest first.
    tiers: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def made(platform: AnyPlatform) -> Iterator[Made]:
    with stopping_inferences(platform):
        yield Made()


@pytest.fixture
def session(browser: Browser, platform: AnyPlatform, cookies: StorageState) -> Iterator[Session]:
    with signed_in(browser, platform, storage_state=cookies) as session:
        yield session
        assert session.findings.lines == []


def _number_in(page: Page, path: str) -> int:
    page.wait_for_url(re.compile(rf"{path}/\d+"))
    found = re.search(rf"{path}/(\d+)", page.url)
    assert found is not None
    return int(found.group(1))


@pytest.mark.parametrize("framework", list(_MODELS))
def test_1_a_model_is_made_from_a_template(session: Session, framework: str) -> None:
    word, name = _MODELS[framework]
    page = session.open("/models")
    page.get_by_role("link", name=re.compile("New model|Create the first model")).first.click()
    page.get_by_role("radiogroup", name="Framework").get_by_text(word).click()
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    page.get_by_role("button", name=re.compile("^MNIST, dense")).click()
    # The verdict appears automatically. It ran the code and found 784 x 128 + 128 + 128 x 10 + 10 parameters.
    expect(page.get_by_text(re.compile("^102K$")).first).to_be_visible(timeout=_LONG_MS)
    page.get_by_role("button", name="Save model").click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def test_2_a_mistake_is_shown_on_its_line(session: Session) -> None:
    page = session.open("/models/new")
    page.get_by_role("textbox", name="Name", exact=True).fill("ui-broken")
    editor = page.get_by_role("textbox", name="Code")
    editor.click()
    page.keyboard.insert_text("model = tf.keras.Sequential()\nmodel.compile(optimizer='nonsense')\n")
    # The editor itself contains the word. The mark arrives with the verdict, which ran the code.
    expect(page.locator(".cm-lintRange-error").first).to_be_visible(timeout=_LONG_MS)
    expect(page.get_by_text("nonsense").last).to_be_visible()
    expect(page.get_by_role("button", name="Save model")).to_be_disabled()
    expect(page.get_by_role("button", name="Save model")).to_have_accessible_description("The code is not valid")


def test_3_both_models_train_from_one_stream(session: Session, platform: AnyPlatform, made: Made) -> None:
    page = session.open("/configurations/new")
    page.get_by_role("textbox", name="Name", exact=True).fill("ui-mnist")
    for _, name in _MODELS.values():
        page.get_by_role("checkbox", name=f"Use {name}").check()
    page.get_by_role("button", name=re.compile("Save|Make")).last.click()
    expect(page.get_by_role("heading", name="ui-mnist", level=1)).to_be_visible()
    page.get_by_role("link", name="Deploy for training").click()
    for label, arguments in (("TensorFlow", "epochs=4, shuffle=True"), ("PyTorch", "max_epochs=4, shuffle=True")):
        page.get_by_role("combobox", name=re.compile(f"Training with {label}")).or_(
            page.get_by_label(re.compile(f"Training with {label}"))
        ).first.fill(arguments)
    page.get_by_label("Confusion matrix").check()
    page.get_by_role("button", name="Deploy", exact=True).click()
    made.deployment = _number_in(page, "/training")
    # The program on the page contains the id of this deployment.
    snippet = page.get_by_label("Program to send the stream")
    expect(snippet).to_contain_text(re.compile(rf"deployment_id={made.deployment}\b"))
    _run(
        [
            str(_EXAMPLES / "mnist_dataset_training_example.py"),
            "--digits",
            "--deployment",
            str(made.deployment),
            "--bootstrap-servers",
            platform.bootstrap_servers,
        ]
    )
    # The page updates automatically.
    expect(page.get_by_text("finished", exact=True)).to_have_count(3, timeout=_LONG_MS)
    for framework, (_, name) in _MODELS.items():
        page.get_by_role("link", name=name).first.click()
        made.results[framework] = _number_in(page, "/results")
        page.go_back()


@pytest.mark.parametrize("framework", list(_MODELS))
def test_4_the_result_answers_with_numbers_curves_and_samples(session: Session, made: Made, framework: str) -> None:
    page = session.open(f"/results/{made.results[framework]}")
    expect(page.get_by_role("img", name=re.compile("accuracy", re.IGNORECASE)).first).to_be_visible()
    page.get_by_role("tab", name="Confusion matrix").click()
    # A cell of the diagonal opens the samples behind it.
    page.locator("[data-cell='1-1']").click()
    expect(page.get_by_role("img", name=re.compile("image of 28 by 28")).first).to_be_visible()
    page.get_by_role("tab", name="Logs").click()
    page.get_by_role("tab", name="Lineage").click()
    expect(page.get_by_text("Seed").first).to_be_visible()
    page.get_by_role("tab", name=re.compile("Download")).click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile(r"\.(keras|safetensors)$")).first.click()
    assert download.value.path().stat().st_size > 1000


@pytest.mark.parametrize("framework", list(_MODELS))
def test_5_the_model_is_served_and_answers_through_kafka(session: Session, made: Made, framework: str) -> None:
    page = session.open(f"/results/{made.results[framework]}")
    page.get_by_role("link", name="Serve", exact=True).first.click()
    expect(page.get_by_text(re.compile("from stream"))).to_be_visible()
    page.get_by_role("button", name="Serve", exact=True).click()
    made.inferences[framework] = _number_in(page, "/inference")
    expect(page.get_by_text("running", exact=True).first).to_be_visible(timeout=_LONG_MS)
    page.get_by_role("tab", name="Try it").click()
    # The longest timeout that the page accepts, because the machine is shared.
    page.get_by_label("Timeout").fill("30")
    draw(page, [(0.5, 0.15), (0.5, 0.85)])
    page.get_by_role("button", name="Send through Kafka").click()
    expect(page.get_by_role("heading", name="Answer 1")).to_be_visible()
    # The page shows ten probabilities and the way of the record.
    expect(page.get_by_label("Probability of each class").get_by_role("listitem")).to_have_count(10, timeout=_LONG_MS)
    expect(page.get_by_role("heading", name=re.compile(r"Path, in [\d.]+ (ms|s)"))).to_be_visible()


@pytest.mark.parametrize("framework", list(_MODELS))
def test_6_predictions_are_watched_live(session: Session, platform: AnyPlatform, made: Made, framework: str) -> None:
    number = made.inferences[framework]
    page = session.open(f"/visualise/{number}")
    expect(page.get_by_test_id("total")).to_be_visible(timeout=_LONG_MS)
    program = [str(_EXAMPLES / "mnist_dataset_inference_example.py"), "--digits", "--count", "200"]
    _run([*program, "--inference", str(number)], **platform.env)
    expect(page.get_by_test_id("total")).to_have_text(re.compile(r"^20\d"), timeout=_LONG_MS)


def test_7_the_home_page_shows_all_of_it(session: Session) -> None:
    page = session.open("/?view=table")
    expect(page.get_by_text("ui-mnist").first).to_be_visible()
    expect(page.get_by_text("ui-mnist-keras").first).to_be_visible()


def _copied_program(page: Page, encoding: str, tmp_path: Path) -> str:
    page.get_by_role("radiogroup", name="Encoding of the stream").get_by_text(f"Python, {encoding}").click()
    snippet = page.get_by_label("Program to send the stream")
    expect(snippet).to_contain_text(f"with {encoding.capitalize()}Sink(")
    program = tmp_path / "send.py"
    program.write_text(snippet.inner_text())
    return str(program)


def test_8_the_program_to_copy_trains_the_models(session: Session, made: Made, tmp_path: Path) -> None:
    page = session.open(f"/training/{made.deployment}")
    page.get_by_role("link", name="Deploy again").click()
    page.get_by_role("button", name="Deploy", exact=True).click()
    page.wait_for_url(re.compile(rf"/training/(?!{made.deployment}\b|new)\d+"))
    _run([_copied_program(page, "RAW", tmp_path)])
    expect(page.get_by_text("finished", exact=True)).to_have_count(3, timeout=_LONG_MS)


@pytest.mark.parametrize("encoding", ["JSON", "Avro"])
def test_8_the_program_to_copy_sends_other_encodings(
    session: Session, platform: AnyPlatform, made: Made, tmp_path: Path, encoding: str
) -> None:
    client = platform.client
    model = client.results.get(made.results["pytorch"]).model
    configuration = client.configurations.create(name=f"ui-copied-{encoding}", models=[model])
    deployment = client.deployments.create(configuration=configuration.id)
    page = session.open(f"/training/{deployment.id}")
    program = _copied_program(page, encoding, tmp_path)
    page.close()
    _run([program])
    client.results.wait_for(deployment.results[0].id, RunState.FINISHED, timeout_seconds=_LONG_MS / 1000)


def test_9_a_promoted_version_takes_over_from_the_one_that_answers(session: Session, platform: AnyPlatform) -> None:
    client = platform.client
    training, unseen = load_digits()
    model = client.models.create(name="ui-digits", framework="pytorch", code=DIGITS)
    configuration = client.configurations.create(name="ui-digits", models=[model.id])
    deployment = client.deployments.create(
        configuration=configuration.id,
        pytorch_fit_arguments="max_epochs=10, shuffle=True",
        seed=1,
        incremental={
            "indefinite": True,
            "window_records": 300,
            "validation_rate": 0.5,
            "monitoring_metric": "accuracy",
            "improvement": 0.05,
        },
    )
    (result,) = deployment.results
    with OnlineRawSink(platform.bootstrap_servers, "ui-digits-online", deployment.id) as sink:
        # The first labels are random, so that the model improves only from the second window on.
        sink.send_array(training.images[:300], np.random.default_rng(1).integers(0, 10, 300))
        sink.flush()
        eventually(lambda: client.results.versions(result.id), _LONG_MS / 1000, what="the first window to be learnt")
        inference = client.inferences.create(result=result.id, input_topic="ui-digits-in", output_topic="ui-digits-out")
        client.inferences.wait_for(inference.id, RunState.RUNNING, timeout_seconds=_LONG_MS / 1000)
        page = session.open(f"/inference/{inference.id}")
        expect(page.get_by_text("Version 1", exact=True)).to_be_visible()
        answers = client.inferences.predict_batch(inference.id, unseen.images[:100])
        sink.send_array(training.images[300:600], training.labels[300:600])
        sink.flush()

        def is_taken_over() -> bool:
            answers.extend(client.inferences.predict_batch(inference.id, unseen.images[:20]))
            return isinstance(answers[-1], Prediction) and answers[-1].version == "2"

        # Records keep arriving while replicas switch.
        eventually(is_taken_over, _LONG_MS / 1000, what="version 2 to answer")
    expect(page.get_by_text("Version 2", exact=True)).to_be_visible()
    expect(page.get_by_role("table", name="Recent version changes")).to_contain_text("1 → 2")
    # Each record was answered once and in order, first by one version and then by the other.
    versions = [answer.version for answer in answers if isinstance(answer, Prediction)]
    assert (len(versions), versions) == (len(answers), sorted(versions))
    expect(page.get_by_text("Answered", exact=True).first.locator("..")).to_contain_text(f"{len(answers):,}since")
    client.results.stop(result.id)
    client.inferences.stop(inference.id)


def test_10_a_distributed_model_is_entered_from_the_top(session: Session) -> None:
    upper = None
    for name, code in reversed(_CHAIN.items()):
        page = session.open("/models/new")
        page.get_by_role("textbox", name="Name", exact=True).fill(name)
        page.get_by_role("checkbox", name=re.compile("^Distributed")).check()
        if upper is not None:
            page.get_by_label("Upper model").first.click()
            page.get_by_role("option", name=re.compile(rf"^{upper}\b")).click()
        page.get_by_role("textbox", name="Code").click()
        page.keyboard.insert_text(code)
        expect(page.get_by_text("valid", exact=True)).to_be_visible(timeout=_LONG_MS)
        chain = page.get_by_role("list", name="Chain of sub-models, the top first")
        # Each sub-model with another one above it hands up 64 numbers.
        expect(chain.get_by_text("64 goes up, 256 B a sample")).to_have_count(
            {"ui-cloud": 0, "ui-fog": 1, "ui-edge": 2}[name]
        )
        page.get_by_role("button", name="Save model").click()
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        page.close()
        upper = name


def test_11_its_sub_models_train_together_and_have_a_result_each(
    session: Session, platform: AnyPlatform, made: Made
) -> None:
    page = session.open("/configurations/new")
    page.get_by_role("textbox", name="Name", exact=True).fill("ui-distributed")
    # The checkbox of a chain selects all its sub-models.
    page.get_by_role("checkbox", name=f"Use {' and '.join(_CHAIN)}").check()
    page.get_by_role("button", name="Save configuration").click()
    page.get_by_role("link", name="Deploy for training").click()
    for label, default in (("Optimizer", "adam"), ("Loss function", "sparse_categorical_crossentropy")):
        expect(page.get_by_role("combobox", name=label)).to_have_value(default)
    expect(page.get_by_role("textbox", name="Learning rate")).to_have_value("0.001")
    expect(page.get_by_text("sparse_categorical_accuracy", exact=True)).to_be_visible()
    page.get_by_role("textbox", name="Training", exact=True).fill(f"epochs={_CHAIN_EPOCHS}, shuffle=True")
    page.get_by_role("button", name="Deploy", exact=True).click()
    deployment = _number_in(page, "/training")
    # The shape of samples is that of the lowest sub-model.
    expect(page.get_by_label("Program to send the stream")).to_contain_text("(count, 28, 28, 1)")
    program = [str(_EXAMPLES / "mnist_dataset_training_example.py"), "--digits", "--deployment", str(deployment)]
    _run([*program, "--bootstrap-servers", platform.bootstrap_servers])
    expect(page.get_by_text("finished", exact=True)).to_have_count(1 + len(_CHAIN), timeout=_LONG_MS)
    for name in _CHAIN:
        page.get_by_role("link", name=name, exact=True).click()
        made.results[name] = _number_in(page, "/results")
        expect(page.get_by_role("table", name="Exits of the chain").get_by_role("row")).to_have_count(1 + len(_CHAIN))
        page.go_back()
        page.wait_for_url(re.compile(rf"/training/{deployment}"))


def test_12_a_point_of_the_curve_is_a_limit(session: Session, made: Made) -> None:
    page = session.open(f"/results/{made.results['ui-edge']}?tab=limits")
    limit = page.get_by_label("Limit of ui-edge")
    proposed = limit.input_value()
    canvas = page.get_by_role("img", name=re.compile("that ui-edge sends up")).locator("canvas").first

    def last_point() -> Any:
        # Content that arrives late above the canvas moves it out of the window, where nothing is drawn.
        canvas.scroll_into_view_if_needed()
        settle(page)
        return canvas.evaluate(_LAST_POINT)

    x, y = eventually(last_point, _LONG_MS / 1000, what="the curve to be drawn")
    canvas.click(position={"x": x - 3, "y": y})
    expect(limit).not_to_have_value(proposed)
    expect(page.get_by_text("Leave at ui-edge").locator("..")).to_contain_text("0.0%")
    page.get_by_role("link", name="Serve the chain with these limits").click()
    # The form serves all tiers at once with the chosen limit.
    expect(page.get_by_role("button", name="Serve the chain")).to_be_visible()
    form = page.get_by_role("form", name="Serve a whole chain")
    expect(form.get_by_label("Upper topic of ui-fog")).to_have_value("ui-distributed-ui-cloud")
    expect(form.get_by_label("Limit of ui-edge").first).not_to_have_value(proposed)


def test_13_each_tier_is_served_and_digits_leave_at_all_three(
    session: Session, platform: AnyPlatform, made: Made
) -> None:
    limits: list[float] = []
    for place, name in enumerate(_CHAIN):
        page = session.open(f"/results/{made.results[name]}")
        page.get_by_role("link", name="Serve", exact=True).first.click()
        # The form suggests topics that fit the tiers in service.
        reads = f"ui-distributed-{'in' if place == 0 else name}"
        expect(page.locator("input").and_(page.get_by_label(re.compile("^Input topic")))).to_have_value(reads)
        expect(page.locator("input").and_(page.get_by_label(re.compile("^Output topic")))).to_have_value(
            "ui-distributed-out"
        )
        if name != "ui-cloud":
            expect(page.get_by_label("Limit", exact=True)).not_to_have_value("")
            expect(page.get_by_label("Upper topic", exact=True)).to_have_value(
                f"ui-distributed-{list(_CHAIN)[place + 1]}"
            )
            # Each limit sends half of the records up, so that digits leave at every tier.
            points = platform.client.results.exits(made.results[name], limits).tiers[place].points
            limits.append(min(points, key=lambda point: abs(point.sent_up - 0.5)).limit)
            page.get_by_label("Limit", exact=True).fill(str(limits[-1]))
        page.get_by_role("button", name="Serve", exact=True).click()
        made.tiers[name] = _number_in(page, "/inference")
        page.close()
    edge = made.tiers["ui-edge"]
    for tier in made.tiers.values():
        platform.client.inferences.wait_for(tier, RunState.RUNNING, timeout_seconds=_LONG_MS / 1000)
    watched = session.open(f"/visualise/{edge}")
    program = [str(_EXAMPLES / "mnist_dataset_inference_example.py"), "--digits", "--count", "200"]
    _run([*program, "--inference", str(edge)], **platform.env)
    expect(watched.get_by_test_id("total")).to_have_text(re.compile(r"^20\d"), timeout=_LONG_MS)
    for name in _CHAIN:
        expect(watched.get_by_text(f"Answered at {name}").locator("..")).to_contain_text(re.compile(r"[1-9]\d?\.\d%"))
    page = session.open(f"/inference/{edge}")
    expect(page.get_by_text("Answered here").locator("..")).to_contain_text(re.compile(r"\d\d\.\d%limit 0\.\d+"))
    # The page shows the way of a digit that the edge was not sure of.
    images = load_mnist(digits=True)[1].images[:100]
    answers = platform.client.inferences.predict_batch(edge, images)
    place = next(n for n, answer in enumerate(answers) if isinstance(answer, Prediction) and answer.tier != "ui-edge")
    page.get_by_role("tab", name="Try it").click()
    page.get_by_label("Timeout").fill("30")
    page.get_by_role("radiogroup", name="Source of the sample").get_by_text("JSON").click()
    page.get_by_role("textbox", name="Sample as JSON").click()
    page.keyboard.insert_text(str(images[place].tolist()))
    page.get_by_role("button", name="Send through Kafka").click()
    expect(page.get_by_text(re.compile("answered at ui-(fog|cloud)"))).to_be_visible(timeout=_LONG_MS)
    expect(page.get_by_text(re.compile("was below its limit and handed it up to")).first).to_be_visible()
    # The limit can be changed while the inference runs.
    page.get_by_role("button", name=f"Limit {limits[0]}", exact=True).click()
    page.get_by_label("Limit", exact=True).fill("1")
    page.get_by_role("button", name="Set the limit").click()
    expect(page.get_by_role("button", name="Limit 1", exact=True)).to_be_visible()
    eventually(
        lambda: platform.client.inferences.get(edge).swapped, _LONG_MS / 1000, what="the replica to decide by it"
    )
    home = session.open("/?view=table")
    expect(home.get_by_text(re.compile(r"inference \d+ ui-edge: [\d.,/s]+ up"))).to_be_visible()
    for tier in made.tiers.values():
        platform.client.inferences.stop(tier)
