"""Rounds: in each the model learns with the unlabelled samples that it is sure of, and then chooses again (Lee, 2013).

Driven by ``self_training.py`` on a whole slice, and by ``modes/incremental.py`` on a window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from kafkaml.checkpoints import Contents
from kafkaml.wire.semi_supervised import PseudoLabels
from mlcode_executor.shared_array import SharedArray
from model_training.pseudo_labels import Chosen, PseudoLabeller

__all__ = ["Rounds"]


class Rounds:
    """At most ``most`` rounds on ``unlabelled`` (n, *sample_shape), learnt while ``begin`` and ``end`` return true.

    Round 0 has the labelled samples alone; ``first`` is the round to begin with. ``chosen`` are the unlabelled samples
    of the present round, of ``classes`` classes; ``reports`` are those of the rounds that chose, the last of which may
    have found no new sample.
    """

    def __init__(self, labeller: PseudoLabeller, unlabelled: SharedArray, *, most: int, first: int) -> None:
        self._labeller = labeller
        self._unlabelled = unlabelled
        self._most = most
        self._number = first
        # Whether the samples of this round still have to be chosen.
        self._choosing = first > 0
        self._reports: list[PseudoLabels] = []
        self.chosen = Chosen.none()
        self.classes = 0

    @property
    def reports(self) -> Sequence[PseudoLabels]:
        return self._reports

    @property
    def left(self) -> int:
        """How many rounds may come after this one."""
        return self._most - self._number

    def begin(self) -> bool:
        """Choose the samples of the round, unless already chosen; returns whether there is a new one to learn."""
        if not self._choosing:
            return True
        chosen, classes, reports = self._labeller.choose(self._unlabelled, self.chosen, number=self._number)
        self._reports.append(reports)
        if not reports.added:
            return False
        self.chosen, self.classes, self._choosing = chosen, classes, False
        return True

    def end(self) -> bool:
        """Go to the next round; returns whether there is one."""
        if not self.left:
            return False
        self._number, self._choosing = self._number + 1, True
        return True

    def to_json(self) -> dict[str, Any]:
        """Return the part of the state that ``restore`` takes along with ``arrays``."""
        return {
            "round": self._number,
            "choosing": self._choosing,
            "classes": self.classes,
            "told": [round_.to_json() for round_ in self._reports],
        }

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        return self.chosen.arrays

    def restore(self, contents: Contents) -> None:
        """Continue from the state that ``to_json`` and ``arrays`` returned."""
        document: Mapping[str, Any] = contents.document
        self._number, self._choosing = int(document["round"]), bool(document["choosing"])
        self.classes = int(document["classes"])
        self._reports = [PseudoLabels.model_validate(round_) for round_ in document["told"]]
        self.chosen = Chosen.from_arrays(contents.arrays)
