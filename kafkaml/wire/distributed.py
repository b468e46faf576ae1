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
    """How the sub-models of a chain are trained together.

    ``optimizer``, ``loss`` and ``metrics`` are names as Keras knows them, for both frameworks. Every exit has the same
    loss and metrics. ``loss_weights`` are weights by name of sub-model. A sub-model that is not named has the weight 1.
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
    """What an exit predicts. It decides how the confidence of a prediction is computed.

    * ``probabilities``: The confidence is the highest probability. For a single sigmoid unit it is the probability of
      the likelier of the two classes.
    * ``logits``: The confidence is the highest probability after a softmax, or after a sigmoid for a single unit.
    * ``values``: Numbers, as of a regression. They have no confidence.
    """

    PROBABILITIES = "probabilities"
    LOGITS = "logits"
    VALUES = "values"


class Exit(Message):
    """What training measured at one exit of a chain, which predicts one of ``classes`` classes.

    ``temperature`` divides the logits before the confidence is computed. For probabilities, it divides their
    logarithms. It is the value with the lowest negative log-likelihood on the validation samples (Guo et al., 2017), or
    1 without validation samples. ``upper_bytes`` is the size of one intermediate, 0 for the highest tier.
    ``seconds_per_sample`` is the time of this sub-model alone, for one sample at a time.
    """

    scores: Scores
    classes: int
    temperature: Annotated[float, Field(gt=0)] = 1.0
    upper_bytes: int = 0
    seconds_per_sample: float = 0.0


class Cascade(Message):
    """How a tier decides whether it answers. At or above ``limit`` the prediction is the answer. Below it, the
    intermediate goes to ``upper_topic``.

    ``upper_bootstrap_servers`` is empty if the topic is in the platform's own Kafka. ``scores`` and ``temperature`` say
    how the confidence is computed.
    """

    upper_topic: str
    limit: Annotated[float, Field(ge=0, le=1)]
    upper_bootstrap_servers: str = ""
    scores: Scores = Scores.PROBABILITIES
    temperature: Annotated[float, Field(gt=0)] = 1.0


class LimitPoint(Message):
    """What one ``limit`` of a tier would do.

    ``sent_up`` is the share of the samples arriving at the tier that goes on to the next tier. ``accuracy`` is that of
    the whole chain, whichever tier answers. ``bytes_per_sample`` is what tiers send to the next tier, and
    ``seconds_per_sample`` is how long they compute. Both are the mean per sample that enters the chain.
    """

    limit: Share
    sent_up: Share
    accuracy: Share
    bytes_per_sample: float
    seconds_per_sample: float


class TierCurve(Message):
    """What the limits of one tier would do while the limits of the other tiers stay as they are.

    ``limit`` is the limit in question. Of the limits that cost at most half a percentage point of accuracy,
    ``proposed`` is the one that sends the fewest samples on. Both are null for the highest tier, which answers
    everything. ``alone`` is the accuracy of this exit on all samples. ``arriving`` is the share of all samples that
    reaches the tier. ``sent_up`` is the share of those that goes on. ``result`` is the result of the sub-model
    ``model``.
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
    """Where samples would leave a chain, measured on samples that training held out.

    ``of`` is ``test`` or ``validation``: the part that the samples are from. ``tiers`` begin with the lowest one.
    ``accuracy``, ``bytes_per_sample`` and ``seconds_per_sample`` are those of the whole chain with the limits in
    ``tiers``. ``samples`` is the number of samples measured.
    """

    result: int
    version: int
    of: str
    samples: int
    accuracy: Share
    bytes_per_sample: float
    seconds_per_sample: float
    tiers: tuple[TierCurve, ...]
