"""Properties of every image, read from the one Dockerfile, so that no container engine is needed."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path

import pytest

from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.framework import Framework
from tests.executors import EXECUTOR_OF, EXECUTORS
from tests.images.dockerfile import ancestry, read_stages

ROOT = Path(__file__).parents[2]
STAGES = read_stages(ROOT / "Dockerfile")
PYTHON_COMPONENTS = {
    "backend": ["gunicorn"],
    "kafka_control_logger": ["kafka_control_logger"],
    **{
        name: ["mlcode_executor", "--framework", framework, "--host", "0.0.0.0", "--port", str(EXECUTORS[name])]
        for framework, name in EXECUTOR_OF.items()
    },
    **{f"model_training_{framework}": ["model_training"] for framework in Framework},
    **{f"model_inference_{framework}": ["model_inference"] for framework in Framework},
}
COMPONENTS = [*PYTHON_COMPONENTS, "frontend"]
# The image of external workers is not a component of the platform.
IMAGES = [*COMPONENTS, "worker"]


def _last(name: str, word: str) -> str:
    return next(stage.all(word)[-1] for stage in ancestry(STAGES, name) if stage.all(word))


@pytest.mark.parametrize("name", IMAGES)
def test_every_component_is_a_target_that_runs_as_nobody_special(name: str) -> None:
    assert _last(name, "USER") == "10001:10001"


@pytest.mark.parametrize("name", COMPONENTS)
def test_no_shell_is_needed_to_start(name: str) -> None:
    assert all(isinstance(word, str) for word in json.loads(_last(name, "CMD")))


def test_a_worker_elsewhere_is_the_command_that_takes_options_alone() -> None:
    entry = json.loads(_last("worker", "ENTRYPOINT"))
    assert entry == ["python", "-P", "-m", "kafka_ml_cli.main", "worker", "run"]
    assert not any(stage.all("CMD") for stage in ancestry(STAGES, "worker") if stage.base in STAGES)


@pytest.mark.parametrize(("name", "expected"), PYTHON_COMPONENTS.items())
def test_a_component_starts_its_module(name: str, expected: list[str]) -> None:
    command = json.loads(_last(name, "CMD"))
    assert command[:3] == ["python", "-P", "-m"]
    assert command[3 : 3 + len(expected)] == expected


@pytest.mark.parametrize("framework", Framework)
def test_images_of_a_framework_differ_in_their_command_alone(framework: Framework) -> None:
    for name in (EXECUTOR_OF[framework], f"model_training_{framework}", f"model_inference_{framework}"):
        assert STAGES[name].base == framework
        assert {word for word, _ in STAGES[name].instructions} <= {"CMD", "EXPOSE"}


@pytest.mark.parametrize("name", IMAGES)
def test_packages_come_before_code(name: str) -> None:
    copies = [rest for stage in reversed(ancestry(STAGES, name)) for rest in stage.all("COPY")]
    code = [index for index, copy in enumerate(copies) if "-code /code" in copy]
    assert all(index == len(copies) - 1 for index in code)
    assert len(code) == (0 if name == "frontend" else 1)


def _packages_stages() -> list[str]:
    return [name for name in STAGES if name.endswith("-packages")]


def test_code_is_not_a_part_of_the_stages_that_install_packages() -> None:
    assert _packages_stages() == [
        "base-packages",
        "worker-packages",
        "server-packages",
        *(f"{framework}-packages" for framework in Framework),
    ]
    for name in _packages_stages():
        for stage in ancestry(STAGES, name):
            for copied in stage.all("COPY"):
                assert all(source.startswith(("requirements/", "scripts/images/")) for source in copied.split()[:-1])


def test_packages_are_installed_by_hash() -> None:
    installs = [
        command
        for stage in STAGES.values()
        for run in stage.all("RUN")
        for command in re.findall(r"pip [^&;]*\binstall [^&;]*", run)
    ]
    assert len(installs) == 6 + len(Framework)
    unhashed = [command for command in installs if "--require-hashes" not in command]
    # No command uses PyTorch's own index for CPUs, whose files differ from the locked ones.
    assert [command for command in unhashed if "--index-url" not in command] == []


def test_images_are_made_of_three_bases() -> None:
    bases = {stage.base for stage in STAGES.values() if stage.base not in STAGES}
    assert bases == {
        "${REGISTRY}/python:3.11-slim-bookworm",
        "${REGISTRY}/node:20-bookworm-slim",
        "${REGISTRY}/debian:bookworm-slim",
    }


def test_what_is_copied_is_let_through_to_the_builder() -> None:
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    for stage in STAGES.values():
        for copied in stage.all("COPY"):
            if "--from" in copied:
                continue
            for source in shlex.split(copied)[:-1]:
                assert any(source == name or source.startswith(f"{name}/") for name in let_through), source


def _exercised(framework: Framework) -> list[str]:
    path = ROOT / "scripts" / "images" / f"exercise_{framework}.py"
    modules: list[str] = runpy.run_path(str(path))["MODULES"]
    return modules


@pytest.mark.parametrize("framework", Framework)
def test_what_runtimes_import_is_compiled_in_the_image(framework: Framework) -> None:
    description = FRAMEWORKS[framework]
    for runtime in (description.handler, *(["onnx"] if description.converts else [])):
        text = (ROOT / "mlcode_executor" / "frameworks" / f"{runtime}.py").read_text(encoding="utf-8")
        preload = re.search(r"^PRELOAD = \[(.*?)\]", text, re.M | re.S)
        assert preload is not None
        theirs = [name for name in re.findall(r'"([\w.]+)"', preload[1]) if not name.startswith("mlcode_executor")]
        assert set(theirs) <= set(_exercised(framework))
