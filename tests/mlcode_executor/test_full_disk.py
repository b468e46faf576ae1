"""A model process writes a file for which there is no room."""

from __future__ import annotations

from pathlib import Path

import pytest

from kafkaml.errors import DiskFull
from mlcode_executor.frameworks.base import write_to
from tests.small_disk import SmallDisk


def test_a_full_disk_is_not_the_fault_of_the_model(tmp_path: Path) -> None:
    source = tmp_path / "weights"
    source.write_bytes(bytes(1 << 16))
    with SmallDisk(tmp_path / "disk", megabytes=1) as disk, (disk.folder / "weights").open("wb") as file:
        disk.fill()
        with pytest.raises(DiskFull) as caught:
            write_to(file.fileno(), source)
    assert caught.value.message == "the disk of the state folder is full: No space left on device"
    assert "free some disk" in caught.value.hint
