"""Turns the Kafka client's errors into ours, in one place. Used by every module of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException

from kafkaml.errors import (
    BrokerError,
    BrokerTimeout,
    KafkaMLError,
    ProducerFenced,
    RefusedError,
    StreamUnavailable,
    TransactionAborted,
)

__all__ = ["ClientLog", "aborted", "error_of", "is_refused_record", "kafka_errors", "passes_by_itself", "to_error"]

_PASSING = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.REBALANCE_IN_PROGRESS,
    }
)

_FENCED = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
_TIMED_OUT = frozenset(
    {
        KafkaError._TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError.REQUEST_TIMED_OUT,
        # The connection was lost while the answer was waited for.
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
    }
)
_MISSING_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})
_REFUSED_ACCESS = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
# What is wrong with the record itself: the same again would be refused again.
_REFUSED_RECORD = _TOO_LARGE | {
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_MSG_SIZE,
}

_UNREACHABLE_HINT = "check that the broker runs and that bootstrap_servers is right"


class ClientLog:
    """Keeps the last thing that a client complained of by itself, so that a time-out can say why.

    librdkafka retries lost connections for ever and only reports them; the call that then times out knows nothing.
    """

    def __init__(self) -> None:
        self.last = ""

    def __call__(self, error: KafkaError) -> None:
        self.last = error.str()


def error_of(exception: KafkaException) -> KafkaError:
    """Return the client's error inside its exception."""
    error = exception.args[0]
    assert isinstance(error, KafkaError)
    return error


def is_refused_record(error: KafkaError) -> bool:
    """Whether Kafka will never take the record that this is about."""
    return error.code() in _REFUSED_RECORD


def aborted(error: KafkaError, message: str) -> TransactionAborted:
    """Return that a transaction was given up for ``error``."""
    return TransactionAborted(
        message,
        refused=is_refused_record(error),
        refused_timestamp=error.code() == KafkaError.INVALID_TIMESTAMP,
    )


def passes_by_itself(error: KafkaError) -> bool:
    """Whether a consumer that meets ``error`` goes on by itself: the topic is not there yet, or the broker is away."""
    return error.retriable() or error.code() in _PASSING


def to_error(error: KafkaError, doing: str, *, reason: str = "") -> KafkaMLError:
    """Return our error for ``error``, which happened while ``doing`` something (a gerund, with the topic's name)."""
    code = error.code()
    what = f"{doing} failed: {error.str()}"
    if code in _FENCED:
        return ProducerFenced(f"{what}: a newer worker with the same name took over")
    if error.txn_requires_abort():
        return aborted(error, what)
    if code in _TIMED_OUT:
        because = f" ({reason})" if reason else ""
        return BrokerTimeout(f"{doing}: Kafka did not answer in time{because}", hint=_UNREACHABLE_HINT)
    if code in _MISSING_TOPIC:
        return StreamUnavailable(f"{what}", hint="check the name of the topic, or create it first")
    if code in _TOO_LARGE:
        return RefusedError(
            f"{doing}: the record is larger than the broker takes ({error.str()})",
            hint="send smaller records, or raise message.max.bytes of the broker and max.message.bytes of the topic",
        )
    if code in _REFUSED_ACCESS:
        return BrokerError(what, hint="check the Kafka user name, password and its rights (KML_KAFKA_SASL_*)")
    return BrokerError(what, hint=_UNREACHABLE_HINT)


@contextmanager
def kafka_errors(doing: str, log: ClientLog | None = None) -> Iterator[None]:
    """Raise the client's errors inside the block as ours; ``log`` adds the client's own last complaint."""
    try:
        yield
    except KafkaException as exception:
        raise to_error(error_of(exception), doing, reason=log.last if log else "") from exception
