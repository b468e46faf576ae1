"""Runs: what trainings and inferences have in common. The base of ``Results`` and ``Inferences``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kafkaml.errors import FailedError
from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection
from kafkaml.sdk.waiting import wait_until

__all__ = ["Runs"]

Run = TypeVar("Run", types.TrainingResult, types.Inference)


class Runs(Collection[Run]):
    """Trainings and inferences, which run, can be stopped and waited for."""

    topic: str

    def stop(self, identifier: int) -> None:
        """Ask the run to stop."""
        self._act(identifier, "stop")

    def logs(self, identifier: int, *, offset: int = 0, replica: int | None = None) -> types.LogPart:
        """Return the log from byte ``offset`` (negative: from the end) on; works while it runs and afterwards."""
        params = {"offset": offset, "replica": replica}
        return types.LogPart.model_validate(
            self._connection.request("GET", f"{self.path}{identifier}/logs/", params=params)
        )

    def wait_for(
        self,
        identifier: int,
        state: types.RunState,
        *,
        timeout_seconds: float = 600,
        on_change: Callable[[Run], None] | None = None,
    ) -> Run:
        """Wait until the run is in ``state`` and return it. ``on_change`` gets the run each time it is fetched.

        Raises FailedError with cause and hint when the run fails or ends in another state, DeadlineExceeded when it
        takes too long. Driven by live events, with a check every few seconds in case one was missed.
        """

        def look() -> Run | None:
            current = self.get(identifier)
            if on_change is not None:
                on_change(current)
            if current.state == state:
                return current
            if current.state.ended and state != current.state:
                raise _ended_otherwise(self.topic, current)
            return None

        what = f"{self.topic.removesuffix('s')} {identifier} to be {state}"
        return wait_until(
            look, self._connection, topic=self.topic, number=identifier, what=what, timeout_seconds=timeout_seconds
        )


def _ended_otherwise(topic: str, run: types.TrainingResult | types.Inference) -> FailedError:
    cause = f": {run.failure.cause}" if run.failure else ""
    return FailedError(
        f"{topic.removesuffix('s')} {run.id} ({run.model_name or 'model'}) is {run.state}{cause}",
        hint=(run.failure.hint if run.failure else "") or f"kafka-ml {topic} logs {run.id}",
    )
