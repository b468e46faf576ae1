"""The state of the platform, as the API answers it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from kafkaml.wire.message import Message

__all__ = ["Broker", "Component", "Executor", "Gpu", "Isolation", "Launcher", "Machine", "System"]


class Component(Message):
    """A component of the platform. ``at`` is when it last reported, null if it does not report. ``restarts`` is null if
    nothing counts them.
    """

    name: str
    state: str
    detail: str = ""
    at: datetime | None = None
    address: str = ""
    restarts: int | None = None


class Executor(Message):
    """The executor of one framework. ``detail`` says why it does not answer."""

    reachable: bool = False
    detail: str = ""
    isolation: str = ""
    versions: dict[str, str] = {}


class Launcher(Message):
    """What starts workers. ``namespace`` is that of the pods in Kubernetes, and empty for processes."""

    kind: Literal["process", "kubernetes"] = Field(
        description="What workers are.\n\n* `process` - Processes of the platform's machine.\n* `kubernetes` - Pods."
    )
    warm_workers: bool
    namespace: str
    autoscaling: bool = Field(description="Whether inferences can be scaled by their lag.")
    autoscaling_obstacle: str = Field(description="Why they cannot, empty if they can.")


class Gpu(Message):
    """A GPU, by its ``index`` on the machine. ``memory_total`` and ``memory_used`` are in bytes.

    ``use`` is the time in use in percent, from 0 to 100, and ``temperature`` is in degrees Celsius. Both are null if
    the device does not report them.
    """

    index: int
    name: str
    memory_total: int
    memory_used: int
    use: int | None
    temperature: int | None


class Machine(Message):
    """The machine that the web server runs on. The disk is that of the platform's files."""

    processors: int = Field(description="Number of processors.")
    load: float = Field(description="Processors that were busy or waited for, on average over the last minute.")
    memory_total: int = Field(description="Size of the memory, in bytes.")
    memory_available: int = Field(description="Memory that programs can still take, in bytes.")
    disk_total: int = Field(description="Size of the disk, in bytes.")
    disk_free: int = Field(description="Free space of the disk, in bytes.")


class Isolation(Message):
    """How users' code is isolated. ``off`` is true if it is not, which is dangerous."""

    setting: str
    levels: list[str]
    off: bool


class Broker(Message):
    """The platform's own Kafka. ``sink_bootstrap_servers`` is its address for programs on other machines, such as
    sinks.
    """

    bootstrap_servers: str
    sink_bootstrap_servers: str
    reachable: bool


class System(Message):
    """The state of the whole platform."""

    version: str
    versions: dict[str, str]
    isolation: Isolation
    broker: Broker
    control_topic: str = Field(description="The topic in which streams are announced.")
    control_topics: tuple[str, ...] = Field(description="All topics that are read for announcements.")
    launcher: Launcher
    machine: Machine
    executors: dict[str, Executor]
    gpus: list[Gpu]
    gpu_note: str = Field(description="Why no GPU is listed.")
    components: list[Component]
