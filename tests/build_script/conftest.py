"""The script in a copy of its files, with programs that record their calls, and a folder as the cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
_PROGRAMS = ("docker", "podman", "buildah", "kubectl", "kind", "minikube", "k3d")


@dataclass(frozen=True)
class Run:
    """The exit status, output and calls of one run of the script."""

    status: int
    text: str
    calls: Sequence[str]

    def called(self, start: str) -> list[str]:
        """The calls that begin with these words, in order."""
        return [call for call in self.calls if call.startswith(start)]

    def changes(self) -> list[str]:
        """The calls that change an image, a registry or a cluster.

        Calls that only read are left out, and so are the options that name the cluster.
        """
        return [call for call in self.calls if call.split()[1] in _CHANGING or _verb(call) in _CHANGING]


_CHANGING = {"build", "push", "save", "load", "image", "apply", "delete", "patch", "scale"}


def _verb(call: str) -> str:
    words = call.split()[1:]
    while words and words[0].startswith("--"):
        words = words[2:]
    return words[0] if words else ""


@dataclass(frozen=True)
class Script:
    """Runs the script; ``state`` outlives a run, as a cluster does."""

    folder: Path
    state: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Run:
        """Run the script with ``arguments``; keywords are further environment variables."""
        calls = self.state / "calls"
        calls.write_text("")
        done = subprocess.run(
            [str(self.folder / "Build_Kafka_ML.sh"), *arguments],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=170,
            check=False,
            cwd=self.folder.parent,
            env={**self.environment, **environment},
        )
        return Run(done.returncode, done.stdout, calls.read_text().splitlines())

    @property
    def applied(self) -> list[dict[str, Any]]:
        """The objects that the cluster was given last."""
        return [manifest for manifest in yaml.safe_load_all((self.state / "applied.yaml").read_text()) if manifest]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rendered kustomizations by their hash, computed once."""
    return tmp_path_factory.mktemp("rendered")


@pytest.fixture
def script(tmp_path: Path, rendered: Path) -> Script:
    """The script with a working engine and a kind cluster without Kafka-ML."""
    return _script(tmp_path, rendered)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory, rendered: Path) -> Path:
    """The folder of a script that has installed Kafka-ML. Tests copy it and leave it unchanged."""
    folder = tmp_path_factory.mktemp("installation")
    done = _script(folder, rendered)("--install")
    assert done.status == 0, done.text
    return folder


@pytest.fixture
def installed(script: Script, installation: Path) -> Script:
    """The script after ``--install``."""
    shutil.copytree(installation / "state", script.state, dirs_exist_ok=True)
    shutil.copytree(installation / "kafka-ml/build", script.folder / "build")
    return script


def _script(parent: Path, rendered: Path) -> Script:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: manifests cannot be rendered")
    folder, programs, state = parent / "kafka-ml", parent / "programs", parent / "state"
    folder.mkdir()
    programs.mkdir()
    state.mkdir()
    shutil.copy(ROOT / "Build_Kafka_ML.sh", folder)
    shutil.copytree(ROOT / "scripts/kubernetes", folder / "scripts/kubernetes")
    shutil.copytree(ROOT / "k8s", folder / "k8s")
    for program in _PROGRAMS:
        (programs / program).symlink_to(Path(__file__).with_name("programs.sh"))
    return Script(
        folder,
        state,
        {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(parent),
            "FAKE_STATE": str(state),
            "FAKE_RENDERED": str(rendered),
            "REAL_KUBECTL": kubectl,
        },
    )
