"""The folder of one piece of work of the process launcher: every fact about it that must outlive the controller.

``<state>/jobs/<name>/`` holds

- ``spec.json``: the intent, written before anything starts; its absence means that only logs are left;
- ``token``: the job's credential (0600), which the worker renews in place;
- ``lock-<r>``: held (flock) by replica r's keeper and worker for as long as they live, so it decides whether the
  replica is alive: the kernel drops it when both have died, in whatever order;
- ``state-<r>.json``: what the keeper of replica r last wrote: process ids with start times, restarts, exit code;
- ``stop`` / ``stop-<r>``: the wish that the work / replica r ends, which a keeper also finds when no signal reached it;
- ``log-<r>.txt``, ``log-<r>.<offset>.txt``: the log's segments, the oldest dropped beyond a bound.

Imports nothing heavy, because keepers start with it. Written by ``process`` (intent) and ``keeper`` (state, log).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from kafkaml.process_id import ProcessId

__all__ = ["JobFolder", "ReplicaState", "read_json"]


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in ``path``; None when the file is absent or is not a JSON object."""
    try:
        document = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return document if isinstance(document, dict) else None


@dataclass(frozen=True, kw_only=True)
class ReplicaState:
    """What a keeper knows of its replica.

    ``phase``: ``starting`` (no worker yet), ``running``, ``backoff`` (waits to start it again), ``ended``.
    ``exit_code`` is that of the last worker, negative for a signal. ``stopped``: it ended because it was asked to by a
    stop file; ``suspended``: because Kafka-ML was shut down, so it may go on later.
    """

    keeper: ProcessId
    worker: ProcessId | None = None
    phase: str = "starting"
    restarts: int = 0
    exit_code: int | None = None
    out_of_memory: bool = False
    stopped: bool = False
    suspended: bool = False
    started_at: float = 0.0
    ended_at: float = 0.0

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        known = {field.name: document[field.name] for field in fields(cls) if field.name in document}
        worker = known.get("worker")
        return cls(
            **{**known, "keeper": ProcessId(**known["keeper"]), "worker": ProcessId(**worker) if worker else None}
        )


@dataclass(frozen=True)
class JobFolder:
    """Paths and small reads of one piece of work."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def spec_file(self) -> Path:
        return self.path / "spec.json"

    @property
    def token_file(self) -> Path:
        return self.path / "token"

    @property
    def stop_file(self) -> Path:
        return self.path / "stop"

    def stop_replica_file(self, replica: int) -> Path:
        return self.path / f"stop-{replica}"

    def state_file(self, replica: int) -> Path:
        return self.path / f"state-{replica}.json"

    def lock_file(self, replica: int) -> Path:
        return self.path / f"lock-{replica}"

    def must_stop(self, replica: int) -> bool:
        """Whether someone wants this replica to end."""
        return self.stop_file.exists() or self.stop_replica_file(replica).exists()

    def state(self, replica: int) -> ReplicaState | None:
        """Return what the replica's keeper last wrote; None before its first word."""
        document = read_json(self.state_file(replica))
        return ReplicaState.from_json(document) if document is not None else None

    def replicas_seen(self) -> Iterator[int]:
        """Iterate over the replicas that were ever started, in order."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.path):
                number = entry.name.removeprefix("lock-")
                if number != entry.name and number.isdigit():
                    found.append(int(number))
        yield from sorted(found)

    def try_lock(self, replica: int) -> int | None:
        """Take the replica's lock and return its descriptor; None when its keeper or worker is alive."""
        path = self.lock_file(replica)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
            # The file was removed between open and flock, so this lock is on nothing.
            os.close(descriptor)

    def is_locked(self, replica: int) -> bool:
        """Whether the replica's keeper or worker is alive."""
        try:
            descriptor = os.open(self.lock_file(replica), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
