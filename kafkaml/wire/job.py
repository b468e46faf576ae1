"""A job: how a worker is to run, in its environment.

The launchers write ``Job.to_env``; the workers read ``Job.from_env`` and fetch their plan with the token in
``token_file``. User code and arguments travel in the plan only, because an environment is bounded in size and visible
to others. No credential is in either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from kafkaml.errors import SettingsError
from kafkaml.wire.framework import Framework

__all__ = ["InferenceJob", "TrainingJob", "job_from_env"]


def _text(value: str | None) -> str:
    if value is None:
        raise TypeError("missing")
    return value


# By the annotation of a job's field: how its environment variable is read.
_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {"int": int, "str": _text, "Framework": Framework}


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What every worker needs to know to start: its name, attempt, where the backend is, and where it may write.

    ``fork_server`` is the path of a warm fork server's socket, empty where the worker starts its own (as in a pod).
    ``state_dir`` holds the slice cache and artifact cache that workers of one machine share.
    """

    name: str
    attempt: int
    framework: Framework
    backend_url: str
    token_file: str
    state_dir: str
    fork_server: str = ""

    def to_env(self) -> dict[str, str]:
        """Return the environment variables (``KML_JOB_*``) that ``from_env`` reads back."""
        return {f"KML_JOB_{each.name.upper()}": str(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read a job from the environment; raises SettingsError naming every variable that is missing or malformed."""
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for each in fields(cls):
            variable = f"KML_JOB_{each.name.upper()}"
            text = env.get(variable, "" if each.default == "" else None)
            convert = _CONVERTERS[str(each.type)]
            try:
                values[each.name] = convert(text)
            except (TypeError, ValueError):
                wrong.append(f"{variable}={text!r}")
        if wrong:
            raise SettingsError(
                f"job environment is incomplete or malformed: {', '.join(wrong)}",
                hint="workers are started by the controller; to run one by hand, copy the environment from its spec",
            )
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class TrainingJob(_Job):
    """One attempt at training one model of a deployment."""

    result_id: int


@dataclass(frozen=True, kw_only=True)
class InferenceJob(_Job):
    """One replica of an inference."""

    inference_id: int
    replica: int


def job_from_env(env: Mapping[str, str]) -> TrainingJob | InferenceJob:
    """Read whichever job the environment describes."""
    return TrainingJob.from_env(env) if "KML_JOB_RESULT_ID" in env else InferenceJob.from_env(env)
