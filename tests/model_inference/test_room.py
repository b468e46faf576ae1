from __future__ import annotations

import os
from pathlib import Path

import pytest

from kafkaml.errors import FailedError
from model_inference.room import check_room, free_bytes, resident_bytes

MIB = 1 << 20


def machine(folder: Path, *, available: int, limit: str = "max", used: int = 0, files: int = 0) -> tuple[Path, Path]:
    proc, cgroup = folder / "proc", folder / "cgroup"
    proc.mkdir()
    cgroup.mkdir()
    (proc / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:   {available // 1024} kB\n")
    (cgroup / "memory.max").write_text(f"{limit}\n")
    (cgroup / "memory.current").write_text(f"{used}\n")
    (cgroup / "memory.stat").write_text(f"anon 5\ninactive_file {files}\n")
    return proc, cgroup


def test_what_is_free_is_the_less_of_machine_and_container(tmp_path: Path) -> None:
    found = free_bytes(*machine(tmp_path, available=900 * MIB, limit=str(800 * MIB), used=500 * MIB, files=50 * MIB))
    assert found == 350 * MIB


def test_a_container_without_limit_has_what_the_machine_has(tmp_path: Path) -> None:
    assert free_bytes(*machine(tmp_path, available=900 * MIB)) == 900 * MIB


def test_where_nothing_is_known_nothing_is_refused(tmp_path: Path) -> None:
    assert free_bytes(tmp_path, tmp_path) is None
    check_room(1 << 60, None)


def test_a_second_process_that_finds_no_room_is_refused_with_figures() -> None:
    check_room(300 * MIB, 364 * MIB)
    with pytest.raises(FailedError, match="363 MiB are free, expected 364 MiB"):
        check_room(300 * MIB, 363 * MIB)


def test_memory_of_a_process_is_read() -> None:
    assert resident_bytes(os.getpid()) > MIB
    assert resident_bytes(2**22 + 1) == 0
