"""The exception tree. Every error that Kafka-ML raises on purpose is one of these.

    KafkaMLError
    ├── RefusedError             the input is wrong; nothing was started; its sender can fix it
    │   ├── ControlMessageError  a record on the control topic is not an announcement
    │   ├── StreamRangeError     a range such as ``topic:0:10:20`` does not parse
    │   ├── DecodeError          a record's bytes do not fit the declared format
    │   ├── SampleError          a sample cannot be written in the declared format
    │   ├── ArgumentsError       fit / evaluation arguments that the framework does not accept
    │   └── SettingsError        a setting is missing or contradicts another
    ├── FailedError              the user's job failed
    │   ├── UserCodeError        the user's own code raised; carries their traceback and line
    │   ├── ModelProcessDied     the model process ended by a limit, a signal or a crash
    │   ├── DeadLettered         an inference could not answer a record
    │   ├── DeadlineExceeded     an answer did not come in time
    │   ├── DiskFull             no room for a file
    │   └── StreamUnavailable    the slice is gone (retention) or never arrived
    └── BrokenError              our side or the infrastructure failed
        ├── BrokerError          Kafka refused or could not be reached
        │   ├── BrokerTimeout    the outcome is unknown: for a transaction, throw the producer away
        │   ├── TopicRefused     a topic is not created as it was asked for
        │   ├── TransactionAborted  abort and try again
        │   └── ProducerFenced   a newer instance took over: exit
        ├── ApiError             the backend refused or could not be reached
        └── SandboxUnavailable   no isolation level works here

Messages say what, where, got, expected and what to do. Refused, failed and broken have their own HTTP status,
log level and failure category, each decided once at the edge (``backend/api/errors.py``, the workers' ``__main__``).
"""

from __future__ import annotations


class KafkaMLError(Exception):
    """Base of all errors raised on purpose. ``hint`` is the one thing to do next, shown apart from the message."""

    hint: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or type(self).hint


class RefusedError(KafkaMLError):
    """The input is wrong; its sender can fix it."""


class ControlMessageError(RefusedError):
    """A record on the control topic is not an announcement of a data stream."""


class StreamRangeError(RefusedError):
    """A text is not a range of a stream such as ``topic:0:10:20``."""


class DecodeError(RefusedError):
    """Bytes of a record do not fit the declared format; ``index`` is the record's place in its batch, if it has one.

    ``gap`` names what a well-formed record lacks, such as ``null in weight``: records with gaps are counted by it and
    left out. It is empty where the bytes are not a record of the format at all.
    """

    def __init__(self, message: str, *, index: int | None = None, hint: str = "", gap: str = "") -> None:
        super().__init__(message, hint=hint)
        self.index = index
        self.gap = gap


class SampleError(RefusedError):
    """A sample cannot be written in the format that an inference reads; ``code`` is ``shape``, ``range`` or other."""

    def __init__(self, message: str, *, code: str = "invalid", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class ArgumentsError(RefusedError):
    """Fit or evaluation arguments do not parse, or the framework does not accept them."""

    def __init__(self, message: str, *, argument: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.argument = argument


class SettingsError(RefusedError):
    """A setting is missing, malformed or contradicts another."""


class FailedError(KafkaMLError):
    """The user's job failed."""


class UserCodeError(FailedError):
    """The user's own code raised, or lacks what it must define.

    ``kind`` is ``syntax``, ``missing`` (no model, loss function, ...), ``invalid`` (defined, but unusable) or
    ``runtime`` (everything else). ``traceback_text`` holds frames of the user's code only, ``line`` the 1-based line in
    ``source`` (``"imports"`` or ``"code"``), or None where the error has no place in it.
    """

    def __init__(
        self,
        message: str,
        *,
        traceback_text: str = "",
        line: int | None = None,
        source: str = "code",
        kind: str = "runtime",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.traceback_text = traceback_text
        self.line = line
        self.source = source


class ModelProcessDied(FailedError):
    """The model process ended without an answer; ``reason`` is one of ``LimitReason``'s values."""

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class DeadLettered(FailedError):
    """An inference moved a record to its dead letters.

    ``stage`` is the step that failed (decode, predict or publish), ``error`` the class of the error.
    """

    def __init__(self, message: str, *, stage: str, error: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.stage = stage
        self.error = error


class DeadlineExceeded(FailedError):
    """An answer did not come within its time limit."""


class DiskFull(FailedError):
    """There is no room for a file."""

    hint = "free some disk, or start the platform with --state-dir on a larger one"


class StreamUnavailable(FailedError):
    """The slice of the stream was deleted by retention, or did not arrive in time."""


class BrokenError(KafkaMLError):
    """Our side, or the infrastructure under it, failed."""


class BrokerError(BrokenError):
    """Kafka refused a request or could not be reached."""


class BrokerTimeout(BrokerError):
    """Kafka did not answer in time, so the outcome is unknown.

    After a transaction's commit or abort the producer must be thrown away: librdkafka lacks KIP-890, and a late
    request can otherwise end the *next* transaction.
    """


class TopicRefused(BrokerError):
    """Kafka does not make a topic as it was asked for: the message holds the broker's reason."""


class TransactionAborted(BrokerError):
    """The transaction was aborted, and its input must be read again.

    ``refused``: Kafka will never take one of its records (too large, a timestamp out of range), so a retry would fail
    again. ``refused_timestamp``: it is the timestamp that Kafka does not take.
    """

    def __init__(self, message: str, *, refused: bool = False, refused_timestamp: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.refused = refused
        self.refused_timestamp = refused_timestamp


class ProducerFenced(BrokerError):
    """A newer producer with the same transactional id took over; this process must stop."""


class ApiError(BrokenError):
    """The backend refused a request (``status``) or could not be reached (``status`` is 0)."""

    def __init__(
        self, message: str, *, status: int = 0, problem: dict[str, object] | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.problem = problem or {}


class SandboxUnavailable(BrokenError):
    """No isolation level works on this machine, and running without one was not asked for."""
