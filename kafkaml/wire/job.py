"""A job: how a worker is to run, in its environment.

The launchers write ``Job.to_env``; the workers read ``Job.from_env`` and fetch their plan with the token in
``token_file``. User code and arguments travel in the plan only, because an environment is bounded in size and visible
to others. No credential is in either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import ValidationError

from kafkaml.errors import SettingsError
from kafkaml.wire.framework import Framework
from kafkaml.wire.message import Message

__all__ = ["InferenceJob", "TrainingJob", "job_from_env"]


def _variable(name: str) -> str:
    return f"KML_JOB_{name.upper()}"


class _Job(Message):
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
        return {_variable(name): str(value) for name, value in self}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read a job from the environment; raises SettingsError naming every variable that is missing or malformed."""
        variables = {name: _variable(name) for name in cls.model_fields}
        try:
            return cls.model_validate({name: env[variable] for name, variable in variables.items() if variable in env})
        except ValidationError as error:
            wrong = [variables[str(problem["loc"][0])] for problem in error.errors()]
            raise SettingsError(
                "job environment is incomplete or malformed: "
                + ", ".join(f"{variable}={env.get(variable)!r}" for variable in wrong),
                hint="workers are started by the controller; to run one by hand, copy the environment from its spec",
            ) from error


class TrainingJob(_Job):
    """One attempt at training one model of a deployment."""

    result_id: int


class InferenceJob(_Job):
    """One replica of an inference."""

    inference_id: int
    replica: int


def job_from_env(env: Mapping[str, str]) -> TrainingJob | InferenceJob:
    """Read whichever job the environment describes."""
    return TrainingJob.from_env(env) if "KML_JOB_RESULT_ID" in env else InferenceJob.from_env(env)
