"""The state of the platform, as the API answers it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from kafkaml.wire.message import Message

__all__ = ["Broker", "Component", "Executor", "Gpu", "Isolation", "Launcher", "System"]


class Component(Message):
    """One component. ``at`` is its last sign of life; ``restarts`` is null where they are not counted."""

    name: str
    state: str
    detail: str = ""
    at: datetime | None = None
    address: str = ""
    restarts: int | None = None


class Executor(Message):
    """One framework's executor; ``detail`` says why it does not answer."""

    reachable: bool = False
    detail: str = ""
    isolation: str = ""
    versions: dict[str, str] = {}


class Launcher(Message):
    """What starts the workers. ``namespace`` is empty where they are processes of this machine."""

    kind: Literal["process", "kubernetes"]
    warm_workers: bool
    namespace: str
    autoscaling: bool = Field(description="inferences may be scaled on their lag")
    autoscaling_obstacle: str = Field(description="why not")


class Gpu(Message):
    """One GPU; memory in bytes, ``use`` in percent of the last second, null where the device does not tell."""

    index: int
    name: str
    memory_total: int
    memory_used: int
    use: int | None
    temperature: int | None


class Isolation(Message):
    """How user code is isolated; ``off`` deserves a warning."""

    setting: str
    levels: list[str]
    off: bool


class Broker(Message):
    """The platform's own cluster. ``sink_bootstrap_servers``: its address for programs elsewhere, such as sinks."""

    bootstrap_servers: str
    sink_bootstrap_servers: str
    reachable: bool


class System(Message):
    """The state of the whole."""

    version: str
    versions: dict[str, str]
    isolation: Isolation
    broker: Broker
    control_topic: str = Field(description="where the platform and its sinks announce streams")
    control_topics: tuple[str, ...] = Field(description="all that are listened to")
    launcher: Launcher
    executors: dict[str, Executor]
    gpus: list[Gpu]
    gpu_note: str = Field(description="why there are none")
    components: list[Component]
