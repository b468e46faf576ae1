"""A replica's log is bounded, and reading by offset is always exact."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.launchers import replica_log
from backend.launchers.replica_log import LogWriter, read_log, remove_log, replicas_with_log


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_log, "SEGMENT_BYTES", 100)


def log_size(folder: Path, replica: int) -> int:
    return read_log(folder, replica, 0, 1 << 30)[1]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, 0)
    writer.write(b"hello ")
    writer.write(b"world\n")
    assert read_log(tmp_path, 0, 0, 1000) == (b"hello world\n", 12)
    assert read_log(tmp_path, 0, 6, 3) == (b"wor", 9)
    assert read_log(tmp_path, 0, 12, 10) == (b"", 12)
    assert read_log(tmp_path, 0, 99, 10) == (b"", 12)
    assert read_log(tmp_path, 0, -6, 100) == (b"world\n", 12)
    assert (tmp_path / "log-0.txt").read_bytes() == b"hello world\n"


def test_no_log_is_an_empty_log(tmp_path: Path) -> None:
    assert read_log(tmp_path / "absent", 0, 0, 10) == (b"", 0)
    assert log_size(tmp_path / "absent", 0) == 0
    assert replicas_with_log(tmp_path / "absent") == []


def test_a_flood_keeps_the_end_and_stays_bounded(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, 3)
    written = b"".join(f"line {number:04}\n".encode() for number in range(500))
    for start in range(0, len(written), 10):
        writer.write(written[start : start + 10])
    on_disk = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert on_disk <= 100 * replica_log.MAX_SEGMENTS
    content, end = read_log(tmp_path, 3, 0, 10_000)
    assert end == len(written) == log_size(tmp_path, 3)
    assert content == written[-len(content) :]
    assert len(content) > 200
    assert replicas_with_log(tmp_path) == [3]


def test_a_second_writer_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    for number in range(30):
        writer = LogWriter(tmp_path, 0)
        writer.write(f"start {number:02}\n".encode())
        writer.close()
    assert log_size(tmp_path, 0) == 30 * 9
    assert read_log(tmp_path, 0, -9, 9)[0] == b"start 29\n"
    remove_log(tmp_path, 0)
    assert replicas_with_log(tmp_path) == []


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=40), st.integers(1, 70))
def test_a_reader_who_polls_sees_every_byte_that_is_kept_once(
    tmp_path_factory: pytest.TempPathFactory, writes: list[bytes], max_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    writer = LogWriter(folder, 0)
    seen, offset = b"", 0
    for content in writes:
        writer.write(content)
        while True:
            part, offset = read_log(folder, 0, offset, max_bytes)
            if not part:
                break
            seen += part
    writer.close()
    assert seen == b"".join(writes)
    assert offset == log_size(folder, 0)


def test_a_full_disk_costs_log_lines_only(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "absent", 0)
    writer.write(b"lost")
    (tmp_path / "absent").mkdir()
    writer.write(b"kept")
    assert read_log(tmp_path / "absent", 0, 0, 1000)[0] == (b"[4 bytes of this log were lost: the disk was full]\nkept")
