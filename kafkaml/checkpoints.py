"""Checkpoints: one file with everything that another attempt needs to continue a training. Written and read by the
runner.

A zip with uncompressed members. ``manifest.json`` names the training and the step, ``state.npz`` is the model process's
own (``mlcode_executor/frameworks/state.py``), ``arrays.npz`` the mode's. A checksum guards each.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafkaml.artifacts import checkpoint_name
from kafkaml.disk import disk_errors, whole_file
from kafkaml.errors import RefusedError
from kafkaml.wire.checkpoint import Positions
from kafkaml.wire.training import TrainingPlan

__all__ = ["Contents", "read_checkpoint", "write_checkpoint"]

_FORMAT = 1
_MANIFEST, _STATE, _ARRAYS = "manifest.json", "state.npz", "arrays.npz"
# Everything that decides the outcome of a training. Where it differs, continuing could not give the same weights.
_DECIDING = (
    "framework",
    "mode",
    "code",
    "imports",
    "batch_size",
    "fit_arguments",
    "stream",
    "seed",
    "split",
    "targets",
    "semi_supervised",
)
_DECIDING_CHAINS = ("chain", "chain_training")
_HINT = "start the training from the beginning, without its checkpoint"


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The content of a checkpoint after ``step`` epochs or windows, for which ``records`` were read up to
    ``positions``.

    ``document`` (JSON) and ``arrays`` are the mode's, ``state`` is the file that the model process wrote.
    """

    step: int
    state: Path
    document: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    records: int = 0
    positions: Positions = field(default_factory=dict)


def write_checkpoint(folder: Path, contents: Contents, plan: TrainingPlan) -> Path:
    """Write a checkpoint of ``plan`` into ``folder``, completely or not at all; returns its path. Raises DiskFull
    without room.
    """
    path = folder / checkpoint_name(contents.step)
    manifest = {
        "format": _FORMAT,
        "training": _identity(plan),
        "step": contents.step,
        "records": contents.records,
        "positions": contents.positions,
        "document": contents.document,
    }
    with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.write(contents.state, _STATE)
        with archive.open(_ARRAYS, "w", force_zip64=True) as member:
            np.savez(member, **contents.arrays)  # type: ignore[arg-type]
        archive.writestr(_MANIFEST, json.dumps(manifest))
    return path


def read_checkpoint(path: Path, folder: Path, plan: TrainingPlan) -> Contents:
    """Return the checkpoint in ``path``, with the model's state as a file in ``folder``.

    Raises RefusedError where it is damaged, or belongs to another training than ``plan``.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            _refuse_packed(archive)
            manifest = json.loads(archive.read(_MANIFEST))
            if manifest["format"] != _FORMAT:
                raise RefusedError(f"{path.name} is of format {manifest['format']}: expected {_FORMAT}", hint=_HINT)
            _refuse_other_training(path.name, manifest["training"], _identity(plan))
            with archive.open(_ARRAYS) as member, np.load(member, allow_pickle=False) as arrays:
                _refuse_packed(arrays.zip)
                kept = {name: arrays[name] for name in arrays.files}
            state = folder / _STATE
            with archive.open(_STATE) as member, disk_errors(folder), state.open("wb") as copy:
                shutil.copyfileobj(member, copy, 1 << 20)
            return Contents(
                step=int(manifest["step"]),
                state=state,
                document=dict(manifest["document"]),
                arrays=kept,
                records=int(manifest["records"]),
                positions=dict(manifest["positions"]),
            )
    except (
        zipfile.BadZipFile, EOFError, KeyError, ValueError, TypeError, NotImplementedError, MemoryError, RecursionError
    ) as error:  # fmt: skip
        raise RefusedError(
            f"the checkpoint {path.name} cannot be read, it is torn or damaged: {type(error).__name__}: {error}",
            hint=_HINT,
        ) from error


def _refuse_packed(archive: zipfile.ZipFile) -> None:
    """A file that was not written here could unpack to any size."""
    if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
        raise ValueError("its members are packed")


def _identity(plan: TrainingPlan) -> dict[str, str]:
    """Return a hash of each input that decides the outcome of the training."""
    document = plan.to_json()
    names = (*_DECIDING, *(_DECIDING_CHAINS if plan.chain else ()))
    return {name: hashlib.sha256(json.dumps(document[name], sort_keys=True).encode()).hexdigest() for name in names}


def _refuse_other_training(name: str, saved: Mapping[str, str], own: Mapping[str, str]) -> None:
    other = [name for name in own if saved.get(name) != own[name]]
    if other:
        raise RefusedError(
            f"the checkpoint {name} is of another training: it differs in {', '.join(other)}", hint=_HINT
        )
