"""Each image holds every package that the code in it imports: the locks are compared with the imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from kafkaml.frameworks import FRAMEWORKS, FrameworkDescriptor
from kafkaml.frameworks.installed import distributions
from tests.images.dockerfile import read_stages

ROOT = Path(__file__).parents[2]
LOCKS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["kafka-ml"]["locks"]
# Modules that this image never imports, because they run in the images of other frameworks. Data sets of columns have
# an extra of their own for places other than the platform.
_COLUMNS = {"kafkaml/contract/", "kafkaml/dataset_export"}
# Commands that an image never runs: those that start a platform, run examples, or read files to send.
_COMMANDS = {"kafka_ml_cli/platform", "kafka_ml_cli/examples", "kafka_ml_cli/data", "kafka_ml_cli/files/"}
ELSEWHERE = {
    **{
        framework.extra: {
            *(f"mlcode_executor/frameworks/{other.handler}" for other in FRAMEWORKS.values() if other != framework),
            *_COMMANDS,
        }
        for framework in FRAMEWORKS.values()
    },
    "worker": {
        "mlcode_executor/frameworks/",
        "mlcode_executor/service",
        "mlcode_executor/__main__",
        # Spans need an extra, and an image without it reports an error that says so.
        "model_inference/tracing",
        *_COLUMNS,
        *_COMMANDS,
    },
    "server": set(),
    "base": _COLUMNS,
}


def _folders(group: str) -> list[str]:
    """Return our packages that the Dockerfile copies into a group of images."""
    copies = read_stages(ROOT / "Dockerfile")[f"{group}-code"].all("COPY")
    return [copied.split()[0] for copied in copies if not copied.startswith("--from")]


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("framework", "lock"),
    [
        (framework, lock)
        for framework in FRAMEWORKS.values()
        for lock in LOCKS
        # Both tensorflow-cpu and tensorflow-gpu provide TensorFlow.
        if lock.partition("-")[0] == framework.extra.partition("-")[0]
    ],
)
def test_executors_find_the_packages_whose_versions_they_tell(framework: FrameworkDescriptor, lock: str) -> None:
    on_this_machine = [
        line.partition("==")[0]
        for line in (ROOT / f"requirements/{lock}.txt").read_text().splitlines()
        if "==" in line and "platform_machine != 'x86_64'" not in line
    ]
    for package in framework.packages:
        assert set(distributions(package)) & set(on_this_machine), package


@pytest.mark.parametrize(
    ("group", "lock"),
    [
        ("control-logger", "base"),
        ("backend", "server"),
        *(("worker", framework.extra) for framework in FRAMEWORKS.values()),
        ("elsewhere", "worker"),
    ],
)
def test_the_lock_of_an_image_holds_what_its_code_imports(group: str, lock: str) -> None:
    folders = _folders(group)
    locked = set(re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==", (ROOT / f"requirements/{lock}.txt").read_text(), re.M))
    owners = packages_distributions()
    missing = set()
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if (
                path.name == "conftest.py"
                or "/tests/" in place
                or "/testing/" in place
                or place.startswith(tuple(ELSEWHERE[lock]))
            ):
                continue
            for name in _imports(path) - set(folders):
                distributions = {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners.get(name, [name])}
                if not distributions & locked:
                    missing.add((place, name))
    assert missing == set()
