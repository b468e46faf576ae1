"""Where incremental training stands: with the model's own state, all that another attempt needs to go on from."""

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
    """Where the learning stands after ``step`` windows; with the model's own state it is all there is to go on from."""

    step: int = 0
    reading: Reading = field(default_factory=Reading)
    fit: WindowFit | None = None
    # Samples whose labels cannot be learnt, beside what the reading left out.
    unlearnable: LeftOut = field(default_factory=LeftOut)
    trained: int = 0
    validated: int = 0
    champion: int | None = None
    comparison: Comparison | None = None
    seconds: float = 0.0
    # Whether the model may be converted to ONNX: once that ended the model process it is not tried again.
    converts: bool = True
    held_out: Newest | None = None
    # Those that windows without any are learnt with, and what came of the unlabelled ones; where these are learnt.
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
            "pseudo_labels": [each.to_json() for each in self.pseudo_labels],
        }

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The samples that are kept, those held out, the newest labelled ones and a few for trying the model, and what
        is known of keys.
        """
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
            pseudo_labels=[PseudoLabels.model_validate(each) for each in document["pseudo_labels"]],
        )
