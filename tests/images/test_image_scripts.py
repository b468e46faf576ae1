"""What is done to packages while images are built."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import orjson
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts" / "images"


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses look for the module they are in.
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


def test_whole_pages_of_a_hole_become_zeros_without_a_place_in_the_file() -> None:
    slim = _script("slim_library")
    load, table = 1, 6
    code = slim.Segment(load, 5, 0x1000, 0x1000, 0x1000, 0x800, 0x800, 0x1000)
    data = slim.Segment(load, 4, 0x2000, 0x2000, 0x2000, 0x9000, 0x9400, 0x1000)
    note = slim.Segment(table, 4, 0x40, 0x40, 0x40, 0x100, 0x100, 8)
    assert slim.without([code, data, note], (0x3010, 0x4FF0)) == [
        code,
        slim.Segment(load, 4, 0x2000, 0x2000, 0x2000, 0x2000, 0x2000, 0x1000),
        slim.Segment(load, 4, 0, 0x4000, 0x4000, 0, 0x4000, 0x1000),
        slim.Segment(load, 4, 0x8000, 0x8000, 0x8000, 0x3000, 0x3400, 0x1000),
        note,
    ]
    assert slim.without([code, data, note], (0x3010, 0x1000)) == [code, data, note]


def test_a_slimmed_library_still_loads_and_works(tmp_path: Path) -> None:
    extension = sys.modules["orjson.orjson"].__file__
    assert extension is not None
    copy = tmp_path / Path(extension).name
    shutil.copy(extension, copy)
    saved = _script("slim_library").slim(copy, keep_gpu_code=False)
    assert copy.stat().st_size == Path(extension).stat().st_size - saved
    program = "import orjson; print(orjson.__file__); print(orjson.dumps({'a': [1, 2.5, None]}).decode())"
    shown = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(tmp_path)}, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert shown == [str(copy), orjson.dumps({"a": [1, 2.5, None]}).decode()]


def test_what_is_no_library_stays_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "libc.so"
    script.write_text("/* GNU ld script */\n" + "GROUP ( /lib/libc.so.6 )\n" * 9)
    before = script.read_bytes()
    assert _script("slim_library").slim(script, keep_gpu_code=False) == 0
    assert script.read_bytes() == before


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
