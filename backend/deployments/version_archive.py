"""A version's files as one zip, under the names by which they refer to each other, with a README of working
programs.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from backend.api.errors import NotFound
from backend.deployments import storage
from backend.deployments.models import Artifact, ResultVersion, TrainingResult
from backend.deployments.versions import artifacts_of
from kafkaml.artifacts import CONTRACT_FILE, ONNX_FILE
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.framework import Framework

__all__ = ["archive_chunks", "file_stem"]

_CHUNK_BYTES = 1 << 20
# Files that make the others usable: the model's code, the model without its framework, and the contract. Without the
# scales of the contract, the model of a data set answers wrongly.
_LOADED = {"model.py": "With its code", ONNX_FILE: "Without its framework", CONTRACT_FILE: "What it takes"}


def file_stem(result: TrainingResult, version: ResultVersion | None) -> str:
    """Return what the names of downloads begin with: model, result and version."""
    words = "".join(letter if letter.isalnum() else "-" for letter in result.model.name)[:40]
    return f"{words}-{result.pk}" + ("" if version is None else f"-v{version.number}")


def archive_chunks(version: ResultVersion) -> Iterator[bytes]:
    """Iterate over the bytes of the zip, in constant memory.

    Raises NotFound before the first of them where the version has no files, or one is gone from the store.
    """
    artifacts = list(artifacts_of(version).order_by("name"))
    if not artifacts:
        raise NotFound(f"{version} has no files", hint="train the model again")
    paths = [storage.fetch(artifact) for artifact in artifacts]
    if gone := [artifact.name for artifact, path in zip(artifacts, paths, strict=True) if not path.exists()]:
        raise NotFound(f"{', '.join(gone)} of {version} is gone from the store", hint="train the model again")
    return _zipped(file_stem(version.result, version), _readme(version, artifacts), artifacts, paths)


def _zipped(folder: str, readme: str, artifacts: Sequence[Artifact], paths: Sequence[Path]) -> Iterator[bytes]:
    out = _Drain()
    # Store without compression, which hardly shrinks weights.
    with zipfile.ZipFile(cast(BinaryIO, out), "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{folder}/README.md", readme)
        for artifact, path in zip(artifacts, paths, strict=True):
            entry = zipfile.ZipInfo(f"{folder}/{artifact.name}", artifact.created_at.timetuple()[:6])
            entry.external_attr = 0o644 << 16
            with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as into:
                while chunk := file.read(_CHUNK_BYTES):
                    into.write(chunk)
                    yield out.taken()
    yield out.taken()


class _Drain(io.RawIOBase):
    """A write-only file whose content is taken out piece by piece."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        data = b"".join(self._waiting)
        self._waiting.clear()
        return data


def _readme(version: ResultVersion, artifacts: Sequence[Artifact]) -> str:
    model = version.result.model
    names = {artifact.name for artifact in artifacts}
    uses = FRAMEWORKS[Framework(model.framework)].files
    parts = [
        f"# {model.name}, version {version.number} of result {version.result_id}",
        f"Trained by Kafka-ML. {model.description}".strip(),
    ]
    for name in (loaded for loaded in _LOADED if loaded in names):
        use = uses[name]
        parts += [
            f"## {_LOADED[name]}",
            use.purpose,
            f"`pip install {' '.join(use.needs)}`, and in this folder:" if use.needs else "In this folder:",
            f"```python\n{use.program(name)}```",
        ]
    rows = [f"| {artifact.name} | {artifact.size:,} | {artifact.sha256} |" for artifact in artifacts]
    parts += ["## Files", "\n".join(["| file | bytes | sha256 |", "|---|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"
