"""Executors in a cluster, as the settings of the platform's pods address them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.framework import Framework

__all__ = ["EXECUTORS", "EXECUTOR_OF", "EXECUTOR_URLS"]

_SETTINGS = Path(__file__).parents[1] / "k8s/base/platform/platform.env"
_VALUES = dict(line.split("=", 1) for line in _SETTINGS.read_text(encoding="utf-8").splitlines() if line[:1] != "#")

EXECUTOR_URLS: Mapping[Framework, str] = {
    name: _VALUES[framework.executor_setting] for name, framework in FRAMEWORKS.items()
}
# The component that runs a framework's executor, and its port.
EXECUTOR_OF: Mapping[Framework, str] = {name: urlsplit(url).hostname or "" for name, url in EXECUTOR_URLS.items()}
EXECUTORS: Mapping[str, int] = {EXECUTOR_OF[name]: urlsplit(url).port or 0 for name, url in EXECUTOR_URLS.items()}
