"""``client.results``: trainings and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from kafkaml.errors import ApiError
from kafkaml.sdk import types
from kafkaml.sdk.runs import Runs

__all__ = ["Results"]


class Results(Runs[types.TrainingResult]):
    """Trainings and what came of them. They are deleted with their deployment."""

    path = "/results/"
    kind = types.TrainingResult
    topic = "results"

    def restart(self, identifier: int, *, stream: int | None = None) -> None:
        """Train again, on the same stream or on another; versions of the earlier training stay."""
        self._act(identifier, "restart", {"stream": stream})

    def download(
        self,
        identifier: int,
        folder: Path,
        *,
        names: Sequence[str] = (),
        on_progress: Callable[[types.Artifact, int], None] | None = None,
    ) -> list[Path]:
        """Write the trained model's files (all, or ``names``) into ``folder``; return their paths.

        ``on_progress`` is told of the file under way and how many of its bytes have come.
        """
        artifacts = {each.name: each for each in self.get(identifier).artifacts}
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name in list(names) or artifacts:
            if name not in artifacts:
                raise ApiError(
                    f"result {identifier} has no {name}: it has {', '.join(artifacts) or 'nothing yet'}", status=404
                )
            report = None if on_progress is None else partial(on_progress, artifacts[name])
            self._connection.download(f"{self.path}{identifier}/artifacts/{name}/", folder / name, on_progress=report)
            paths.append(folder / name)
        return paths

    def download_confusion_matrix(self, identifier: int, path: Path) -> None:
        """Write the confusion matrix as a PNG image."""
        self._connection.download(f"{self.path}{identifier}/confusion_matrix.png", path)
