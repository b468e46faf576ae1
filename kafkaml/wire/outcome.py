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
    """The end of a successful run. What is needed to repeat it is here: slice, split, seed, versions, code hash.

    ``samples`` counts those trained on, validated and tested: keys ``training``, ``validation``, ``test``; those that
    were learnt without a label, none of the others, are ``pseudo_labelled``. ``pseudo_labels`` are the rounds that
    chose them; of incremental training those of the newest window that had unlabelled samples. ``labels`` names the
    classes of every classification. ``artifacts`` maps the names uploaded to their sha256. ``split`` says the rule and
    the rates, ``isolation`` the level at which the user's code ran. ``preparation`` is what the model process did to
    the features before the model saw them, its ``summary`` for people; serving gives it back. Empty: nothing but a
    cast. ``learnt`` are entries of an ``input_config`` that the stream's records decided (keys of objects, shape, type;
    for a data set scales and vocabularies). With them serving reads records as training did. ``input_shape`` and
    ``output_shapes`` are what the model took and answers for one sample (null: any size), empty where that is not
    known. ``exit`` is of a sub-model of a distributed model, None for ordinary ones. ``scores`` are computed by the
    platform on the samples of ``test_metrics``, so that frameworks can be compared; empty where a model predicts
    neither one class nor numbers, or nothing tested it. ``baseline`` is what scores must beat there. ``best_epoch`` is
    None for windows of a stream, and where no epoch had a number to judge by.
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
    """An outcome as the worker tells it: with the confusion matrix of the test samples, if that was asked for.

    ``evaluation`` is of the answers to the same samples, None where they have neither two classes nor numbers.
    """

    confusion_matrix: Matrix | None = None
    evaluation: Evaluation | None = None


class ConfusionMatrix(Message):
    """``matrix[i][j]`` counts test samples of class i that were predicted as class j, over ``labels``."""

    matrix: Matrix
    labels: Labels
