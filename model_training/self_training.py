"""SelfTraining: repeated classic training, each time with the unlabelled samples that the model is sure of.

Used by ``modes/classic.py``. A round is one fit with the deployment's settings, on the training samples and the chosen
ones, starting from the present weights. Every checkpoint holds the round, so another attempt continues in the same
round with the same samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafkaml.checkpoints import Contents
from kafkaml.disk import disk_errors
from kafkaml.failpoints import failpoint
from kafkaml.wire.semi_supervised import PseudoLabels, SemiSupervised
from mlcode_executor.shared_array import SharedArray
from model_training.epoch_checkpoints import Around, EpochCheckpoints
from model_training.model_session import ModelSession, Samples
from model_training.part import Part
from model_training.pseudo_labels import PseudoLabeller, labels_of, none_chosen
from model_training.rounds import Rounds
from model_training.training_data import TrainingData

__all__ = ["SelfTraining"]

# Rows are copied in pieces of about this size.
_CHUNK_BYTES = 4 << 20

# A function that fits the samples once with the deployment's settings. Returns the epochs done so far in all rounds.
Fit = Callable[[Samples, "SelfTraining"], int]


class SelfTraining:
    """The rounds of one training, on the labelled samples and those chosen.

    ``reports`` are the reported rounds; ``unreported`` is the round that will be reported with the next epoch.
    """

    def __init__(
        self,
        terms: SemiSupervised,
        session: ModelSession,
        data: TrainingData,
        part: Part,
        checkpoints: EpochCheckpoints,
    ) -> None:
        assert data.unlabelled is not None
        self._terms = terms
        self._labeller = PseudoLabeller(terms, session, part.warnings)
        self._warnings = part.warnings
        self._labelled, self._unlabelled = data.training, data.unlabelled
        self._folder = part.folder
        self._checkpoints = checkpoints
        self._rounds = Rounds(self._labeller, self._unlabelled, most=terms.rounds, first=0)
        self.unreported: PseudoLabels | None = None

    @property
    def reports(self) -> Sequence[PseudoLabels]:
        return self._rounds.reports

    @property
    def chosen(self) -> int:
        """How many unlabelled samples the last round learnt."""
        return len(self._rounds.chosen)

    @property
    def rounds_left(self) -> int:
        """How many rounds may come after this one."""
        return self._rounds.left

    def run(self, fit: Fit, resumed: Contents | None) -> None:
        """Train to the last round, from the beginning or from ``resumed``."""
        self._labeller.check(self._labelled.labels.array)
        if resumed is not None:
            self._rounds.restore(resumed)
        while self._begin():
            self._checkpoints.around = self._around()
            with self._samples() as samples:
                epochs = fit(samples, self)
            if not self._rounds.end():
                return
            self._checkpoints.around = self._around(epochs)
            self._checkpoints.between_fits()
            failpoint("training.round")
        if not self.chosen:
            self._warnings.add(none_chosen(self.reports[-1].unlabelled, self._terms, self._labeller.surest))

    def _begin(self) -> bool:
        before = len(self.reports)
        begins = self._rounds.begin()
        if begins and len(self.reports) > before:
            self.unreported = self.reports[-1]
        return begins

    @contextmanager
    def _samples(self) -> Iterator[Samples]:
        """The samples of the round, in files because they may exceed memory."""
        chosen = self._rounds.chosen
        if not len(chosen):
            yield self._labelled
            return
        features, labels = self._labelled.features.array, self._labelled.labels.array
        pseudo = labels_of(chosen.classes, like=labels[:0], count=self._rounds.classes)
        with Samples(
            self._joined("round-features", features, self._unlabelled.array, chosen.rows, features.dtype),
            self._joined("round-labels", labels, pseudo, np.arange(len(pseudo)), pseudo.dtype),
        ) as samples:
            yield samples

    def _joined(
        self, name: str, first: NDArray[Any], others: NDArray[Any], rows: NDArray[np.int64], dtype: np.dtype[Any]
    ) -> SharedArray:
        """Return ``first`` followed by ``rows`` of ``others``, in a file that is deleted on close."""
        path = self._folder / name
        size = max(1, _CHUNK_BYTES // max(1, first[:1].nbytes))
        try:
            with disk_errors(self._folder), path.open("wb") as file:
                for start in range(0, len(first), size):
                    file.write(np.ascontiguousarray(first[start : start + size], dtype).data)
                for start in range(0, len(rows), size):
                    file.write(np.ascontiguousarray(others[rows[start : start + size]], dtype).data)
            return SharedArray.from_file(path, dtype, (len(first) + len(rows), *first.shape[1:]))
        finally:
            path.unlink(missing_ok=True)

    def _around(self, epochs: int | None = None) -> Around:
        """Return the state of the round for checkpoints. ``epochs`` is how many were done before the round; None means
        as many as noted last.
        """
        before = self._checkpoints.around.epochs if epochs is None else epochs
        return Around(epochs=before, document=self._rounds.to_json(), arrays=self._rounds.arrays)
