"""Each framework, described once and looked up here by name. A new framework is a line in the list."""

from __future__ import annotations

from collections.abc import Mapping

from kafkaml.frameworks.base import BEST_EPOCH, Argument, Arguments, ChainNames, FrameworkDescriptor, Kind, Purpose
from kafkaml.frameworks.pytorch import PYTORCH
from kafkaml.frameworks.tensorflow import TENSORFLOW
from kafkaml.wire.framework import Framework

__all__ = ["BEST_EPOCH", "FRAMEWORKS", "Argument", "Arguments", "ChainNames", "FrameworkDescriptor", "Kind", "Purpose"]

FRAMEWORKS: Mapping[Framework, FrameworkDescriptor] = {framework.name: framework for framework in (TENSORFLOW, PYTORCH)}
