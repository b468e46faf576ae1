"""Distributed models: how a chain of sub-models is trained as one, and how one of them is served as a tier.

A chain is named from below: edge, fog, cloud. Every sub-model but the top answers ``(to_upper, prediction)``. Trained
together as in BranchyNet (Teerapittayanon et al., 2016): every exit gets the label, and the losses are summed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kafkaml.wire.message import Message

__all__ = ["Cascade", "ChainTraining", "Exit", "Scores", "SubModel"]

Weight = Annotated[float, Field(ge=0, le=1e6)]


class ChainTraining(Message):
    """How the chains of a deployment are trained; what a chain compiles its exits with.

    ``optimizer``, ``loss`` and ``metrics`` are names as Keras gives them, for both frameworks; each exit has the same
    loss and metrics. ``loss_weights`` are by name of sub-model, 1 where none is given.
    """

    optimizer: str = "adam"
    learning_rate: Annotated[float, Field(gt=0, le=1000)] = 0.001
    loss: str = "sparse_categorical_crossentropy"
    metrics: tuple[str, ...] = ("sparse_categorical_accuracy",)
    loss_weights: Mapping[str, Weight] = {}


class SubModel(Message):
    """One sub-model of a chain in a training plan, with the result that it becomes."""

    result_id: int
    model_name: str
    code: str
    imports: str
    loss_weight: Weight = 1.0


class Scores(StrEnum):
    """What the prediction of an exit is, so that its confidence can be told.

    The confidence is the largest probability; of one sigmoid unit, that of the likelier side.
    """

    PROBABILITIES = "probabilities"
    LOGITS = "logits"
    VALUES = "values"


class Exit(Message):
    """What training found of one exit. ``upper_bytes``: of one intermediate, 0 at the top.

    ``temperature`` divides the logits (of probabilities: their logarithms) before the confidence is told; it is the one
    that gives the validation samples the least negative log-likelihood (Guo et al., 2017), 1 where there are none.
    ``seconds_per_sample`` is the time of this sub-model alone, in batches of one.
    """

    scores: Scores
    classes: int
    temperature: Annotated[float, Field(gt=0)] = 1.0
    upper_bytes: int = 0
    seconds_per_sample: float = 0.0


class Cascade(Message):
    """How a tier decides: below ``limit`` the intermediate goes up, at or above it the prediction is the answer."""

    upper_topic: str
    limit: Annotated[float, Field(ge=0, le=1)]
    upper_bootstrap_servers: str = ""
    scores: Scores = Scores.PROBABILITIES
    temperature: Annotated[float, Field(gt=0)] = 1.0
