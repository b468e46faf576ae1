from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkaml.artifacts import ArtifactCache, sha256_of_file
from kafkaml.errors import ApiError, RefusedError

CONTENT = b"0123456789" * 10
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def from_offset(offset: int) -> tuple[int, Iterator[bytes]]:
    return offset, iter([CONTENT[offset:]])


def test_hash_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_source_that_cannot_resume_starts_from_the_beginning(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path)

    def cut(_offset: int) -> tuple[int, Iterator[bytes]]:
        def chunks() -> Iterator[bytes]:
            yield b"wrong start, longer than what follows" * 10
            raise ApiError("cut")

        return 0, chunks()

    with pytest.raises(ApiError, match="cut"):
        cache.fetch(SHA256, cut)
    assert cache.fetch(SHA256, lambda _offset: (0, iter([CONTENT]))).read_bytes() == CONTENT


def test_workers_that_start_together_download_once(tmp_path: Path) -> None:
    started, release = threading.Event(), threading.Event()
    downloads: list[int] = []

    def slow(offset: int) -> tuple[int, Iterator[bytes]]:
        downloads.append(offset)
        started.set()
        release.wait(60)
        return from_offset(offset)

    paths: list[Path] = []
    threads = [
        threading.Thread(target=lambda: paths.append(ArtifactCache(tmp_path).fetch(SHA256, slow))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    assert started.wait(60)
    release.set()
    for thread in threads:
        thread.join(60)
    assert downloads == [0]
    assert {path.read_bytes() for path in paths} == {CONTENT}


def test_a_cached_file_cannot_be_written(tmp_path: Path) -> None:
    assert ArtifactCache(tmp_path).fetch(SHA256, from_offset).stat().st_mode & 0o777 == 0o400


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "A" * 64, "a" * 63])
def test_a_hash_that_is_none_is_refused(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(RefusedError, match="not a sha256"):
        ArtifactCache(tmp_path).fetch(sha256, from_offset)
