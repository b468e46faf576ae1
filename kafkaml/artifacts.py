"""Trained models as files: their hash, and a cache by hash that the workers of one machine share.

Called by ``kafkaml.job_client`` (fetching, uploading) and the inference workers. A file is visible in the cache only
when it is complete and its hash is right, so readers never check again and a kill at any moment tears nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kafkaml.errors import ApiError, RefusedError

__all__ = [
    "CONTRACT_FILE",
    "ONNX_FILE",
    "ArtifactCache",
    "check_artifact_name",
    "checkpoint_name",
    "is_checkpoint",
    "is_program",
    "sha256_of_file",
]

# The artifact with the model for ONNX Runtime, if the model was converted.
ONNX_FILE = "model.onnx"
# The artifact of a trained model that says how records become its samples.
CONTRACT_FILE = "contract.json"

_SHA256 = re.compile(r"[0-9a-f]{64}")
# One path component without a leading dot, because names come from the network and from user code's process.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_CHECKPOINT = re.compile(r"checkpoint-[0-9]{1,16}\.zip")


def check_artifact_name(name: str) -> str:
    """Return ``name`` when it is safe as a file name and in a URL; raises RefusedError otherwise."""
    if not _NAME.fullmatch(name):
        raise RefusedError(
            f"{name!r} is not a name of an artifact: expected 1 to 100 letters, digits, dots, underscores or hyphens"
        )
    return name


def is_program(name: str) -> bool:
    """Whether an artifact is the program that loads the others, not a model itself."""
    return name.endswith(".py")


def checkpoint_name(step: int) -> str:
    """Return the name of the checkpoint from which a training continues after ``step``."""
    return f"checkpoint-{step}.zip"


def is_checkpoint(name: str) -> bool:
    """Whether an artifact is a checkpoint of the training rather than part of the trained model."""
    return _CHECKPOINT.fullmatch(name) is not None


def sha256_of_file(path: Path) -> str:
    """Return the hex sha256 of a file's content, read in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ArtifactCache:
    """Files named by their sha256 under ``folder`` (``<state dir>/cache/artifacts``), shared by processes.

    ``fetch`` is called at the start of a worker; replicas that start together download once, because the others wait on
    a lock. An interrupted download continues where it stopped.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def fetch(self, sha256: str, download: Callable[[int], tuple[int, Iterator[bytes]]]) -> Path:
        """Return the path of the file with this hash, downloading it when it is not here.

        ``download(offset)`` returns the offset that it really starts at (0 when it cannot resume) and an iterator of
        chunks. Errors of ``download`` pass through, and what arrived is kept. Raises ApiError when the complete bytes
        have another hash.
        """
        if not _SHA256.fullmatch(sha256):
            raise RefusedError(f"{sha256!r} is not a sha256: expected 64 lower-case hexadecimal digits")
        path = self._folder / sha256
        if path.exists():
            return path
        with self._locked(sha256):
            if path.exists():
                return path
            partial = self._folder / f"{sha256}.part"
            self._append(partial, download)
            received = sha256_of_file(partial)
            if received != sha256:
                partial.unlink()
                raise ApiError(
                    f"downloaded artifact has sha256 {received}: expected {sha256}",
                    hint="the stored file was changed or is damaged: train the model again",
                )
            partial.chmod(0o400)
            partial.replace(path)
        return path

    @staticmethod
    def _append(partial: Path, download: Callable[[int], tuple[int, Iterator[bytes]]]) -> None:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb") as file:
            start, chunks = download(file.seek(0, os.SEEK_END))
            file.truncate(start)
            file.seek(start)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def _locked(self, sha256: str) -> Iterator[None]:
        # The lock belongs to the open file, so a killed worker releases it.
        with (self._folder / f"{sha256}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
