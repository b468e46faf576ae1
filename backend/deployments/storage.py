"""Trained models in files: resumable uploads, complete or not visible at all.

``<artifacts>/<result>/a<attempt>/<sha256>`` holds a complete file, ``.part-<sha256>`` next to it one that is arriving.
All names are made here; a row exists only for a file that is complete, has the right hash, and is kept.

Files are kept on the disk or, where the settings name a bucket, under the same name in that object store. The disk is
then a cache: it holds files that arrive or are requested, and drops those not requested lately.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO

import structlog
from django.db import transaction

from backend.api.errors import Conflict, InvalidField, NotFound, RangeNotSatisfiable, StaleAttempt
from backend.config.environment import environment
from backend.deployments.models import Artifact, TrainingResult
from backend.deployments.object_store import ObjectStore, object_store
from kafkaml.artifacts import ArtifactCache, check_artifact_name, is_checkpoint, sha256_of_file
from kafkaml.errors import BrokenError, RefusedError

__all__ = [
    "ContentRange",
    "bytes_received",
    "copy_to_store",
    "fetch",
    "is_kept",
    "path_of",
    "receive",
    "remove",
    "remove_attempts_before",
    "remove_result",
    "remove_unfinished",
]

logger = structlog.get_logger(__name__)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RANGE = re.compile(r"bytes (\d{1,16})-(\d{1,16})/(\d{1,16})")
_COPY_BYTES = 1 << 20
# A file that was requested this recently may not be open yet.
_IN_USE_SECONDS = 600.0


@dataclass(frozen=True)
class ContentRange:
    """Bytes ``start`` to ``end`` (exclusive) of ``total``."""

    start: int
    end: int
    total: int

    @classmethod
    def parse(cls, header: str) -> ContentRange:
        """Parse ``bytes 0-99/1234``; raises InvalidField."""
        match = _RANGE.fullmatch(header.strip())
        start, last, total = (int(group) for group in match.groups()) if match else (1, 0, 0)
        if not start <= last < total:
            raise InvalidField(
                "Content-Range", f"Content-Range is {header[:80]!r}: expected for example 'bytes 0-1023/4096'"
            )
        return cls(start, last + 1, total)


def check_sha256(text: str) -> str:
    """Return ``text`` when it is a sha256 in hex; raises InvalidField."""
    if not _SHA256.fullmatch(text):
        raise InvalidField(
            "X-Content-SHA256", f"X-Content-SHA256 is {text[:80]!r}: expected 64 lower-case hexadecimal digits"
        )
    return text


def path_of(artifact: Artifact) -> Path:
    """Return where an artifact's bytes are, or will be when ``fetch`` has brought them."""
    return _folder(artifact.result_id, artifact.attempt) / artifact.sha256


def is_kept(artifact: Artifact) -> bool:
    """Whether an artifact's bytes should still exist; an object store is not queried."""
    return environment().s3_bucket != "" or path_of(artifact).exists()


def fetch(artifact: Artifact) -> Path:
    """Return where an artifact's bytes are, having brought them from the object store when they were not there.

    Raises NotFound when they are gone, BrokenError when the store does not give them.
    """
    path = path_of(artifact)
    store = object_store(environment())
    try:
        if store is not None:
            is_here = path.exists()
            ArtifactCache(path.parent).fetch(artifact.sha256, partial(store.get, _key(path)))
            os.utime(path)
            if not is_here:
                _make_room(store)
        path.stat()
    except FileNotFoundError as error:
        raise NotFound(
            f"the file of artifact {artifact.name} of result {artifact.result_id} is gone from the store",
            hint="train the model again",
        ) from error
    return path


def copy_to_store(artifact: Artifact) -> bool:
    """Copy a file that is only on the disk into the object store; return whether that was needed.

    For models that were trained before the settings named a bucket. Raises NotFound when the file is nowhere.
    """
    store = object_store(environment())
    assert store is not None
    path = path_of(artifact)
    try:
        return _ensure_stored(store, path, artifact.size)
    except FileNotFoundError as error:
        raise NotFound(
            f"artifact {artifact.name} of result {artifact.result_id} is neither on the disk nor in the store"
        ) from error


def bytes_received(result: TrainingResult, name: str, sha256: str) -> int | None:
    """Return how many bytes of an upload have arrived; None when there are none."""
    check_artifact_name(name)
    folder = _folder(result.pk, result.attempt)
    for path in (folder / check_sha256(sha256), folder / f".part-{sha256}"):
        if path.exists():
            return path.stat().st_size
    return None


def receive(
    result: TrainingResult, name: str, sha256: str, place: ContentRange, content: BinaryIO
) -> tuple[Artifact | None, bool]:
    """Store one piece of an upload, in constant memory; returns the artifact once complete, and whether it is new.

    Pieces may overlap what is here already (sent again). Raises RangeNotSatisfiable for a gap, RefusedError for bytes
    of another hash (the part is then removed), Conflict when the name is taken by other bytes of the same attempt that
    are of no version yet, BrokenError when the disk is full or the object store does not take it (the part is kept).
    """
    check_artifact_name(name)
    check_sha256(sha256)
    known = Artifact.objects.filter(result=result, attempt=result.attempt, version=None, name=name).first()
    if known is not None:
        if known.sha256 == sha256:
            return known, False
        raise Conflict(f"artifact {name} of this attempt is stored with sha256 {known.sha256}: expected the same bytes")
    _check_size(result, name, place.total)
    folder = _folder(result.pk, result.attempt)
    final = folder / sha256
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(folder / f".part-{sha256}") as part:
            if not final.exists() and not _append(part, place, content, final, sha256):
                return None, False
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise BrokenError(
                f"artifact {name} cannot be stored: {os.strerror(error.errno)} in {environment().artifacts_dir}",
                hint="free disk space; the upload goes on where it stopped",
            ) from error
        raise
    with transaction.atomic():
        present = TrainingResult.objects.select_for_update().filter(pk=result.pk).values_list("attempt", flat=True)
        if list(present) != [result.attempt]:
            raise StaleAttempt(f"attempt {result.attempt} of result {result.pk} is over")
        if not final.exists():
            # The file belonged to a version that was deleted just now.
            raise BrokenError(f"artifact {name} was deleted while it arrived", hint="upload it again")
        return Artifact.objects.get_or_create(
            result=result,
            attempt=result.attempt,
            version=None,
            name=name,
            defaults={"size": final.stat().st_size, "sha256": sha256},
        )


def remove_result(result_id: int) -> None:
    """Delete all files of a result once the present transaction is committed."""
    folder = environment().artifacts_dir / str(int(result_id))

    def remove() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_from_store(result_id)

    transaction.on_commit(remove)


def remove(result: TrainingResult, **which: Any) -> None:
    """Delete rows of a result now, and after the commit the files that no other row has. ``which`` filters the rows."""
    rows = Artifact.objects.filter(result=result, **which)
    places = set(rows.values_list("attempt", "sha256"))
    rows.delete()

    def remove_files() -> None:
        with _named_files(result.pk) as named:
            gone = places - named
            for attempt, sha256 in gone:
                (_folder(result.pk, attempt) / sha256).unlink(missing_ok=True)
        _remove_from_store(result.pk, is_kept=lambda place: place not in gone)

    transaction.on_commit(remove_files)


def remove_attempts_before(result: TrainingResult) -> None:
    """Delete rows now, and files after the commit, of attempts older than the present one, except files of versions and
    checkpoints.
    """
    Artifact.objects.filter(result=result, attempt__lt=result.attempt, version=None, checkpoint=None).delete()
    present = _folder(result.pk, result.attempt)

    def remove_files() -> None:
        with _named_files(result.pk) as named:
            for folder in present.parent.glob("a*") if present.parent.exists() else ():
                attempt = int(folder.name[1:])
                if attempt < result.attempt:
                    _remove_all_but(folder, {sha256 for of, sha256 in named if of == attempt})
        _remove_from_store(result.pk, is_kept=lambda place: place[0] >= result.attempt or place in named)

    transaction.on_commit(remove_files)


def remove_unfinished(result: TrainingResult, *, before: int) -> None:
    """Delete, after the commit, the beginnings of files that attempts before the attempt ``before`` did not finish."""

    def remove_files() -> None:
        for path in (environment().artifacts_dir / str(result.pk)).glob("a*/.part-*"):
            if int(path.parent.name[1:]) < before:
                path.unlink(missing_ok=True)

    transaction.on_commit(remove_files)


@contextmanager
def _named_files(result_id: int) -> Iterator[set[tuple[int, str]]]:
    """Yield attempt and hash of all files that rows of a result have; no row can be added meanwhile."""
    with transaction.atomic():
        TrainingResult.objects.select_for_update().filter(pk=result_id).exists()
        yield set(Artifact.objects.filter(result_id=result_id).values_list("attempt", "sha256"))


def _remove_all_but(folder: Path, kept: Collection[str]) -> None:
    if not kept:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _remove_from_store(result_id: int, *, is_kept: Callable[[tuple[int, str]], bool] = lambda _place: False) -> None:
    store = object_store(environment())
    if store is None:
        return

    def is_key_kept(key: str) -> bool:
        _, attempt, sha256 = key.split("/")
        return is_kept((int(attempt[1:]), sha256))

    try:
        store.remove(f"{int(result_id)}/", is_kept=is_key_kept)
    except BrokenError as error:
        # The rows are gone already, so the leftover files only cost space.
        logger.warning("files of a result stay in the object store", prefix=f"{result_id}/", error=error.message)


def _key(path: Path) -> str:
    return path.relative_to(environment().artifacts_dir).as_posix()


def _ensure_stored(store: ObjectStore, path: Path, size: int) -> bool:
    """Put a file of ``size`` bytes into the store unless it is there; return whether that was needed."""
    if store.size(_key(path)) == size:
        return False
    store.put(_key(path), path)
    return True


def _make_room(store: ObjectStore) -> None:
    """Delete files from the disk that the object store has too, the longest unused first."""
    settings = environment()
    files: list[tuple[os.stat_result, Path]] = []
    for path in settings.artifacts_dir.glob("*/a*/*"):
        # Another request may delete the same files, or the result.
        with suppress(FileNotFoundError):
            if _SHA256.fullmatch(path.name):
                files.append((path.stat(), path))
    excess = sum(status.st_size for status, _ in files) - settings.s3_cache_bytes
    for status, path in sorted(files, key=lambda file: file[0].st_mtime):
        if excess <= 0 or time.time() - status.st_mtime < _IN_USE_SECONDS:
            return
        try:
            # A file stored before there was a bucket exists only here.
            _ensure_stored(store, path, status.st_size)
        except BrokenError as error:
            logger.warning("the disk keeps more than it should", bytes=excess, error=error.message)
            return
        path.unlink(missing_ok=True)
        excess -= status.st_size


def _folder(result_id: int, attempt: int) -> Path:
    return environment().artifacts_dir / str(int(result_id)) / f"a{int(attempt)}"


def _check_size(result: TrainingResult, name: str, total: int) -> None:
    settings = environment()
    rows = Artifact.objects.filter(result=result, attempt=result.attempt, version=None)
    # Checkpoints do not count, because their space must not be taken from the trained model's.
    beside = [size for other, size in rows.values_list("name", "size") if is_checkpoint(other) is is_checkpoint(name)]
    stored, kind = sum(beside), "checkpoint" if is_checkpoint(name) else "artifact"
    if total > settings.max_artifact_bytes or stored + total > settings.max_run_artifact_bytes:
        raise RefusedError(
            f"the {kind} has {total} bytes, and this attempt has stored {stored}: expected at most "
            f"{settings.max_artifact_bytes} in one and {settings.max_run_artifact_bytes} together",
            hint="an administrator can raise KML_MAX_ARTIFACT_BYTES and KML_MAX_RUN_ARTIFACT_BYTES",
        )


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """Open the part for one writer at a time; a retried request may arrive while the first still writes."""
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _busy() from error
        # The previous holder of the lock may have removed or published the file that we opened.
        if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            raise _busy()
        yield file


def _busy() -> BrokenError:
    return BrokenError("this artifact is being uploaded by another request", hint="try again in a moment")


def _append(part: IO[bytes], place: ContentRange, content: BinaryIO, final: Path, sha256: str) -> bool:
    """Write one piece; once all bytes are there, check, sync and publish the file. Returns whether it is complete."""
    path = final.with_name(f".part-{sha256}")
    have = part.seek(0, os.SEEK_END)
    if place.start > have:
        raise RangeNotSatisfiable(f"the piece starts at byte {place.start}: expected {have} or less, which is here")
    part.seek(place.start)
    part.truncate(place.start)
    left = place.end - place.start
    while left and (chunk := content.read(min(_COPY_BYTES, left))):
        part.write(chunk)
        left -= len(chunk)
    part.flush()
    if left:
        raise RefusedError(f"the piece is {left} bytes shorter than its Content-Range says")
    if place.end < place.total:
        return False
    os.fsync(part.fileno())
    received = sha256_of_file(path)
    if received != sha256:
        path.unlink()
        raise RefusedError(f"the bytes received have sha256 {received}: expected {sha256}", hint="upload again")
    store = object_store(environment())
    if store is not None:
        store.put(_key(final), path)
    path.chmod(0o400)
    path.rename(final)
    folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    if store is not None:
        _make_room(store)
    return True
