"""The scripts that change packages while images are built."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts" / "images"


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up their module in sys.modules.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


LOCK = """\
nvidia-cublas==13.4.1.3 \\
    --hash=sha256:aa
nvidia-cuda-runtime==13.2.86 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
torch==2.15.0 \\
    --hash=sha256:dd
"""


@pytest.mark.parametrize(
    ("only", "without", "expected"),
    [
        ([], [], LOCK),
        (["torch"], [], "torch==2.15.0 \\\n    --hash=sha256:dd\n"),
        (
            [],
            ["torch", "nvidia-cub*"],
            "nvidia-cuda-runtime==13.2.86 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n",
        ),
        (["nvidia-*"], ["nvidia-*"], ""),
    ],
)
def test_a_lock_is_cut_by_whole_entries(only: list[str], without: list[str], expected: str) -> None:
    assert _script("cut_lock").cut(LOCK, only=only, without=without) == expected


def test_a_stub_answers_with_an_error_or_a_text_at_the_version_asked_for(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc here: stubs are only made while images are built")
    library = tmp_path / "libcublas.so.13"
    symbols = {("cublasCreate_v2", "libcublas.so.13"), ("ncclGetErrorString", "")}
    _script("stub_gpu_libraries").write_stub(library, symbols)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["libcublas.so.13"]
    program = f"""
import ctypes
library = ctypes.CDLL({str(library)!r})
print(library.cublasCreate_v2())
library.ncclGetErrorString.restype = ctypes.c_char_p
print(library.ncclGetErrorString().decode())
"""
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert shown.splitlines() == ["1", "this is an image for CPUs: build it with ACCELERATOR=gpu"]
    table = subprocess.run(["readelf", "-W", "--dyn-syms", library], check=True, capture_output=True, text=True).stdout
    assert "cublasCreate_v2@@libcublas.so.13" in table
