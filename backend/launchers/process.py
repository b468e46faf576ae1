"""ProcessLauncher: work as child processes that survive the controller and are adopted by the next one.

Everything it knows is in files and locks (``job_folder``), so there is nothing to lose: ``observe`` compares what
should run with what does, and starts or stops the rest. Two launchers at once cannot start twins, because a replica
runs only while its keeper holds the replica's lock.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from backend.launchers.base import Observed, Phase, RestartPolicy, WorkSpec
from backend.launchers.diagnosis import Ending, diagnose
from backend.launchers.job_folder import JobFolder, ReplicaState, read_json
from backend.launchers.names import check_work_name, parse_work_name
from backend.launchers.replica_log import (
    log_tail,
    names_with_log,
    prune_logs,
    read_log,
    remove_log,
    replicas_with_log,
)
from backend.launchers.warm_start import WorkerServer, worker_base_environment
from kafkaml.errors import BrokenError
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger
from kafkaml.process_id import ProcessId
from kafkaml.system import write_atomically

__all__ = ["ProcessLauncher", "suspend_all"]

logger = get_logger(__name__)

# A keeper that dies at once is not started again in a tight loop.
_RESPAWN_SECONDS = 1.0
# How long a keeper may take beyond the worker's grace before it is killed itself.
_KEEPER_EXTRA_SECONDS = 8.0


class ProcessLauncher:
    """Runs work below ``jobs_dir`` on this machine. One thread uses it; it may be thrown away at any moment.

    ``base_env`` is every worker's environment in addition to its job's; ``preload`` are packages that the warm server
    imports (empty: every worker starts cold). ``grace_seconds`` pass between SIGTERM and SIGKILL, more where a spec
    says so.
    """

    def __init__(
        self,
        jobs_dir: Path,
        *,
        base_env: Mapping[str, str] | None = None,
        preload: Sequence[str] = (),
        grace_seconds: float = 10.0,
        backoff_initial_seconds: float = 0.5,
        backoff_max_seconds: float = 30.0,
        backoff_stable_seconds: float = 60.0,
    ) -> None:
        self._jobs_dir = jobs_dir
        self._base_env = {**worker_base_environment(), "PYTHONUNBUFFERED": "1", **(base_env or {})}
        self._timing = {
            "grace_seconds": grace_seconds,
            "backoff_initial_seconds": backoff_initial_seconds,
            "backoff_max_seconds": backoff_max_seconds,
            "backoff_stable_seconds": backoff_stable_seconds,
        }
        self._server = WorkerServer(preload=preload, env=worker_base_environment()) if preload else None
        self._cold: list[subprocess.Popen[bytes]] = []
        self._started_at: dict[tuple[str, int], float] = {}
        self._ended: dict[str, tuple[int, Observed]] = {}
        self._complaints: dict[str, str] = {}
        jobs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._readdress()

    # --- the contract ----------------------------------------------------------------------------------------------

    def launch(self, spec: WorkSpec) -> None:
        """See Launcher. Returns once the process is on its way (about 10 ms with a warm server)."""
        folder = self._folder(spec.name)
        try:
            folder.path.mkdir(mode=0o700, exist_ok=True)
            known = read_json(folder.spec_file)
            known = self._write_intent(folder, spec) if known is None else self._adopt(folder, known, spec)
            self._converge(folder, known)
        except OSError as error:
            raise BrokenError(
                f"cannot start {spec.name} in {folder.path}: {error}",
                hint="check the free space and the permissions of the state folder",
            ) from error

    def stop(self, name: str) -> None:
        """See Launcher. The keeper carries it through; ``observe`` escalates when the keeper does not."""
        folder = self._folder(name)
        if not folder.spec_file.exists():
            return
        try:
            if not folder.stop_file.exists():
                write_atomically(folder.stop_file, b"")
                failpoint("launcher.stop_written")
                for replica in folder.replicas_seen():
                    _signal_replica(folder, replica, signal.SIGTERM)
        except OSError as error:
            raise BrokenError(f"cannot stop {name} in {folder.path}: {error}") from error

    def forget(self, name: str) -> None:
        """See Launcher. Work that still runs is not forgotten."""
        folder = self._folder(name)
        try:
            if any(folder.is_locked(replica) for replica in folder.replicas_seen()):
                return
            # The spec is removed first. Without it the other files count as litter, wherever the removal is
            # interrupted.
            folder.spec_file.unlink(missing_ok=True)
            failpoint("launcher.forget_half")
            _remove_all_but_logs(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise BrokenError(f"cannot forget {name} in {folder.path}: {error}") from error
        self._ended.pop(name, None)

    def observe(self) -> Mapping[str, Observed]:
        """See Launcher. Also starts, restarts, scales and kills what is due, so it must be called regularly."""
        self._cold = [process for process in self._cold if process.poll() is None]
        if self._server is not None:
            self._server.is_ready()
        found: dict[str, Observed] = {}
        try:
            names = [entry.name for entry in os.scandir(self._jobs_dir) if parse_work_name(entry.name)]
        except OSError as error:
            raise BrokenError(f"cannot read the folder of jobs {self._jobs_dir}: {error}") from error
        for name in names:
            folder = JobFolder(self._jobs_dir / name)
            try:
                observed = self._observe_one(folder)
            except (OSError, KeyError, TypeError, ValueError) as error:
                self._complain(name, error)
                observed = Observed(name=name, phase=Phase.UNKNOWN)
            if observed is not None:
                found[name] = observed
        return found

    def logs(self, name: str, *, replica: int = 0, offset: int = 0, max_bytes: int = 65536) -> tuple[bytes, int]:
        """See Launcher."""
        return read_log(self._folder(name).path, replica, offset, max_bytes)

    def names(self) -> Sequence[str]:
        """See Launcher."""
        return names_with_log(self._jobs_dir)

    def prune(self, *, older_than_seconds: float) -> None:
        """See Launcher."""
        prune_logs(
            self._jobs_dir,
            older_than_seconds=older_than_seconds,
            is_kept=lambda name: JobFolder(self._jobs_dir / name).spec_file.exists(),
        )

    def close(self) -> None:
        """End the warm server; running work continues."""
        if self._server is not None:
            self._server.close()

    @property
    def is_warm(self) -> bool:
        """Whether workers start by a fork of the warm server now."""
        return self._server is not None and self._server.is_ready()

    def _complain(self, name: str, error: Exception) -> None:
        # Log the same problem only once, because the check runs several times a second.
        text = repr(error)
        if self._complaints.get(name) != text:
            self._complaints[name] = text
            logger.warning("cannot tell the state of a job", job=name, error=text)

    # --- intent ----------------------------------------------------------------------------------------------------

    def _folder(self, name: str) -> JobFolder:
        check_work_name(name)
        return JobFolder(self._jobs_dir / name)

    def _write_intent(self, folder: JobFolder, spec: WorkSpec) -> dict[str, Any]:
        if any(folder.is_locked(replica) for replica in folder.replicas_seen()):
            raise BrokenError(f"{spec.name} was forgotten but a process of it still runs; it will be tried again")
        _remove_all_but_logs(folder)
        for replica in replicas_with_log(folder.path):
            remove_log(folder.path, replica)
        document = {
            "name": spec.name,
            "module": spec.module,
            "env": {**self._base_env, **spec.env},
            # The job's own part, without which a setting that the platform no longer has could not be left out later.
            "job_env": dict(spec.env),
            "restart": spec.restart.value,
            "replicas": spec.replicas if spec.restart is RestartPolicy.ALWAYS else 1,
            "limits": asdict(spec.limits),
            "gpu": spec.gpu,
            "labels": dict(spec.labels),
            **self._timing,
            "grace_seconds": max(self._timing["grace_seconds"], spec.grace_seconds),
        }
        failpoint("launcher.before_intent")
        write_atomically(folder.token_file, spec.token.encode())
        write_atomically(folder.spec_file, orjson.dumps(document))
        failpoint("launcher.after_intent")
        return document

    def _adopt(self, folder: JobFolder, known: dict[str, Any], spec: WorkSpec) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError):
            if spec.token and folder.token_file.read_text(encoding="utf-8") != spec.token:
                write_atomically(folder.token_file, spec.token.encode())
        if known["restart"] == RestartPolicy.ALWAYS.value and known["replicas"] != spec.replicas:
            known = {**known, "replicas": spec.replicas}
            write_atomically(folder.spec_file, orjson.dumps(known))
        return known

    def _readdress(self) -> None:
        """Give known work the platform's present environment, because the platform may have started on other ports or
        with other settings.
        """
        for entry in os.scandir(self._jobs_dir):
            folder = JobFolder(self._jobs_dir / entry.name)
            known = read_json(folder.spec_file) if parse_work_name(entry.name) else None
            # Work that was started by an earlier version has no part of its own.
            if known is not None and (env := {**known.get("job_env", known["env"]), **self._base_env}) != known["env"]:
                write_atomically(folder.spec_file, orjson.dumps({**known, "env": env}))

    # --- making it so ----------------------------------------------------------------------------------------------

    def _converge(self, folder: JobFolder, spec: Mapping[str, Any]) -> None:
        wanted = range(0) if folder.stop_file.exists() else range(spec["replicas"])
        for replica in wanted:
            if not folder.is_locked(replica) and self._is_due(folder, replica, spec):
                self._start(folder, replica, spec)
        for replica in folder.replicas_seen():
            if replica not in wanted and folder.is_locked(replica):
                self._end_replica(folder, replica, spec)

    def _is_due(self, folder: JobFolder, replica: int, spec: Mapping[str, Any]) -> bool:
        """Whether a replica without a process should have one."""
        never = spec["restart"] == RestartPolicy.NEVER.value
        if never and folder.state_file(replica).exists():
            return False
        last = self._started_at.get((folder.name, replica), float("-inf"))
        return time.monotonic() - last >= _RESPAWN_SECONDS

    def _start(self, folder: JobFolder, replica: int, spec: Mapping[str, Any]) -> None:
        lock = folder.try_lock(replica)
        if lock is None:
            return
        try:
            if spec["restart"] == RestartPolicy.NEVER.value and folder.state_file(replica).exists():
                # Another controller was faster, and its worker has ended already.
                return
            folder.stop_replica_file(replica).unlink(missing_ok=True)
            failpoint("launcher.locked")
            self._started_at[folder.name, replica] = time.monotonic()
            if self._server is None or not self._server.fork(folder.path, replica, lock):
                self._start_cold(folder, replica, lock)
            failpoint("launcher.started")
        finally:
            os.close(lock)

    def _start_cold(self, folder: JobFolder, replica: int, lock: int) -> None:
        command = [sys.executable, "-P", "-m", "backend.launchers.keeper", str(folder.path), str(replica), str(lock)]
        with (folder.path / "keeper.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                pass_fds=[lock],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=worker_base_environment(),
                start_new_session=True,
            )
        self._cold.append(process)

    def _end_replica(self, folder: JobFolder, replica: int, spec: Mapping[str, Any]) -> None:
        """Ask a replica to end, only once; kill it and its keeper when it is overdue."""
        asked = folder.stop_file if folder.stop_file.exists() else folder.stop_replica_file(replica)
        if not asked.exists():
            write_atomically(asked, b"")
            _signal_replica(folder, replica, signal.SIGTERM)
        elif time.time() - asked.stat().st_mtime > spec["grace_seconds"] + _KEEPER_EXTRA_SECONDS:
            _signal_replica(folder, replica, signal.SIGKILL)

    # --- looking ---------------------------------------------------------------------------------------------------

    def _observe_one(self, folder: JobFolder) -> Observed | None:
        spec = read_json(folder.spec_file)
        if spec is None:
            return None
        self._converge(folder, spec)
        if spec["restart"] == RestartPolicy.NEVER.value:
            return self._observe_run(folder)
        return _observe_service(folder, spec)

    def _observe_run(self, folder: JobFolder) -> Observed:
        # The lock is read before the state, because a state that is read after the lock was free is final.
        alive = folder.is_locked(0)
        stopping = folder.stop_file.exists()
        state = folder.state(0)
        if alive:
            phase = Phase.RUNNING if state is not None and state.worker is not None else Phase.STARTING
            phase = Phase.STOPPING if stopping else phase
            return Observed(name=folder.name, phase=phase, ready_replicas=int(phase is Phase.RUNNING))
        if state is None:
            # Work without a state has not started yet, or was stopped before it started.
            return Observed(name=folder.name, phase=Phase.SUCCEEDED if stopping else Phase.STARTING)
        changed = folder.state_file(0).stat().st_mtime_ns
        cached = self._ended.get(folder.name)
        if cached is None or cached[0] != changed:
            cached = (changed, _ended_run(folder, state, stopping))
            self._ended[folder.name] = cached
        return cached[1]


def _ended_run(folder: JobFolder, state: ReplicaState, stopping: bool) -> Observed:
    tail = log_tail(folder.path, 0)
    code = state.exit_code if state.phase == "ended" else None
    failure = None if state.stopped or (stopping and code is None) else diagnose(_ending(state, code, tail))
    return Observed(
        name=folder.name,
        phase=Phase.SUCCEEDED if failure is None else Phase.FAILED,
        exit_code=code,
        failure=failure,
        log_tail=tail,
    )


def _observe_service(folder: JobFolder, spec: Mapping[str, Any]) -> Observed:
    stopping = folder.stop_file.exists()
    alive = {replica for replica in folder.replicas_seen() if folder.is_locked(replica)}
    states = {replica: folder.state(replica) for replica in folder.replicas_seen()}
    running = sum(1 for replica in alive if (state := states[replica]) is not None and state.phase == "running")
    phase = Phase.RUNNING if running else Phase.STARTING
    if stopping:
        phase = Phase.STOPPING if alive else Phase.SUCCEEDED
    known = {replica: state for replica, state in states.items() if state is not None and replica < spec["replicas"]}
    failure, tail = None, ""
    for replica, state in known.items():
        if state.phase == "backoff" and not stopping:
            tail = log_tail(folder.path, replica)
            failure = diagnose(_ending(state, state.exit_code, tail))
    return Observed(
        name=folder.name,
        phase=phase,
        replicas=spec["replicas"],
        ready_replicas=0 if stopping else running,
        restarts=sum(state.restarts for state in known.values()),
        failure=failure,
        log_tail=tail,
    )


def _ending(state: ReplicaState, code: int | None, tail: str) -> Ending:
    return Ending(exit_code=code, out_of_memory=state.out_of_memory, suspended=state.suspended, log_tail=tail)


def _signal_replica(folder: JobFolder, replica: int, number: signal.Signals) -> None:
    """Signal the replica's keeper; its worker too when the keeper is gone or when both must be killed."""
    state = folder.state(replica)
    if state is None:
        # The keeper has just been started and will find the stop file.
        return
    keeper_alive = _signal_process(state.keeper, number)
    if state.worker is not None and (number == signal.SIGKILL or not keeper_alive) and state.worker.is_alive:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(state.worker.pid, number)


def _signal_process(process: ProcessId, number: signal.Signals) -> bool:
    """Send a signal to exactly this process, not to a later one with its number. Return whether it was alive."""
    if not process.is_alive:
        return False
    if not hasattr(os, "pidfd_open"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        return True
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        # Check again, because from here on the descriptor stands for one process, whatever later gets its number.
        if process.is_alive:
            signal.pidfd_send_signal(descriptor, number)
            return True
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return False


def _remove_all_but_logs(folder: JobFolder) -> None:
    for entry in list(os.scandir(folder.path)):
        if not (entry.name.startswith("log-") and entry.name.endswith(".txt")):
            Path(entry.path).unlink(missing_ok=True)


def suspend_all(jobs_dir: Path, *, timeout_seconds: float = 15.0) -> list[str]:
    """End every process of ours because Kafka-ML shuts down; return the names whose processes had to be killed.

    No stop file is written, so after the next start inferences run again and trainings are tried again. The controller
    must be down already, otherwise it restarts them immediately.
    """
    alive: dict[JobFolder, list[int]] = {}
    if jobs_dir.is_dir():
        for entry in os.scandir(jobs_dir):
            folder = JobFolder(Path(entry.path))
            if replicas := [replica for replica in folder.replicas_seen() if folder.is_locked(replica)]:
                alive[folder] = replicas
    number = signal.SIGTERM
    deadline = time.monotonic() + timeout_seconds
    killed: list[str] = []
    while alive:
        for folder, replicas in alive.items():
            for replica in replicas:
                _signal_replica(folder, replica, number)
        pause = time.monotonic() + 0.5
        while alive and time.monotonic() < pause:
            alive = {
                folder: left
                for folder, replicas in alive.items()
                if (left := [replica for replica in replicas if folder.is_locked(replica)])
            }
            time.sleep(0.01)
        if alive and time.monotonic() > deadline:
            if number == signal.SIGKILL:
                break
            killed = [folder.name for folder in alive]
            number, deadline = signal.SIGKILL, time.monotonic() + timeout_seconds
    return killed
