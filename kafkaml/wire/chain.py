"""How a chain could be served: a proposal for each of its tiers before it is deployed."""

from __future__ import annotations

from collections.abc import Sequence

from kafkaml.wire.message import Message

__all__ = ["ChainProposal", "TierProposal"]


class TierProposal(Message):
    """A sub-model of a trained chain with topics that nothing uses, and a limit; both None or empty at the top.

    ``served_by`` is the inference whose topics these are, where a proposal joins tiers that are served already.

    ``limit`` is the one that sends up least at nearly the best accuracy, judged by the samples that its training held
    out; None where there are none, and the user has to choose.
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
    """``tiers`` from below: the first reads ``input_topic``, each hands up to the input of the next, all answer to
    ``output_topic``. ``result`` leads their run. ``obstacle`` is why there are no limits, where there are none.
    """

    result: int
    input_topic: str
    output_topic: str
    tiers: Sequence[TierProposal]
    obstacle: str = ""
