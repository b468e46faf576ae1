"""The commands of the pages, run as they are written: ``make docs-test``. Minutes, so apart from all other tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from scripts.documentation.markdown import blocks
from scripts.documentation.pages import ROOT, pages
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


def _machines(reader: Reader) -> None:
    """The topic that the page speaks of, and a model and a configuration for what is learnt of it."""
    send_readings(reader.platform.bootstrap_servers, "machines", 2000)
    client = reader.platform.client
    contract = client.topics.propose("machines").contract
    assert contract is not None
    (width,) = client.datasets.preview(topic="machines", contract=contract).inputs[0].shape
    code = _FAILURES.replace("WIDTH", str(width))
    model = client.models.create(name="failures", framework="tensorflow", code=code)
    client.configurations.create(name="failures", models=[model.id])


# Pages that are followed one after the other on one platform, as their numbers (ids) say.
SESSIONS: Mapping[str, Sequence[str]] = {
    "tutorial": ("docs/tutorial.md", "docs/incremental.md", "docs/versions.md"),
    "distributed models": ("docs/distributed-models.md",),
    "data sets": ("docs/datasets.md",),
}
PREPARED: Mapping[str, Callable[[Reader], None]] = {"data sets": _machines}


@pytest.fixture
def reader(tmp_path: Path, short_path: Path) -> Iterator[Reader]:
    with Platform(short_path) as platform:
        yield Reader(tmp_path / "reader", platform)


@pytest.mark.parametrize("session", SESSIONS)
def test_what_a_page_says_can_be_typed(session: str, reader: Reader) -> None:
    if session in PREPARED:
        PREPARED[session](reader)
    for page in SESSIONS[session]:
        assert reader.follow(page) > 0


def test_every_page_with_blocks_to_run_is_followed() -> None:
    marked = {
        name
        for name in pages()
        if name.endswith(".md")
        for block in blocks((ROOT / name).read_text(encoding="utf-8"))
        if block.mark is not None and block.mark.kind == "run"
    }
    assert marked == {page for followed in SESSIONS.values() for page in followed}
