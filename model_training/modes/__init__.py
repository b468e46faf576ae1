"""How a deployment trains: one mode per TrainingMode. A new mode is a new module and a line in ``MODES``."""

from __future__ import annotations

from collections.abc import Mapping

from kafkaml.wire.choices import TrainingMode
from model_training.modes import classic, incremental
from model_training.modes.base import Mode

__all__ = ["MODES", "Mode"]

MODES: Mapping[TrainingMode, Mode] = {TrainingMode.CLASSIC: classic, TrainingMode.INCREMENTAL: incremental}
