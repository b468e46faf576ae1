"""``client.results``: trainings and their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from kafkaml.errors import ApiError
from kafkaml.sdk import types
from kafkaml.sdk.runs import Runs

__all__ = ["Results"]


class Results(Runs[types.TrainingResult]):
    """Trainings and their results. The last one of a deployment is deleted with it."""

    path = "/results/"
    kind = types.TrainingResult
    topic = "results"

    def restart(self, identifier: int, *, stream: int | None = None, resume: bool = False) -> None:
        """Train again, on the same stream or on another, or go on from the last checkpoint (``resume``); versions of
        the earlier training stay.
        """
        self._act(identifier, "restart", {"stream": stream, "resume": resume})

    def annotate(
        self,
        identifier: int,
        *,
        name: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
        favourite: bool | None = None,
    ) -> types.TrainingResult:
        """Annotate a run; None leaves a field unchanged. ``tags`` replace the previous ones.

        ``list`` finds it by ``tag``, ``favourite`` and ``search``; by numbers too, as in
        ``where="score.accuracy>=0.9,parameter.epochs=10"`` and ``ordering="-score.accuracy"``.
        """
        return self._patch(identifier, {"name": name, "notes": notes, "tags": tags, "favourite": favourite})

    def download(
        self,
        identifier: int,
        folder: Path,
        *,
        version: int | None = None,
        names: Sequence[str] = (),
        on_progress: Callable[[types.Artifact, int], None] | None = None,
    ) -> list[Path]:
        """Write the trained model's files (all, or ``names``) into ``folder``; return their paths.

        The files belong to the current version, or to another ``version``. ``on_progress`` gets the current file and
        the number of its bytes received.
        """
        if version is None:
            where, what = f"{self.path}{identifier}/", f"result {identifier}"
            found: Sequence[types.Artifact] = self.get(identifier).artifacts
        else:
            where, what = self._version(identifier, version), f"version {version} of result {identifier}"
            found = [
                types.Artifact.model_validate(artifact.to_json())
                for artifact in self.version(identifier, version).artifacts
            ]
        artifacts = {artifact.name: artifact for artifact in found}
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name in list(names) or artifacts:
            if name not in artifacts:
                raise ApiError(f"{what} has no {name}: it has {', '.join(artifacts) or 'nothing yet'}", status=404)
            report = None if on_progress is None else partial(on_progress, artifacts[name])
            self._connection.download(f"{where}artifacts/{name}/", folder / name, on_progress=report)
            paths.append(folder / name)
        return paths

    def download_zip(
        self,
        identifier: int,
        path: Path,
        *,
        version: int | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> int:
        """Write all files of a version (the current one) to ``path`` as one zip, with a README; return its bytes."""
        number = self._number(identifier, version)
        return self._connection.download(f"{self._version(identifier, number)}archive/", path, on_progress=on_progress)

    def download_confusion_matrix(self, identifier: int, path: Path) -> None:
        """Write the confusion matrix as a PNG image."""
        self._connection.download(f"{self.path}{identifier}/confusion_matrix.png", path)

    def exits(self, identifier: int, limits: Sequence[float | None] = ()) -> types.ExitCurvesReport:
        """Return what ``limits`` would do in the chain of a result. They are listed from the lowest tier up; None
        stands for the proposed limit.

        Raises ApiError with status 404 for an ordinary model, or one that is not trained.
        """
        texts = ["" if limit is None else str(limit) for limit in limits]
        answer = self._connection.request(
            "GET", f"{self.path}{identifier}/exits/", params={"limits": ",".join(texts)} if texts else None
        )
        return types.ExitCurvesReport.model_validate(answer)

    def versions(self, identifier: int) -> list[types.VersionRecord]:
        """Return the versions that are kept, the newest first."""
        pages = self._connection.pages(f"{self.path}{identifier}/versions/")
        return [types.VersionRecord.model_validate(page) for page in pages]

    def version(self, identifier: int, number: int) -> types.VersionRecord:
        """Return one version; ApiError with status 404 when it is not kept."""
        answer = self._connection.request("GET", self._version(identifier, number))
        return types.VersionRecord.model_validate(answer)

    def promote(self, identifier: int, number: int, *, why: str = "") -> types.VersionRecord:
        """Make a version the current one, newer or older; inferences that follow the result switch to it."""
        answer = self._connection.request("POST", f"{self._version(identifier, number)}promote/", body={"why": why})
        return types.VersionRecord.model_validate(answer)

    def pin(self, identifier: int, number: int, *, pinned: bool = True) -> types.VersionRecord:
        """Pin a version so that it stays when the oldest are deleted, or unpin it."""
        answer = self._connection.request("PATCH", self._version(identifier, number), body={"pinned": pinned})
        return types.VersionRecord.model_validate(answer)

    def delete_version(self, identifier: int, number: int) -> None:
        """Delete a version and its files; ApiError with status 409 for one that is current, pinned or served."""
        self._connection.request("DELETE", self._version(identifier, number))

    def card(self, identifier: int, number: int | None = None) -> types.Card:
        """Return the model card of a version, by default the current one."""
        where = self._version(identifier, self._number(identifier, number))
        return types.Card.model_validate(self._connection.request("GET", f"{where}card/"))

    def _number(self, identifier: int, number: int | None) -> int:
        current = self.get(identifier).current_version if number is None else number
        if current is None:
            raise ApiError(f"result {identifier} has no version yet: wait for its training", status=404)
        return current

    def _version(self, identifier: int, number: int) -> str:
        return f"{self.path}{identifier}/versions/{number}/"
