"""How a chain could be served: a proposal for each of its tiers before it is deployed."""

from __future__ import annotations

from collections.abc import Sequence

from kafkaml.wire.message import Message

__all__ = ["ChainProposal", "TierProposal"]


class TierProposal(Message):
    """The topics and the limit that are proposed for one sub-model of a trained chain. No inference uses the topics
    yet.

    ``upper_topic`` is empty, and both limits are null, for the highest tier. ``limit`` is judged by the samples that
    training held out. Of the limits with nearly the best accuracy, it is the one that sends the fewest samples to the
    next tier. It is null if there are no such samples, and the user has to choose. The limit of a tier must be higher
    than ``least_limit``. ``served_by`` is the inference that serves this tier already and whose topics are proposed. It
    is null if there is none.
    """

    result: int
    model: int
    model_name: str
    input_topic: str
    upper_topic: str = ""
    limit: float | None = None
    least_limit: float | None = None
    served_by: int | None = None


class ChainProposal(Message):
    """Topics and limits to serve a trained chain with.

    ``tiers`` begin with the lowest one, which reads ``input_topic``. Every tier sends what it is not sure of to the
    input topic of the next tier. All tiers write predictions to ``output_topic``. ``result`` is the result of the
    highest sub-model. ``obstacle`` says why no limits are proposed, and is empty if they are.
    """

    result: int
    input_topic: str
    output_topic: str
    tiers: Sequence[TierProposal]
    obstacle: str = ""
