"""Each framework, described once: what is known of it by name is looked up here. A new one is a line of the list."""

from __future__ import annotations

from collections.abc import Mapping

from kafkaml.frameworks.base import BEST_EPOCH, Argument, Arguments, ChainNames, FrameworkDescriptor, Kind, Purpose
from kafkaml.frameworks.pytorch import PYTORCH
from kafkaml.frameworks.tensorflow import TENSORFLOW
from kafkaml.wire.framework import Framework

__all__ = ["BEST_EPOCH", "FRAMEWORKS", "Argument", "Arguments", "ChainNames", "FrameworkDescriptor", "Kind", "Purpose"]

FRAMEWORKS: Mapping[Framework, FrameworkDescriptor] = {each.name: each for each in (TENSORFLOW, PYTORCH)}
