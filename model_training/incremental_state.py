"""The state of incremental training: together with the model's own state, everything that another attempt needs to
continue.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from kafkaml.checkpoints import Contents
from kafkaml.left_out import LeftOut
from kafkaml.wire.semi_supervised import PseudoLabels
from kafkaml.wire.version import Comparison
from model_training.fitting import WindowFit
from model_training.newest import Newest
from model_training.window import Reading

__all__ = ["LearningState"]

_SAMPLE, _HELD_OUT, _LABELLED, _KEYS = "sample", "held_out", "labelled", "keys_"


@dataclass
class LearningState:
    """The state after ``step`` windows; together with the model's own state it is enough to continue."""

    step: int = 0
    reading: Reading = field(default_factory=Reading)
    fit: WindowFit | None = None
    # Samples whose labels cannot be learnt, in addition to what the reading left out.
    unlearnable: LeftOut = field(default_factory=LeftOut)
    trained: int = 0
    validated: int = 0
    champion: int | None = None
    comparison: Comparison | None = None
    seconds: float = 0.0
    # Whether the model may be converted to ONNX, which is not tried again once it ended the model process.
    converts: bool = True
    held_out: Newest | None = None
    # State of semi-supervised training: labelled samples for windows without any, and counts of the unlabelled ones.
    labelled: Newest | None = None
    unlabelled: int = 0
    pseudo_labelled: int = 0
    pseudo_labels: list[PseudoLabels] = field(default_factory=list)
    sample: NDArray[Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but the arrays."""
        return {
            "reading": self.reading.to_json(),
            "fit": None if self.fit is None else self.fit.to_json(),
            "unlearnable": self.unlearnable.to_json(),
            "trained": self.trained,
            "validated": self.validated,
            "champion": self.champion,
            "comparison": None if self.comparison is None else self.comparison.to_json(),
            "seconds": self.seconds,
            "converts": self.converts,
            "unlabelled": self.unlabelled,
            "pseudo_labelled": self.pseudo_labelled,
            "pseudo_labels": [round_.to_json() for round_ in self.pseudo_labels],
        }

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The kept samples (held out, newest labelled, a few for trying the model), and the state of keys."""
        held_out = {} if self.held_out is None else self.held_out.arrays(_HELD_OUT)
        labelled = {} if self.labelled is None else self.labelled.arrays(_LABELLED)
        keys = {f"{_KEYS}{name}": array for name, array in self.reading.state.items()}
        return {**held_out, **labelled, **keys, **({} if self.sample is None else {_SAMPLE: self.sample})}

    @classmethod
    def restored(cls, contents: Contents) -> LearningState:
        """Return the state that ``to_json`` and ``arrays`` described."""
        document, arrays = contents.document, contents.arrays
        fit, comparison = document["fit"], document["comparison"]
        return cls(
            step=contents.step,
            reading=Reading.from_json(
                document["reading"],
                {name.removeprefix(_KEYS): array for name, array in arrays.items() if name.startswith(_KEYS)},
            ),
            fit=None if fit is None else WindowFit.from_json(fit),
            unlearnable=LeftOut.from_json(document["unlearnable"]),
            trained=document["trained"],
            validated=document["validated"],
            champion=document["champion"],
            comparison=None if comparison is None else Comparison.model_validate(comparison),
            seconds=document["seconds"],
            converts=document["converts"],
            held_out=Newest.from_arrays(arrays, _HELD_OUT),
            sample=arrays.get(_SAMPLE),
            labelled=Newest.from_arrays(arrays, _LABELLED),
            unlabelled=document["unlabelled"],
            pseudo_labelled=document["pseudo_labelled"],
            pseudo_labels=[PseudoLabels.model_validate(round_) for round_ in document["pseudo_labels"]],
        )
