"""SavedFiles: the files that a training leaves behind, each saved and uploaded separately. Used by the modes.

A file that cannot be made becomes a warning that names it and the reason, because hours of training are worth more than
one of several files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from kafkaml.artifacts import is_program
from kafkaml.errors import ApiError
from kafkaml.reporter import ResultReporter
from model_training.steps import Steps
from model_training.trained_model import TrainedModel

__all__ = ["SavedFiles", "in_order_of_worth"]

# Status codes by which the backend refuses a single file: for its size, its name or its content.
_REFUSED_FILE_STATUS = frozenset({400, 413, 422})
_WEIGHTS = (".safetensors", ".weights.h5")


def in_order_of_worth(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return which files to save right after training, weights first, and which to save last.

    The framework's own serialiser writes whole models and can end the process. Whole models therefore come last where
    weights and program can serve as well.
    """
    weights = [name for name in names if name.endswith(_WEIGHTS)]
    programs = [name for name in names if is_program(name)]
    others = [name for name in names if name not in weights and name not in programs]
    return ([*weights, *programs], others) if weights else ([*others, *programs], [])


class SavedFiles:
    """Files in ``folder`` by name, in the order in which they were made."""

    def __init__(self, folder: Path, steps: Steps) -> None:
        self._folder = folder
        self._steps = steps
        self._paths: dict[str, Path] = {}
        self._of_model: set[str] = set()

    def save(self, model: TrainedModel, names: Sequence[str]) -> None:
        """Have the model process write files of the trained model, one after the other."""
        for name in names:
            path = self._steps.attempt(f"{name} could not be saved", partial(model.save, name, self._folder))
            if path is not None:
                self.add(path, serves=not is_program(name))

    def add(self, path: Path, *, serves: bool = False) -> None:
        """Keep a file; ``serves``: the model can be served from it."""
        self._paths[path.name] = path
        if serves:
            self._of_model.add(path.name)

    def serving(self, uploaded: Mapping[str, str]) -> bool:
        """Whether the model can be served from the uploaded files."""
        return bool(self._of_model & uploaded.keys())

    def upload(self, reporter: ResultReporter) -> Mapping[str, str]:
        """Send all files and return their hashes by name; one that the backend refuses is left out, with a warning.

        Called after the model process has ended, so that nothing writes to the files any more.
        """
        hashes: dict[str, str] = {}
        for name, path in self._paths.items():
            try:
                hashes[name] = reporter.upload(name, path)
            except ApiError as error:
                if error.status not in _REFUSED_FILE_STATUS:
                    raise
                self._steps.failed(error, f"{name} was not kept: {error.message}")
        return hashes
