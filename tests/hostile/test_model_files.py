"""Hostile files given for trained models: nothing in them runs, nothing outside is read, the file is to blame."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kafkaml.errors import FailedError, RefusedError
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import OwnRuntime, Runtime
from tests.hostile.model_files import FILES, RAN, HostileFile
from tests.hostile.test_frameworks import GOOD_MODELS

pytestmark = pytest.mark.hostile

LIMITS = ResourceLimits(memory_bytes=1 << 30, cpu_seconds=2, file_bytes=64 << 20, wall_seconds=120)
CALL_SECONDS = 100.0
CODE = {
    OwnRuntime.ONNX: "",
    Framework.PYTORCH: GOOD_MODELS[Framework.PYTORCH],
    Framework.TENSORFLOW: GOOD_MODELS[Framework.TENSORFLOW],
}
SECRET = "a-secret-of-this-machine"
# These files may load: code of the user's own, and files whose trap is not in the weights.
HARMLESS = {"a function of the user's", "members up the folders", "a link for a member"}


def take(process: ModelProcess, file: HostileFile, content: bytes) -> None:
    """Let the process load the file as its runtime does."""
    with tempfile.TemporaryFile() as artifact:
        artifact.write(content)
        artifact.flush()
        code = {"code": CODE[file.runtime], "imports": "import torch\nfrom torch import nn", "seed": 1}
        if file.runtime == Framework.TENSORFLOW:
            code["imports"] = "import tensorflow as tf"
        if file.artifact == "state.npz":
            process.call("build", code, timeout_seconds=CALL_SECONDS)
            process.call("restore_state", files={"state": artifact.fileno()}, timeout_seconds=CALL_SECONDS)
        else:
            about = {"input": {"dtype": "float32", "shape": [4]}, "max_batch": 8, **code}
            process.call("load", about, files={file.artifact: artifact.fileno()}, timeout_seconds=CALL_SECONDS)


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 40
    assert len({str(file) for file in FILES}) == len(FILES)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_hostile_file_is_refused(file: HostileFile, fork_server_of: Callable[[Runtime], str], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET * 10)
    tmp_path.chmod(0o755)
    said = ""
    with ModelProcess.start(file.runtime, LIMITS, fork_server=fork_server_of(file.runtime)) as process:
        try:
            take(process, file, file.content(secret))
        except (RefusedError, FailedError) as error:
            said = f"{error.message} {error.hint}"
        else:
            assert file.what in HARMLESS, process.output
        assert RAN not in process.output or file.what == "a function of the user's"
    assert SECRET not in said + process.output
    assert len(said) <= 10_000
    assert not Path("/tmp/escaped").exists()
