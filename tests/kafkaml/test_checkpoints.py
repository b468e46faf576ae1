"""Checkpoints are whole or absent, and only the training that wrote them reads them back."""

from __future__ import annotations

import io
import resource
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from kafkaml.checkpoints import Contents, read_checkpoint, write_checkpoint
from kafkaml.disk import whole_file
from kafkaml.errors import DiskFull, RefusedError
from kafkaml.failures import failure_of
from kafkaml.wire.failure import FailureCategory
from tests.model_training.test_classic import PLAN


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    state = tmp_path / "state"
    state.write_bytes(bytes(range(256)) * 40)
    return Contents(
        step=12,
        state=state,
        document={"seconds": 1.5, "label": {"0": None}},
        arrays={"features": np.arange(6, dtype=np.uint8).reshape(2, 3), "labels": np.array([0.5, np.nan])},
        records=70,
        positions={"digits": {"0": 40, "1": 30}},
    )


def read(path: Path, folder: Path, **changed: Any) -> Contents:
    (folder / "out").mkdir(exist_ok=True)
    return read_checkpoint(path, folder / "out", PLAN.model_copy(update=changed))


def test_what_was_written_is_read(tmp_path: Path, contents: Contents) -> None:
    path = write_checkpoint(tmp_path, contents, PLAN)
    assert path.name == "checkpoint-12.zip"
    found = read(path, tmp_path)
    assert found.state.read_bytes() == contents.state.read_bytes()
    for name, array in contents.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)
    assert (found.step, found.records, found.positions) == (12, 70, contents.positions)
    assert found.document == contents.document
    # Values without influence on the training may differ, such as its time limit and the attempt's starting point.
    assert read(path, tmp_path, evaluation_arguments={"steps": 1}, result_id=8).step == 12


def test_a_torn_or_damaged_one_is_refused(tmp_path: Path, contents: Contents) -> None:
    path = write_checkpoint(tmp_path, contents, PLAN)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        offsets = [member.header_offset for member in archive.infolist()]
    # Damaged copies: cut off at several lengths, and with one byte of each member changed.
    for damaged in [
        *(whole[:length] for length in (0, 100, len(whole) // 2, len(whole) - 1)),
        *(whole[: offset + 120] + bytes([whole[offset + 120] ^ 1]) + whole[offset + 121 :] for offset in offsets),
    ]:
        path.write_bytes(damaged)
        with pytest.raises(RefusedError, match=r"checkpoint-12.zip cannot be read, it is torn or damaged") as caught:
            read(path, tmp_path)
        assert "from the beginning" in caught.value.hint


def test_one_that_would_unpack_to_more_than_it_is_is_refused(tmp_path: Path, contents: Contents) -> None:
    path = write_checkpoint(tmp_path, contents, PLAN)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    packed, claimed = io.BytesIO(), io.BytesIO()
    np.savez_compressed(packed, bomb=np.zeros(1 << 20))
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1 << 50,)}".replace(b"1 << 50", b"%d" % (1 << 50))
    with zipfile.ZipFile(claimed, "w") as archive:
        archive.writestr("huge.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    for name, content, compression in [
        ("state.npz", bytes(1 << 20), zipfile.ZIP_DEFLATED),
        ("arrays.npz", packed.getvalue(), zipfile.ZIP_STORED),
        ("arrays.npz", claimed.getvalue(), zipfile.ZIP_STORED),
        ("manifest.json", b"[" * 100_000, zipfile.ZIP_STORED),
    ]:
        with zipfile.ZipFile(path, "w") as archive:
            for member, kept in (members | {name: content}).items():
                archive.writestr(member, kept, compression if member == name else zipfile.ZIP_STORED)
        with pytest.raises(RefusedError, match="torn or damaged"):
            read(path, tmp_path)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"code": "model = 2"}, "code"),
        ({"fit_arguments": {"epochs": 3}, "seed": 12}, "fit_arguments, seed"),
        ({"stream": PLAN.stream.__class__(ranges=(), input_format=PLAN.stream.input_format)}, "stream"),
    ],
)
def test_one_of_another_training_is_refused(
    tmp_path: Path, contents: Contents, changed: dict[str, Any], named: str
) -> None:
    path = write_checkpoint(tmp_path, contents, PLAN)
    with pytest.raises(RefusedError, match=rf"of another training: it differs in {named}$"):
        read(path, tmp_path, **changed)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, contents: Contents) -> None:
    path = write_checkpoint(tmp_path, contents, PLAN)
    before = path.read_bytes()

    before_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, before_limit[1]))
    try:
        with pytest.raises(DiskFull, match="is full: File too large") as caught:
            write_checkpoint(tmp_path, contents, PLAN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before_limit)
    assert failure_of(caught.value).category is FailureCategory.CONFIGURATION
    assert "free some disk" in caught.value.hint
    assert path.read_bytes() == before
    assert sorted(left.name for left in tmp_path.iterdir()) == ["checkpoint-12.zip", "state"]


def test_a_file_whose_writing_fails_is_not_there(tmp_path: Path) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), whole_file(tmp_path / "new") as file:
        write(file)
    assert not list(tmp_path.iterdir())
