"""TrainingOutcome: the end of a successful run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from kafkaml.wire.best_epoch import BestEpoch
from kafkaml.wire.contract import Learnt
from kafkaml.wire.distributed import Exit
from kafkaml.wire.evaluation import Baseline, Evaluation
from kafkaml.wire.message import Count, Message, Metrics, Name, Sha256, Text
from kafkaml.wire.scores import Scores
from kafkaml.wire.semi_supervised import PseudoLabels

__all__ = ["ConfusionMatrix", "Outcome", "TrainingOutcome"]

Labels = Annotated[list[Name], Field(max_length=10_000)]
Shape = Annotated[list[Count | None], Field(max_length=32)]
# ``matrix[i][j]`` counts samples of class i that were predicted as class j.
Matrix = Annotated[list[list[Count]], Field(max_length=10_000)]


class Outcome(Message):
    """What a successful run leaves, with all that is needed to repeat it: slice, split, seed, versions and hash of the
    code.

    ``seconds`` is how long the run took. ``samples`` counts the samples of each part: ``training``, ``validation`` and
    ``test``. For semi-supervised training, ``pseudo_labelled`` counts those that were learnt without a label.
    ``pseudo_labels`` are the rounds that chose these samples. Incremental training reports those of the newest window
    with unlabelled samples. ``labels`` are the names of the classes.

    ``test_metrics`` are metrics as the framework computes them. ``scores`` are computed by the platform from the same
    samples, so that frameworks can be compared. They are empty if the model predicts neither one class nor numbers, or
    if there were no test samples. ``baseline`` is what the scores have to beat. ``best_epoch`` is null for incremental
    training, and if no epoch had a number to be judged by.

    ``artifacts`` maps the names of uploaded files to their SHA-256. ``versions`` are those of the packages used.
    ``onnx_max_difference`` is the largest difference between a prediction of the model and one of its ONNX file, null
    without such a file. ``split`` describes the rule and the rates, and ``isolation`` how the user's code was isolated.

    ``preparation`` is what was done to features before the model saw them. Serving does the same. Its ``summary`` is a
    text for users. If ``preparation`` is empty, the only change was a cast. ``learnt`` are entries of ``input_config``
    that were learnt from the records: fields of objects, shape and type, and for a data set its scales and
    vocabularies. With them, serving reads records as training did. ``input_shape`` and ``output_shapes`` are for one
    sample, with null for an axis of any size. They are empty if they are not known. ``exit`` is null unless the model
    is a sub-model of a distributed one.
    """

    seconds: Annotated[float, Field(ge=0)]
    samples: Mapping[Name, Count]
    test_metrics: Metrics
    scores: Scores = {}
    artifacts: Annotated[Mapping[Name, Sha256], Field(max_length=100)]
    versions: Mapping[Name, Name]
    code_sha256: Sha256
    slice_sha256: Sha256
    labels: Labels = []
    warnings: Annotated[list[Text], Field(max_length=1000)] = []
    onnx_max_difference: float | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    split: Text = ""
    isolation: Name = ""
    preparation: Annotated[Mapping[Name, Any], Field(max_length=100)] = {}
    input_shape: Shape = []
    output_shapes: Annotated[list[Shape], Field(max_length=1000)] = []
    exit: Exit | None = None
    baseline: Baseline | None = None
    best_epoch: BestEpoch | None = None
    pseudo_labels: Annotated[list[PseudoLabels], Field(max_length=100)] = []
    # The names in ``learnt`` are as long as users write them. The size of the request bounds them.
    learnt: Mapping[Literal["data_type", "data_reshape", "fields", "learnt"], str | list[str | list[str]] | Learnt] = {}


class TrainingOutcome(Outcome):
    """An outcome as the worker reports it.

    ``confusion_matrix`` counts the test samples. It is null unless the deployment asked for it. ``evaluation`` is null
    if the model has neither two classes nor numbers, and its samples no named columns.
    """

    confusion_matrix: Matrix | None = None
    evaluation: Evaluation | None = None


class ConfusionMatrix(Message):
    """``matrix[i][j]`` is the number of test samples of class i that were predicted as class j. ``labels`` are the
    classes.
    """

    matrix: Matrix
    labels: Labels
