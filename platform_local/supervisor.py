"""Supervisor: keeps the components of one platform running, in order, and ends them in the opposite order.

Knows nothing of what the components are (``platform_local/components.py`` does): it starts each one when those it comes
after are ready, asks its probe whether it is ready, starts it again with back-off when it ends, and publishes every
change to the state folder. Ends with everything that its components started, orphans included.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from kafkaml.errors import KafkaMLError
from kafkaml.local.state import ComponentState, ComponentStatus, PlatformStatus, StateDir
from kafkaml.system import become_subreaper, signal_name
from platform_local.processes import end_processes, record_pid, spawn

__all__ = ["Component", "Supervisor", "log_tail"]

_PROBE_INTERVAL_SECONDS = 0.05
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 10.0
# A component that ran this many seconds was healthy, so its next crash starts with the shortest pause again.
_HEALTHY_SECONDS = 30.0
# Crashes in a row after which a component that the platform cannot be without ends the platform.
_MAX_CRASHES = 5
# Logs are cut at this size, because a platform that runs for weeks must not fill the disk.
_MAX_LOG_BYTES = 32 << 20
_HOUSEKEEPING_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Component:
    """One child process. ``prepare`` returns its command, may take seconds and is called before every start.

    ``probe`` tells whether it is ready (None: ready as soon as it runs); both are called in a thread. A component with
    ``once`` does its work and ends with status 0, and is ready then. With ``required`` the platform ends when this
    component cannot be started. ``descriptors`` are inherited at the same numbers.
    """

    name: str
    prepare: Callable[[], Sequence[str]]
    env: Mapping[str, str] = field(default_factory=dict)
    after: Sequence[str] = ()
    probe: Callable[[], bool] | None = None
    once: bool = False
    required: bool = False
    address: str = ""
    descriptors: Sequence[int] = ()
    ready_timeout_seconds: float = 90.0
    grace_seconds: float = 10.0


class Supervisor:
    """Runs ``components`` until it is asked to stop. One instance runs once, in the main thread.

    ``stop_order`` lists groups of names, which are ended one after the other. Components that it does not name end
    last. ``on_change`` is called with every new status. ``end_workers`` ends, in order, the workers that components
    started: it is called before the first group that is not in ``before_workers``. At the very end orphans and
    ``strays`` are ended, whatever they are; children from before the run are left alone. It has over 12 fields because
    its parts are received, and the processes, their statuses and the end belong to one run.
    """

    def __init__(
        self,
        *,
        state: StateDir,
        components: Sequence[Component],
        stop_order: Sequence[Sequence[str]],
        status: PlatformStatus,
        before_workers: Sequence[str] = (),
        on_change: Callable[[PlatformStatus], None] | None = None,
        end_workers: Callable[[], None] | None = None,
        strays: Callable[[], Iterable[psutil.Process]] | None = None,
    ) -> None:
        self._state = state
        self._components = {component.name: component for component in components}
        self._stop_order = stop_order
        self._before_workers = set(before_workers)
        self._on_change = on_change
        self._end_workers_in_order = end_workers or (lambda: None)
        self._strays = strays or (lambda: ())
        self._statuses = {
            component.name: ComponentStatus(component.name, ComponentState.WAITING, address=component.address)
            for component in components
        }
        self._status = status
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ready: dict[str, asyncio.Event] = {}
        self._others: frozenset[int] = frozenset()
        self._stop = asyncio.Event()
        self._problem = ""
        self._is_written = True

    async def run(self) -> PlatformStatus:
        """Start everything, wait for SIGINT, SIGTERM, ``request_stop`` or a fatal failure; end everything.

        Returns the last status; its ``problem`` is empty after an ordinary end.
        """
        self._others = frozenset(child.pid for child in psutil.Process().children())
        become_subreaper()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.request_stop)
        loop.add_signal_handler(signal.SIGCHLD, self._reap_orphans)
        self._ready = {name: asyncio.Event() for name in self._components}
        record_pid(self._state.supervisor_pid, os.getpid())
        self._publish()
        tasks = [
            asyncio.create_task(self._keep(component), name=component.name) for component in self._components.values()
        ]
        housekeeping = asyncio.create_task(self._keep_house())
        try:
            await self._stop.wait()
        finally:
            await self._end(tasks)
            housekeeping.cancel()
            await asyncio.gather(housekeeping, return_exceptions=True)
            self._state.supervisor_pid.unlink(missing_ok=True)
        return self._status

    def request_stop(self, problem: str = "") -> None:
        """Ask for the ordered end; ``problem`` is the reason when the user did not ask for it."""
        self._problem = self._problem or problem
        self._stop.set()

    async def _keep(self, component: Component) -> None:
        """Run one component until the platform stops."""
        for name in component.after:
            await self._ready[name].wait()
        crashes = 0
        while not self._stop.is_set():
            began = time.monotonic()
            problem = await self._run_once(component)
            if problem is None or self._stop.is_set():
                return
            crashes = 0 if time.monotonic() - began > _HEALTHY_SECONDS else crashes + 1
            if component.required and (component.once or crashes >= _MAX_CRASHES):
                self._change(component.name, state=ComponentState.FAILED, pid=None, detail=problem)
                self.request_stop(f"{component.name} {problem}")
                return
            pause = min(_FIRST_PAUSE_SECONDS * 2 ** max(0, crashes - 1), _LONGEST_PAUSE_SECONDS)
            restarts = self._statuses[component.name].restarts + 1
            self._change(
                component.name,
                state=ComponentState.FAILED,
                pid=None,
                restarts=restarts,
                detail=f"{problem}; starting again in {pause:g} s",
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    async def _run_once(self, component: Component) -> str | None:
        """Start a component and wait for its end; return what went wrong, None for an intended end."""
        began = time.monotonic()
        self._change(component.name, state=ComponentState.STARTING, detail="")
        try:
            command = await asyncio.to_thread(component.prepare)
        except (KafkaMLError, OSError) as error:
            return f"could not be started: {error}"
        if self._stop.is_set():
            return None
        with self._log_path(component.name).open("ab") as log:
            log_start = log.tell()
            process = spawn(
                command, env=component.env, cwd=self._state.root, output=log, descriptors=component.descriptors
            )
        self._processes[component.name] = process
        # On a full disk a component without its file is better than a file without its component.
        with contextlib.suppress(OSError):
            record_pid(self._state.run / f"{component.name}.pid", process.pid)
        self._change(component.name, pid=process.pid)
        exit_ = asyncio.ensure_future(_exit_of(process))
        if not component.once:
            ready = await self._await_ready(component, exit_, began)
            if not ready and not exit_.done():
                await asyncio.to_thread(end_processes, [psutil.Process(process.pid)], grace_seconds=2)
        code = await exit_
        (self._state.run / f"{component.name}.pid").unlink(missing_ok=True)
        self._processes.pop(component.name, None)
        if component.once and code == 0:
            self._mark_ready(component, began, pid=None)
            return None
        tail = log_tail(self._log_path(component.name), start=log_start)
        how = f"status {code}" if code >= 0 else signal_name(-code)
        return f"ended with {how}" + (f": {tail}" if tail else "")

    async def _await_ready(self, component: Component, exit_: asyncio.Future[int], began: float) -> bool:
        while not exit_.done():
            if component.probe is None or await asyncio.to_thread(component.probe):
                if not exit_.done():
                    self._mark_ready(component, began)
                return True
            if time.monotonic() - began > component.ready_timeout_seconds:
                return False
            await asyncio.wait([exit_], timeout=_PROBE_INTERVAL_SECONDS)
        return False

    def _mark_ready(self, component: Component, began: float, **changes: object) -> None:
        self._ready[component.name].set()
        seconds = round(time.monotonic() - began, 2)
        self._change(component.name, state=ComponentState.READY, seconds_to_ready=seconds, detail="", **changes)

    def _change(self, name: str, **changes: object) -> None:
        self._statuses[name] = replace(self._statuses[name], **changes)  # type: ignore[arg-type]
        self._publish()

    def _publish(self, *, stopping: bool = False) -> None:
        states = {name: status.state for name, status in self._statuses.items()}
        self._status = replace(
            self._status,
            components=tuple(self._statuses.values()),
            api_ready=states.get("web") == ComponentState.READY,
            ready=all(state == ComponentState.READY for state in states.values()),
            stopping=stopping or self._stop.is_set(),
            problem=self._problem,
        )
        self._write_status()
        if self._on_change is not None:
            self._on_change(self._status)

    def _write_status(self) -> None:
        """Write the status for other processes, who see the one before while the disk is full."""
        try:
            self._state.write_status(self._status)
            self._is_written = True
        except OSError:
            self._is_written = False

    async def _end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """End everything, group by group; workers after those that would start them again."""
        self._publish(stopping=True)
        # Components that still wait for another one are woken, and find that the platform is stopping.
        for event in self._ready.values():
            event.set()
        ended_workers = False
        named = {name for group in self._stop_order for name in group}
        for group in [*self._stop_order, [name for name in self._components if name not in named]]:
            if not ended_workers and not self._before_workers & set(group):
                await asyncio.to_thread(self._end_workers_in_order)
                ended_workers = True
            await asyncio.gather(*(self._end_component(name) for name in group if name in self._components))
        await asyncio.to_thread(self._end_strays)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._publish(stopping=True)

    async def _end_component(self, name: str) -> None:
        process = self._processes.get(name)
        if process is not None and process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                await asyncio.to_thread(
                    end_processes,
                    [psutil.Process(process.pid)],
                    grace_seconds=self._components[name].grace_seconds,
                )
        if self._statuses[name].state != ComponentState.FAILED:
            self._change(name, state=ComponentState.STOPPED, pid=None)

    def _end_strays(self) -> None:
        """End processes that components started and that now run without them: our orphans and the known strays."""
        known = self._others | {process.pid for process in self._processes.values()}
        orphans = [child for child in psutil.Process().children() if child.pid not in known]
        strays = [process for process in self._strays() if process.pid not in known]
        end_processes({orphan.pid: orphan for orphan in [*orphans, *strays]}.values(), grace_seconds=5)

    def _reap_orphans(self) -> None:
        """Collect the end of processes that were handed to us, so that none stays a zombie that looks alive."""
        known = self._others | {process.pid for process in self._processes.values()}
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, ChildProcessError):
                # Children in our own session were started by a ``prepare``, which collects them.
                orphaned = child.pid not in known and os.getsid(child.pid) != os.getsid(0)
                if orphaned and child.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(child.pid, os.WNOHANG)

    async def _keep_house(self) -> None:
        """Cut logs, and write a status again that a full disk did not take."""
        while True:
            if not self._is_written:
                self._write_status()
            for path in self._state.logs.glob("*.log"):
                with contextlib.suppress(OSError):
                    if path.stat().st_size > _MAX_LOG_BYTES:
                        _cut_log(path)
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)

    def _log_path(self, name: str) -> Path:
        return self._state.logs / f"{name}.log"


def log_tail(path: Path, *, start: int = 0, max_bytes: int = 1500) -> str:
    """Return the last whole lines of a log file after byte ``start``, for an error message; empty without a file."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            # A log that was cut since ``start`` was noted is read from its beginning.
            start = start if start <= size else 0
            log.seek(max(start, size - max_bytes))
            text = log.read().decode(errors="replace")
    except OSError:
        return ""
    return text.partition("\n")[2].strip() if size - start > max_bytes else text.strip()


def _cut_log(path: Path) -> None:
    """Keep one older part. The writers append, so they go on at the start of the emptied file."""
    path.with_suffix(".log.1").write_bytes(path.read_bytes())
    os.truncate(path, 0)


async def _exit_of(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process, without a thread where the kernel offers that."""
    if not hasattr(os, "pidfd_open"):
        return await asyncio.to_thread(process.wait)
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return process.wait()

    def on_exit() -> None:
        # This callback may run again, because the descriptor stays readable until it is closed.
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(descriptor, on_exit)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()
