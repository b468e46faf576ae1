"""TrainingOutcome: the end of a successful run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["TrainingOutcome"]


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """The end of a successful run. What is needed to repeat it is here: slice, split, seed, versions, code hash.

    ``samples`` counts those trained on, validated and tested: keys ``training``, ``validation``, ``test``.
    ``confusion_matrix[i][j]`` counts samples of class i predicted as class j, over ``labels``; None when not asked for.
    ``labels`` names the classes of every classification, whether or not there is a matrix. Metrics may be NaN or
    infinite; in JSON they are null.
    ``artifacts`` maps the names uploaded to their sha256. ``split`` says the rule and the rates, ``isolation`` the
    level at which the user's code ran. ``preparation`` is what the model process did to the features before the model
    saw them, its ``summary`` for people; serving gives it back. Empty: nothing but a cast. ``learnt`` are entries of an
    ``input_config`` that the stream's records told (the keys of objects, shape, type): with them serving reads records
    as training did.
    """

    seconds: float
    samples: Mapping[str, int]
    test_metrics: Mapping[str, float]
    artifacts: Mapping[str, str]
    versions: Mapping[str, str]
    code_sha256: str
    slice_sha256: str
    confusion_matrix: Sequence[Sequence[int]] | None = None
    labels: Sequence[str] = ()
    warnings: Sequence[str] = ()
    onnx_max_difference: float | None = None
    seed: int = 0
    split: str = ""
    isolation: str = ""
    preparation: Mapping[str, Any] = field(default_factory=dict)
    learnt: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> TrainingOutcome:
        return cls(**document)
