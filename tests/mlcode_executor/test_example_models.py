"""The real executors accept the models of all examples, in both frameworks, as they would be pasted."""

from __future__ import annotations

from pathlib import Path

import pytest

from kafkaml.wire.framework import Framework
from tests.mlcode_executor.conftest import StartProcess

_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_FILES = sorted(_EXAMPLES.glob("*/model_*.py"))
# The tutorial's models have warnings: from_logits with a softmax, and a softmax before a loss that has its own.
_WARNED = {"MNIST_RAW_format/model_tensorflow.py", "MNIST_RAW_format/model_pytorch.py"}


def _name(path: Path) -> str:
    return str(path.relative_to(_EXAMPLES))


def test_each_example_has_its_models_in_both_frameworks() -> None:
    written = {path.parent.name: {model_file.name for model_file in path.parent.glob("model_*.py")} for path in _FILES}
    assert len(written) >= 12
    both = {"model_tensorflow.py", "model_pytorch.py"}
    assert {folder for folder, names in written.items() if not both <= names} == set()


@pytest.mark.parametrize("path", _FILES, ids=_name)
def test_a_model_is_accepted(path: Path, start_model: StartProcess) -> None:
    runtime = Framework.TENSORFLOW if path.stem.endswith("tensorflow") else Framework.PYTORCH
    # Models are as narrow as in a quick run, which saves seconds for the same code.
    code = path.read_text(encoding="utf-8").replace("WIDTH = 16", "WIDTH = 2")
    distributed = len(path.stem.split("_")) == 3
    report = start_model(runtime).call("check", {"code": code, "imports": "", "distributed": distributed})
    assert report["parameters"] > 0
    assert bool(report["warnings"]) == (_name(path) in _WARNED), report["warnings"]
