"""What the user sees while a platform starts, runs and stops: a line per change, and the components' logs in colour."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self

import orjson
from rich.console import Console
from rich.text import Text

from kafkaml.frameworks import FRAMEWORKS
from kafkaml.local.state import ComponentState, PlatformStatus

__all__ = ["LogFollower", "StartDisplay", "component_color", "follow_logs", "recent_lines", "short_detail"]

_COLORS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
_ORDER = (
    "broker",
    "set-up",
    "web",
    *(framework.executor for framework in FRAMEWORKS.values()),
    "fork-onnx",
    "controller",
    "control-logger",
)
_FOLLOW_SECONDS = 0.2
_LEVEL_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}


def component_color(name: str) -> str:
    """Return the colour that a component has everywhere."""
    return _COLORS[_ORDER.index(name) % len(_COLORS)] if name in _ORDER else "white"


def short_detail(detail: str) -> str:
    """Return the first and the last part of a detail, which may hold a whole traceback."""
    what, _, words = detail.partition(": ")
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return f"{what}: {_one_line(lines[-1])}" if lines else detail


class StartDisplay:
    """Prints each component's changes once, and what is being waited for meanwhile on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, ComponentState] = {}
        self._spinner = console.status("starting", spinner="dots")

    def __enter__(self) -> Self:
        self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._spinner.stop()

    def on_change(self, status: PlatformStatus) -> None:
        """Show what is new in ``status``."""
        for component in status.components:
            if self._shown.get(component.name) == component.state:
                continue
            self._shown[component.name] = component.state
            name = Text(f"{component.name:20} ", style=component_color(component.name))
            if component.state == ComponentState.READY:
                self._console.print(
                    name, f"ready in {component.seconds_to_ready:.1f} s  ", Text(component.address, style="dim"), sep=""
                )
            elif component.state == ComponentState.FAILED:
                self._console.print(name, Text(short_detail(component.detail), style="red"), sep="")
            elif component.state == ComponentState.STOPPED and status.stopping:
                self._console.print(name, "stopped", sep="")
        waiting = [component.name for component in status.components if component.state != ComponentState.READY]
        verb = "stopping" if status.stopping else "waiting for"
        left = [component.name for component in status.components if component.state not in (ComponentState.STOPPED,)]
        self._spinner.update(f"{verb} {', '.join(left if status.stopping else waiting)}")
        if status.ready and not status.stopping:
            self._spinner.stop()
        elif status.stopping:
            self._spinner.start()


class LogFollower:
    """Copies new lines of all components' logs to a console, each with its component's name in front."""

    def __init__(self, console: Console, folder: Path, *, component: str = "") -> None:
        self._console = console
        self._folder = folder
        self._pattern = f"{component or '*'}.log"
        self._offsets: dict[Path, int] = {path: path.stat().st_size for path in folder.glob("*.log")}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="log-follower", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=2)

    def _follow(self) -> None:
        while not self._stop.wait(_FOLLOW_SECONDS):
            self._copy_new_lines()
        self._copy_new_lines()

    def _copy_new_lines(self) -> None:
        for path in sorted(self._folder.glob(self._pattern)):
            if path.stem == "supervisor":
                continue
            with path.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                # A log that was cut starts again.
                start = self._offsets.get(path, 0) if self._offsets.get(path, 0) <= size else 0
                log.seek(start)
                whole, newline, _ = log.read().rpartition(b"\n")
            self._offsets[path] = start + len(whole) + len(newline)
            for line in whole.splitlines():
                self._console.print(_readable(path.stem, line))


def recent_lines(folder: Path, component: str, count: int) -> list[Text]:
    """Return the last ``count`` lines of a component's log, of each component's when none is named."""
    found: list[Text] = []
    for path in sorted(folder.glob(f"{component or '*'}.log")):
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            # Only this much of a log's end is read. It is enough for ``count`` long lines, and more would make a big
            # log slow to show.
            log.seek(max(0, size - count * 2000))
            lines = log.read().splitlines()
        found += [_readable(path.stem, line) for line in lines[-count:]]
    return found


def follow_logs(console: Console, folder: Path, component: str) -> None:
    """Print new lines until KeyboardInterrupt."""
    with LogFollower(console, folder, component=component):
        threading.Event().wait()


def _event(line: str) -> dict[str, object] | None:
    """A structured log line's fields; None for any other line."""
    try:
        event = orjson.loads(line) if line.startswith("{") else None
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _one_line(line: str) -> str:
    event = _event(line) or {}
    words = [str(event[name]) for name in ("event", "error") if event.get(name)]
    return (": ".join(words) or line)[:300]


def _readable(component: str, line: bytes) -> Text:
    """One readable line: structured lines lose their braces, all get their component's name."""
    text = Text(f"{component:20} ", style=component_color(component))
    event = _event(line.decode(errors="replace"))
    if event is None:
        return text.append(line.decode(errors="replace"), style="default")
    level = str(event.pop("level", ""))
    text.append(str(event.pop("timestamp", ""))[11:19] + " ", style="dim")
    text.append(str(event.pop("event", "")), style=_LEVEL_STYLES.get(level, "default"))
    for name in ("logger", "service"):
        event.pop(name, None)
    for name, value in event.items():
        text.append(f" {name}=", style="dim").append(str(value))
    return text
