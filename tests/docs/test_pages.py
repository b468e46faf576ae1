"""The commands of the pages, run as written by ``make docs-test`` alone, because they take minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from kafkaml.local.state import StateDir
from scripts.documentation.pages import ROOT
from scripts.documentation.recorded import COLUMNS, COMMANDS, as_shown, shape, shown
from tests.docs.running import Reader
from tests.machines import send_readings
from tests.platform import Platform

pytestmark = [pytest.mark.docs, pytest.mark.timeout(3600)]

_FAILURES = """model = keras.Sequential([
    keras.Input(shape=(WIDTH,)),
    keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(1, activation="sigmoid"),
])
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
"""


def _machines(platform: Platform) -> None:
    """Make the topic of a page, with a model and a configuration to learn it."""
    send_readings(platform.bootstrap_servers, "machines", 2000)
    client = platform.client
    contract = client.topics.propose("machines").contract
    assert contract is not None
    (width,) = client.datasets.preview(topic="machines", contract=contract).inputs[0].shape
    code = _FAILURES.replace("WIDTH", str(width))
    model = client.models.create(name="failures", framework="tensorflow", code=code)
    client.configurations.create(name="failures", models=[model.id])


# Pages that are followed one after the other on one platform, because their ids continue.
ON_ONE_PLATFORM: Mapping[str, Sequence[str]] = {
    "tutorial": ("docs/tutorial.md", "docs/incremental.md", "docs/versions.md"),
    "distributed models": ("docs/distributed-models.md",),
    "data sets": ("docs/datasets.md", "docs/coming-from-1.x.md", "docs/monitoring.md"),
    "seminar, part 1": ("docs/seminar/part-1.md",),
    "seminar, part 2": ("docs/seminar/part-2.md",),
    "seminar, part 4": ("docs/seminar/part-4.md",),
}
PREPARED: Mapping[str, Callable[[Platform], None]] = {"data sets": _machines}
# Sessions that start a platform themselves or need none, typed in the folder of Kafka-ML.
IN_THE_CHECKOUT = (("docs/installation.md", "machine"), ("CONTRIBUTING.md", "contributing"))
# A session in the folder of Kafka-ML whose output the page shows.
DEMO = ("README.md", "demo")
# A session in a folder of the user's own.
BY_HAND = ("README.md", "by hand")


@pytest.fixture
def env(short_path: Path) -> Iterator[Mapping[str, str]]:
    """The environment of a test's own state folder. Everything that runs there is ended."""
    state = StateDir(short_path / "state")
    env = {**os.environ, "KML_STATE_DIR": str(state.root), "COLUMNS": str(COLUMNS), "NO_COLOR": "1"}
    yield env
    subprocess.run([sys.executable, "-m", "kafka_ml_cli.main", "down"], env=env, check=False, timeout=300)


@pytest.mark.parametrize("name", ON_ONE_PLATFORM)
def test_what_a_page_says_can_be_typed(name: str, tmp_path: Path, short_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    with Platform(short_path) as platform:
        PREPARED.get(name, lambda _platform: None)(platform)
        reader = Reader(tmp_path, platform.env, bootstrap_servers=platform.bootstrap_servers)
        for page in ON_ONE_PLATFORM[name]:
            assert reader.follow(page) > 0


@pytest.mark.parametrize(("page", "session"), IN_THE_CHECKOUT)
def test_a_checkout_does_what_a_page_says(page: str, session: str, env: Mapping[str, str]) -> None:
    assert Reader(ROOT, env).follow(page, session) > 0


def test_the_demo_prints_what_the_page_shows(env: Mapping[str, str]) -> None:
    """The page's output is current, except for its figures; ``scripts/record-output`` writes it again."""
    reader = Reader(ROOT, env)
    assert reader.follow(*DEMO) > 0
    page = (ROOT / DEMO[0]).read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        said = reader.printed
        if name != "demo":
            said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
        printed = as_shown(name, said, state=Path(env["KML_STATE_DIR"]), root=ROOT)
        assert shape(name, printed) == shape(name, shown(page, name)), name


def test_a_model_and_files_of_ones_own(tmp_path: Path, env: Mapping[str, str]) -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(300, 3)).round(3)
    head, lines = "a,b,c", [",".join(map(str, row)) for row in rows]
    labels = (rows.sum(axis=1) > 0).astype(int)
    labelled = [f"{line},{label}" for line, label in zip(lines, labels, strict=True)]
    (tmp_path / "data.csv").write_text("\n".join([f"{head},label", *labelled]), encoding="utf-8")
    (tmp_path / "new.csv").write_text("\n".join([head, *lines[:20]]), encoding="utf-8")
    (tmp_path / "model.py").write_text(_FAILURES.replace("WIDTH", "3"), encoding="utf-8")
    assert Reader(tmp_path, env).follow(*BY_HAND) > 0


@pytest.fixture(scope="module")
def jupyter() -> Path:
    subprocess.run([ROOT / "scripts" / "notebooks", "--install"], check=True, timeout=900)
    return ROOT / "build" / "notebooks" / "bin" / "jupyter"


def execute(jupyter: Path, notebook: Path, to: Path, env: Mapping[str, str]) -> None:
    command = [str(jupyter), "nbconvert", "--execute", "--to", "notebook", "--output-dir", str(to), str(notebook)]
    subprocess.run(command, env=dict(env), check=True, timeout=900)


def test_notebooks_of_the_seminar_run_with_all_that_they_draw(jupyter: Path, tmp_path: Path) -> None:
    for path in sorted((ROOT / "examples" / "seminar" / "notebooks").glob("*.ipynb")):
        execute(jupyter, path, tmp_path, os.environ)


def test_notebooks_of_examples_run_on_a_platform(jupyter: Path, tmp_path: Path, short_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    paths = sorted((ROOT / "examples").glob("*/*.ipynb"))
    assert len(paths) == 3
    with Platform(short_path) as platform:
        for path in paths:
            text = path.read_text(encoding="utf-8")
            few = text.replace("effort = Effort()", "effort = Effort(('pytorch',), quick=True, offline=True)")
            assert few != text
            (tmp_path / path.name).write_text(few, encoding="utf-8")
            execute(jupyter, tmp_path / path.name, tmp_path / "done", platform.env)
