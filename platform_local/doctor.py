"""``kafka-ml doctor``: what this machine has and lacks for Kafka-ML, each finding with its fix.

Every check answers in bounded time and never raises: a check that cannot be made is itself a finding.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import orjson
import psutil

from kafkaml.errors import KafkaMLError
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.frameworks.installed import installed_version
from kafkaml.local.state import StateDir
from mlcode_executor import sandbox
from platform_local.broker import (
    MINIMUM_JAVA,
    OLD_EXAMPLES_PORT,
    broker_answers,
    find_java,
    java_version,
    listens_for_old_examples,
)
from platform_local.commands import python_module
from platform_local.jars import BROKER_JARS
from platform_local.platform import DEFAULT_BROKER_PORT, DEFAULT_WEB_PORT
from platform_local.ports import describe_holder, is_free

__all__ = ["Finding", "Verdict", "examine"]

_GIB = 1 << 30
# TensorFlow and torch in two fork servers, the broker, the web server and one training take about this much.
_COMFORTABLE_MEMORY_BYTES = 6 * _GIB
_MINIMUM_MEMORY_BYTES = 3 * _GIB
_COMFORTABLE_DISK_BYTES = 10 * _GIB
_MINIMUM_DISK_BYTES = 1 * _GIB
# The seminar wants a machine of 8 GB, which has a little less memory to give.
_SEMINAR_MEMORY_BYTES, _SEMINAR_MINIMUM_BYTES, _SEMINAR_CORES = 7 * _GIB, 5 * _GIB, 2
_ROOT = Path(__file__).resolve().parents[1]
_SEMINAR = _ROOT / "examples" / "seminar"


class Verdict(StrEnum):
    """OK; WARN: works, but not as well as it could; FAIL: something does not work until it is fixed."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``fix`` is empty when there is nothing to do."""

    subject: str
    verdict: Verdict
    detail: str
    fix: str = ""


def examine(state: StateDir, *, seminar: bool = False) -> Iterator[Finding]:
    """Yield each finding as it is made. With ``seminar``, also examine what the seminar needs in addition to the
    platform.
    """
    checks: list[Callable[[StateDir], Finding]] = [
        _python, _java, _jars, _disk, _memory, _ports, _broker, _gpu, _isolation, _platform
    ]  # fmt: skip
    if seminar:
        checks += [_machine, _frameworks, _programs, _notebooks, _containers, _cluster]
    for check in checks:
        try:
            yield check(state)
        except (KafkaMLError, OSError, subprocess.SubprocessError, psutil.Error) as error:
            hint = error.hint if isinstance(error, KafkaMLError) else ""
            yield Finding(check.__name__.strip("_"), Verdict.FAIL, str(error), hint)


def _run(command: Sequence[str], *, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
    )


def _last_line(answer: subprocess.CompletedProcess[str]) -> str:
    """Return why a command failed, as far as its output shows."""
    return (answer.stderr.strip().splitlines() or ["it ended without any output"])[-1]


def _python(_: StateDir) -> Finding:
    return Finding("python", Verdict.OK, f"{platform.python_version()} at {sys.executable}")


def _java(_: StateDir) -> Finding:
    java = find_java()
    version = java_version(java)
    if version < MINIMUM_JAVA:
        fix = f"install Java {MINIMUM_JAVA} or newer (Debian: apt-get install openjdk-17-jre-headless)"
        return Finding("java", Verdict.FAIL, f"version {version} at {java}", fix)
    return Finding("java", Verdict.OK, f"version {version} at {java}")


def _jars(_: StateDir) -> Finding:
    if BROKER_JARS.are_cached:
        return Finding("kafka", Verdict.OK, f"the embedded broker's jars are in {BROKER_JARS.folder}")
    if shutil.which("mvn") is None:
        about = "the embedded broker's jars are missing, and mvn to fetch them"
        return Finding("kafka", Verdict.FAIL, about, BROKER_JARS.hint)
    return Finding("kafka", Verdict.WARN, "the embedded broker's jars are not fetched yet", "run: make up")


def _disk(state: StateDir) -> Finding:
    existing = next(parent for parent in (state.root, *state.root.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{free / _GIB:.1f} GiB free for {state.root}"
    fix = "free some space, or put the state elsewhere: --state-dir"
    if free < _MINIMUM_DISK_BYTES:
        return Finding("disk", Verdict.FAIL, detail, fix)
    return Finding("disk", Verdict.WARN if free < _COMFORTABLE_DISK_BYTES else Verdict.OK, detail,
                   fix if free < _COMFORTABLE_DISK_BYTES else "")  # fmt: skip


def _memory(_: StateDir) -> Finding:
    memory = psutil.virtual_memory()
    detail = f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB available, {os.cpu_count()} processors"
    if memory.available < _MINIMUM_MEMORY_BYTES:
        return Finding("memory", Verdict.FAIL, detail, "close other programs: training needs about 3 GiB")
    if memory.available < _COMFORTABLE_MEMORY_BYTES:
        return Finding("memory", Verdict.WARN, detail, "train one framework at a time")
    return Finding("memory", Verdict.OK, detail)


def _ports(state: StateDir) -> Finding:
    if state.is_running():
        return Finding("ports", Verdict.OK, "in use by the running platform")
    busy = [port for port in (DEFAULT_WEB_PORT, DEFAULT_BROKER_PORT) if not is_free(port)]
    if busy:
        holders = "; ".join(f"{port} is taken by {describe_holder(port)}" for port in busy)
        return Finding("ports", Verdict.WARN, holders, "nothing to do: the next free port is used, and printed")
    return Finding("ports", Verdict.OK, f"{DEFAULT_WEB_PORT} (web) and {DEFAULT_BROKER_PORT} (broker) are free")


def _broker(state: StateDir) -> Finding:
    status = state.read_status()
    if status is None or not state.is_running():
        return Finding("broker", Verdict.WARN, "no platform runs, so there is no broker to ask", "run: kafka-ml up")
    if any(component.name == "broker" for component in status.components):
        answers = broker_answers(status.bootstrap_servers)
        return Finding(
            "broker",
            Verdict.OK if answers else Verdict.FAIL,
            f"the embedded broker at {status.bootstrap_servers} {'answers' if answers else 'does not answer'}"
            f"; {_old_examples(state)}",
            "" if answers else f"see {state.logs / 'broker.log'}; kafka-ml down, then kafka-ml up",
        )
    return Finding("broker", Verdict.OK, f"your broker at {status.bootstrap_servers}")


def _old_examples(state: StateDir) -> str:
    """Check what answers at the port that the examples of Kafka-ML 1.0 use."""
    if listens_for_old_examples(state.kafka):
        return f"port {OLD_EXAMPLES_PORT}, which the examples of Kafka-ML 1.0 use, is the same broker"
    holder = "not free" if is_free(OLD_EXAMPLES_PORT) else f"taken by {describe_holder(OLD_EXAMPLES_PORT)}"
    return f"port {OLD_EXAMPLES_PORT}, which the examples of Kafka-ML 1.0 use, was {holder}: give them this address"


def _gpu(_: StateDir) -> Finding:
    try:
        import pynvml
    except ImportError:
        return Finding("gpu", Verdict.OK, "none looked for: nvidia-ml-py is not installed; processors are used")
    try:
        pynvml.nvmlInit()
        names = [pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(index))
                 for index in range(pynvml.nvmlDeviceGetCount())]  # fmt: skip
        pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        return Finding("gpu", Verdict.OK, f"none ({error}); processors are used")
    return Finding("gpu", Verdict.OK, ", ".join(str(name) for name in names) or "none; processors are used")


def _isolation(_: StateDir) -> Finding:
    with tempfile.TemporaryDirectory(prefix="kml-doctor-", ignore_cleanup_errors=True) as folder:
        answer = _run([*python_module(sandbox), folder], seconds=60)
    if answer.returncode:
        reason = _last_line(answer)
        fix = "allow user namespaces (sysctl user.max_user_namespaces), or use a kernel with Landlock (5.13 or newer)"
        return Finding("isolation", Verdict.FAIL, reason[-300:], fix)
    report = orjson.loads(answer.stdout)
    level, probes = report["isolation"], report["probes"]
    if level == "off":
        return Finding("isolation", Verdict.FAIL, "user code runs unprotected", "unset KML_ISOLATION")
    detail = f"level {level}: {sum(probes.values())} of {len(probes)} attempts to break out were stopped"
    return Finding("isolation", Verdict.OK, "; ".join([detail, *report["notes"]]))


def _platform(state: StateDir) -> Finding:
    if not state.is_running():
        return Finding("platform", Verdict.OK, f"not running; its state is kept in {state.root}")
    status = state.read_status()
    failing = [component for component in (status.components if status else ()) if component.state == "failed"]
    if failing:
        details = "; ".join(f"{component.name} {component.detail}" for component in failing)
        return Finding("platform", Verdict.FAIL, details, f"see {state.logs}")
    return Finding("platform", Verdict.OK, f"running at {status.url if status else '?'}")


# --- the seminar ------------------------------------------------------------------------------------------------------


def _machine(_: StateDir) -> Finding:
    cores, total = os.cpu_count() or 1, psutil.virtual_memory().total
    detail = f"{cores} processors, {total / _GIB:.1f} GiB of memory"
    if total < _SEMINAR_MINIMUM_BYTES:
        return Finding("machine", Verdict.FAIL, detail, "the seminar needs 8 GB: share a machine with somebody")
    if cores < _SEMINAR_CORES or total < _SEMINAR_MEMORY_BYTES:
        return Finding(
            "machine", Verdict.WARN, detail, "give the examples --framework pytorch: one framework at a time"
        )
    return Finding("machine", Verdict.OK, detail)


def _frameworks(_: StateDir) -> Finding:
    # Look up the package without importing it, which would take ten seconds.
    found = {framework.title: installed_version(framework.packages[0]) for framework in FRAMEWORKS.values()}
    detail = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    missing = [name for name, version in found.items() if not version]
    if missing:
        about = f"{' and '.join(missing)} cannot be found" + (f"; {detail} can" if detail else "")
        return Finding("frameworks", Verdict.FAIL, about, "run: make install")
    return Finding("frameworks", Verdict.OK, detail)


def _programs(_: StateDir) -> Finding:
    if (_SEMINAR / "producer.py").is_file():
        return Finding("programs", Verdict.OK, f"the seminar's programs are in {_SEMINAR}")
    about = "the seminar's programs are missing: this is the installed package, not the repository"
    return Finding("programs", Verdict.FAIL, about, "clone the repository, and run make install in it")


def _notebooks(_: StateDir) -> Finding:
    jupyter = _ROOT / "build" / "notebooks" / "bin" / "jupyter-lab"
    if jupyter.is_file():
        return Finding("notebooks", Verdict.OK, "JupyterLab is there: make notebooks opens it")
    fix = "part 3: scripts/notebooks --install, while there is internet; or open them in an editor"
    return Finding("notebooks", Verdict.WARN, "JupyterLab is not installed yet", fix)


def _containers(_: StateDir) -> Finding:
    engine = next((program for program in ("docker", "podman") if shutil.which(program)), None)
    if engine is None:
        return Finding(
            "containers", Verdict.WARN, "neither docker nor podman is there", "part 1.2 and 1.3: install one"
        )
    answer = _run([engine, "info"], seconds=30)
    if answer.returncode:
        about = f"{engine} is there and does not work: {_last_line(answer)[-200:]}"
        return Finding("containers", Verdict.WARN, about, f"start {engine}")
    return Finding("containers", Verdict.OK, f"{engine} works")


def _cluster(_: StateDir) -> Finding:
    fix = "part 1.4: make cluster-up (Linux, as root), minikube, kind or Docker Desktop"
    if shutil.which("kubectl") is None:
        return Finding("cluster", Verdict.WARN, "kubectl is not there", fix)
    answer = _run(["kubectl", "get", "--raw", "/readyz", "--request-timeout", "10s"], seconds=30)
    if answer.returncode:
        return Finding("cluster", Verdict.WARN, f"kubectl reaches no cluster: {_last_line(answer)[-200:]}", fix)
    return Finding("cluster", Verdict.OK, "kubectl reaches a cluster")
