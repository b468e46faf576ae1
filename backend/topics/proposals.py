"""What a topic would be as a data set: a sample of it is read, and a contract proposed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.api.errors import InvalidField, NotFound
from backend.config.environment import environment
from backend.records.browsing import REQUEST_SECONDS, open_browser, open_sampler
from backend.streams.slices import offsets_between
from kafkaml.codecs.schema_registry import SchemaRegistry
from kafkaml.confluent import KafkaAdmin
from kafkaml.contract.expiry import expiry_remark
from kafkaml.errors import BrokerError, DecodeError, RefusedError, StreamUnavailable
from kafkaml.records import Record
from kafkaml.wire.proposal import Proposal, Remark

__all__ = ["ProposalQuery", "proposal"]

_SAMPLE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class ProposalQuery:
    """What is known of a topic already; see ``kafkaml.contract.proposal.propose``. Times bound the slice."""

    input_format: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    records: int = 1000


def proposal(name: str, query: ProposalQuery) -> Proposal:
    """Return what a sample of the topic suggests. Raises NotFound for a topic that there is not, InvalidField."""
    # Import late, because Polars takes 40 MB that most platforms do not need.
    from kafkaml.contract.proposal import propose

    try:
        sample = open_sampler().sample(
            name, offsets=_slice(name, query), max_records=query.records, timeout_seconds=_SAMPLE_SECONDS
        )
    except StreamUnavailable as error:
        raise NotFound(error.message, hint=error.hint) from error
    try:
        found = propose(
            sample.records,
            input_format=query.input_format,
            config=query.config,
            lookup=SchemaRegistry.from_environment(),
            label=query.label,
        )
    except DecodeError as error:
        field = next((setting for setting in ("data_scheme", "data_type") if setting in query.config), "format")
        raise InvalidField(field, error.message, hint=error.hint) from error
    except RefusedError as error:
        raise InvalidField("label", error.message, hint=error.hint) from error
    expiring = _expiry(name, sample.records)
    return found if expiring is None else found.model_copy(update={"remarks": (expiring, *found.remarks)})


def _expiry(name: str, records: Sequence[Record]) -> Remark | None:
    try:
        config = KafkaAdmin(environment().kafka, timeout_seconds=REQUEST_SECONDS).topic_configs([name])[name]
    except BrokerError:
        # Permission to read a topic does not include its settings.
        return None
    return expiry_remark(records, config, int(time.time() * 1000))


def _slice(name: str, query: ProposalQuery) -> dict[int, tuple[int, int]] | None:
    if query.since_ms is None and query.until_ms is None:
        return None
    return offsets_between(open_browser(), name, query.since_ms, query.until_ms)
