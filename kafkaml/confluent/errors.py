"""Turns the Kafka client's errors into ours, in one place. Used by every module of this package."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from kafkaml.errors import (
    BrokerError,
    BrokerTimeout,
    KafkaMLError,
    ProducerFenced,
    RefusedError,
    StreamUnavailable,
    TopicRefused,
    TransactionAborted,
)

__all__ = [
    "ClientLog",
    "aborted",
    "error_of",
    "failure_of",
    "is_refused_record",
    "is_temporary",
    "kafka_errors",
    "missing_topic",
    "to_error",
]

E = TypeVar("E", bound=Exception)

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
        # The client reports these errors when it lost the connection while waiting for an answer.
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
# A retry would meet these errors again, because the record itself is wrong.
_REFUSED_RECORD = _TOO_LARGE | {
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_MSG_SIZE,
}
# What the broker says of a topic that it does not create as it was asked for.
_REFUSED_TOPIC = frozenset(
    {
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_CONFIG,
        KafkaError.POLICY_VIOLATION,
    }
)

_UNREACHABLE_HINT = "check that the broker runs and that bootstrap_servers is right"
_CLOSED_HINT = (
    "it takes connections and closes them: check KML_KAFKA_BOOTSTRAP_SERVERS, and that KML_KAFKA_SECURITY_PROTOCOL is "
    "what the broker expects (one with TLS or passwords closes plain connections)"
)
_ACCESS_HINTS = {
    KafkaError._SSL: "check that KML_KAFKA_SSL_CA_LOCATION names the authority of the broker's certificate, that the "
    "certificate has not expired, and that it is for this address",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "give the Kafka user the rights to read, write, create and describe "
    "the topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "give the Kafka user the right to read the groups kafka-ml* and kml-*",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "give the Kafka user the rights to write and describe the "
    "transactional ids kml-*",
}
_WHO_HINT = "check KML_KAFKA_SASL_USERNAME, KML_KAFKA_SASL_PASSWORD and KML_KAFKA_SASL_MECHANISM"
_RIGHTS_HINT = "give the Kafka user the right to do that; docs/production.md lists all rights that it needs"

# A complaint older than this says nothing about why the client waits now.
_RECENT_SECONDS = 60.0
# Complaints name the number of the try, which is removed to recognise repetitions.
_TRY = re.compile(r" \(after \d+ms[^)]*\)")


class ClientLog:
    """Keeps the most telling recent complaint of a client, so that a time-out can name the reason.

    librdkafka retries lost connections forever and only reports them. The call that then times out does not know the
    reason.
    """

    def __init__(self) -> None:
        self.problem: KafkaError | None = None
        self._at = 0.0

    def __call__(self, error: KafkaError) -> None:
        now = time.monotonic()
        # "All brokers are down" follows every other complaint, and "connection refused" may follow a wrong password, so
        # neither replaces a better one.
        if self.problem is None or _telling(error) >= _telling(self.problem) or now - self._at > _RECENT_SECONDS:
            self.problem, self._at = error, now

    def fetch(self, poll: Callable[[float], object]) -> None:
        """Poll a client for its complaints, which it otherwise keeps.

        A client in a fatal state raises its complaint, which the caller already has.
        """
        with suppress(KafkaException):
            poll(0)

    @property
    def last(self) -> str:
        """The complaint as text; empty where there is none."""
        return "" if self.problem is None else _TRY.sub("", self.problem.str())


def _telling(error: KafkaError) -> int:
    if error.code() == KafkaError._ALL_BROKERS_DOWN:
        return 0
    return 2 if error.code() in _ACCESS_HINTS or error.code() in _REFUSED_ACCESS else 1


def failure_of(call: Callable[[], object], *kinds: type[E]) -> E | None:
    """Call, and return an error of one of ``kinds``, without its traceback, instead of raising it; None without one.

    Used where the client is called again to recover, because no handler may call it: every KafkaError that the client
    raises there keeps the handled error forever, and by its traceback all that the failed calls held, such as a
    producer with its threads (confluent-kafka 2.x takes a context into its KafkaError and never releases it).
    """
    try:
        call()
    except kinds as error:
        # A caller that raises another error would be in a cycle with this one: by the frames of the traceback.
        return error.with_traceback(None)
    return None


def error_of(exception: KafkaException) -> KafkaError:
    """Return the client's error inside its exception."""
    error = exception.args[0]
    assert isinstance(error, KafkaError)
    return error


def is_refused_record(error: KafkaError) -> bool:
    """Whether the error means that Kafka will never take the record."""
    return error.code() in _REFUSED_RECORD


def aborted(error: KafkaError, message: str) -> TransactionAborted:
    """Return the error for a transaction that was aborted because of ``error``."""
    return TransactionAborted(
        message,
        refused=is_refused_record(error),
        refused_timestamp=error.code() == KafkaError.INVALID_TIMESTAMP,
    )


def is_temporary(error: KafkaError) -> bool:
    """Whether a consumer recovers from ``error`` on its own: the topic does not exist yet, or the broker is
    unavailable.
    """
    return error.retriable() or error.code() in _PASSING


def to_error(error: KafkaError, doing: str, log: ClientLog | None = None) -> KafkaMLError:
    """Return our error for ``error``, which happened while ``doing`` something (a gerund, with the topic's name).

    ``log`` is the client's, which may hold the reason.
    """
    code = error.code()
    what = f"{doing} failed: {error.str()}"
    if code in _FENCED:
        return ProducerFenced(f"{what}: a newer worker with the same name took over")
    if error.txn_requires_abort():
        return aborted(error, what)
    if code in _TIMED_OUT:
        because = f" ({log.last})" if log and log.last else ""
        return BrokerTimeout(f"{doing}: Kafka did not answer in time{because}", hint=_silence_hint(error, log))
    if code in _MISSING_TOPIC:
        return StreamUnavailable(f"{what}", hint="check the name of the topic, or create it first")
    if code in _TOO_LARGE:
        return RefusedError(
            f"{doing}: the record is larger than the broker takes ({error.str()})",
            hint="send smaller records, or raise message.max.bytes of the broker and max.message.bytes of the topic",
        )
    if code in _REFUSED_ACCESS:
        return BrokerError(what, hint=_access_hint(error))
    if code in _REFUSED_TOPIC:
        return TopicRefused(what, hint="change what Kafka names, or ask those who run it")
    return BrokerError(what, hint=_UNREACHABLE_HINT)


def missing_topic(topic: str, error: KafkaError | None, *, hint: str = "create it first") -> KafkaMLError:
    """Return our error for a topic without partitions in Kafka's answer; ``error`` is what Kafka reports instead."""
    if error is not None and error.code() in _REFUSED_ACCESS:
        return to_error(error, f"asking for the partitions of {topic}")
    why = f": {error.str()}" if error is not None else ""
    return StreamUnavailable(f"topic {topic} does not exist{why}", hint=hint)


def _silence_hint(error: KafkaError, log: ClientLog | None) -> str:
    problem = (log.problem if log else None) or error
    if _telling(problem) > 1:
        return _access_hint(problem)
    # A complaint about an unreachable broker begins with its address.
    unheard = problem is error and error.code() == KafkaError._TRANSPORT
    lost = unheard or problem.code() == KafkaError._ALL_BROKERS_DOWN
    return _CLOSED_HINT if lost else _UNREACHABLE_HINT


def _access_hint(error: KafkaError) -> str:
    who = error.code() in (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED)
    return _WHO_HINT if who else _ACCESS_HINTS.get(error.code(), _RIGHTS_HINT)


@contextmanager
def kafka_errors(
    doing: str, log: ClientLog | None = None, poll: Callable[[float], object] | None = None
) -> Iterator[None]:
    """Raise the client's errors inside the block as ours; ``log`` adds the client's own last complaint.

    ``poll`` is the client's, for blocks that do not poll it: see ``ClientLog.fetch``.
    """
    try:
        yield
    except KafkaException as exception:
        if log is not None and poll is not None:
            log.fetch(poll)
        raise to_error(error_of(exception), doing, log) from exception
