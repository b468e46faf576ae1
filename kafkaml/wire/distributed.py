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

__all__ = ["Cascade", "ChainTraining", "Exit", "ExitCurves", "LimitPoint", "Scores", "SubModel", "TierCurve"]

Weight = Annotated[float, Field(ge=0, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1)]


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
    """What the prediction of an exit is, which decides how its confidence is computed.

    The confidence is the largest probability. For a single sigmoid unit it is the probability of the likelier side.
    """

    PROBABILITIES = "probabilities"
    LOGITS = "logits"
    VALUES = "values"


class Exit(Message):
    """What training found of one exit. ``upper_bytes``: of one intermediate, 0 at the top.

    ``temperature`` divides the logits (of probabilities: their logarithms) before the confidence is computed; it is the
    one that gives the validation samples the least negative log-likelihood (Guo et al., 2017), 1 where there are none.
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


class LimitPoint(Message):
    """What a limit of one tier would do: the share of what arrives there that it sends up, and the chain as a whole.

    ``accuracy`` is that of the answers, wherever they are given; bytes that tiers send up and seconds that they need
    are of one record that comes to the lowest of them.
    """

    limit: Share
    sent_up: Share
    accuracy: Share
    bytes_per_sample: float
    seconds_per_sample: float


class TierCurve(Message):
    """What limits of one tier would do, with those of the others fixed; ``result`` is that of its ``model``.

    ``limit`` is the one asked about, ``proposed`` the one that sends up least at nearly the best accuracy (half a point
    less); both are None at the top, which answers what comes to it. ``alone`` is the accuracy of this exit on all
    samples. ``arriving`` is the share of samples that come to the tier, ``sent_up`` of those the share that goes on.
    """

    result: int
    model: int
    model_name: str
    limit: Share | None
    proposed: Share | None
    alone: Share
    arriving: Share
    sent_up: Share
    points: tuple[LimitPoint, ...] = ()


class ExitCurves(Message):
    """Where samples would leave a chain, judged by those that its training held out: ``of`` test, or of validation.

    ``tiers`` from below. Accuracy, bytes and seconds are of the chain with the limits of ``tiers``.
    """

    result: int
    version: int
    of: str
    samples: int
    accuracy: Share
    bytes_per_sample: float
    seconds_per_sample: float
    tiers: tuple[TierCurve, ...]
