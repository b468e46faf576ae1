"""ControlMessage: what a sink announces on the control topic. Step (2) of the journey of a sample.

Written by ``datasources``, read by ``kafka_control_logger`` and the backend. The only place that knows the old
spellings of its fields; never raises anything but ControlMessageError on bytes from the wire. Next:
``kafka_control_logger.relay``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from kafkaml.errors import ControlMessageError, SettingsError, StreamRangeError
from kafkaml.input_format import format_name, format_names
from kafkaml.stream_range import StreamRange, check_topic_name, format_ranges, parse_ranges

__all__ = [
    "CONTROL_TOPIC",
    "DEFAULT_CONTROL_TOPICS",
    "ControlMessage",
    "control_topics",
    "deployment_id_from_key",
    "deployment_id_to_key",
    "text_in_key",
]

CONTROL_TOPIC = "KAFKA_ML_CONTROL_TOPIC"
# Sinks of 2020 to mid-2023, among them those of Kafka-ML 1.0, announce on "control".
DEFAULT_CONTROL_TOPICS = f"{CONTROL_TOPIC},control"

# A key is an integer of at most this many bytes, so that a megabyte-long key cannot become a giant integer.
_MAX_KEY_BYTES = 8

_KNOWN_FIELDS = frozenset(
    {
        "topic",
        "unsupervised_topic",
        "input_format",
        "input_config",
        "description",
        "validation_rate",
        "test_rate",
        "total_msg",
        "incremental",
        "dataset_restrictions",
        "since_ms",
    }
)


def deployment_id_to_key(deployment_id: int | str | bytes) -> bytes:
    """Return the record key that addresses a deployment: the fewest big-endian bytes that hold the id.

    Text and bytes are written as they are, as the old sinks do.
    """
    if isinstance(deployment_id, bytes):
        return deployment_id
    if isinstance(deployment_id, str):
        return deployment_id.encode()
    if deployment_id < 0:
        raise ControlMessageError(f"deployment id {deployment_id} is negative: expected the id that Kafka-ML shows")
    return deployment_id.to_bytes(max(1, (deployment_id.bit_length() + 7) // 8), "big")


def deployment_id_from_key(key: bytes | None) -> int:
    """Return the deployment id in a control record's key of 1 to 8 bytes; raises ControlMessageError when there is
    none.
    """
    if not key or len(key) > _MAX_KEY_BYTES:
        raise ControlMessageError(
            f"the key {key!r} is not a deployment id: expected a big-endian integer of 1 to {_MAX_KEY_BYTES} bytes",
            hint="set deployment_id in the sink to the number that Kafka-ML shows",
        )
    return int.from_bytes(key, "big")


def text_in_key(deployment_id: int) -> str | None:
    """Return the id that an old sink meant when it wrote its text: 49 -> "1", because the character "1" is the byte 49.

    Returns None for numbers whose bytes are not all digits.
    """
    digits = deployment_id.to_bytes((deployment_id.bit_length() + 7) // 8, "big")
    return digits.decode("ascii") if digits.isdigit() else None


def control_topics(setting: str) -> tuple[str, ...]:
    """Return the topics in a comma-separated list, all of which are read. The backend writes its own announcements to
    the first one.

    Raises SettingsError when the list is empty or a name is invalid.
    """
    names = tuple(dict.fromkeys(name.strip() for name in setting.split(",") if name.strip()))
    try:
        checked = tuple(check_topic_name(name) for name in names)
    except StreamRangeError as error:
        raise SettingsError(f"KML_CONTROL_TOPIC is {setting!r}: {error.message}", hint=error.hint) from error
    if not checked:
        raise SettingsError("KML_CONTROL_TOPIC names no topic: expected names of topics, comma-separated")
    return checked


@dataclass(frozen=True)
class ControlMessage:
    """One data stream, announced to one deployment.

    ``ranges`` hold the samples to learn from, ``unsupervised_ranges`` more of them without labels. The fraction
    ``validation_rate`` of the samples validates, ``test_rate`` tests and the rest trains. ``total_msg`` is what the
    sink says it sent; None for an online stream (``incremental``), which has no end. ``since_ms`` (since 1970, by
    Kafka's clock) is the time at which an online stream begins; sinks leave it None, which means the time of the
    announcement. ``extra`` keeps the fields that this version does not know.
    """

    ranges: tuple[StreamRange, ...]
    input_format: str
    input_config: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    validation_rate: float = 0.0
    test_rate: float = 0.0
    total_msg: int | None = None
    incremental: bool = False
    unsupervised_ranges: tuple[StreamRange, ...] = ()
    dataset_restrictions: Mapping[str, Any] = field(default_factory=dict)
    since_ms: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the record value, with the field names that old readers expect."""
        return orjson.dumps(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the wire object; ``from_json`` is its inverse."""
        return {
            **self.extra,
            "topic": format_ranges(self.ranges),
            "unsupervised_topic": format_ranges(self.unsupervised_ranges) or None,
            "input_format": str(self.input_format),
            "input_config": dict(self.input_config),
            "description": self.description,
            "validation_rate": self.validation_rate,
            "test_rate": self.test_rate,
            "total_msg": self.total_msg,
            "incremental": self.incremental,
            "dataset_restrictions": dict(self.dataset_restrictions),
            **({} if self.since_ms is None else {"since_ms": self.since_ms}),
        }

    @classmethod
    def from_bytes(cls, value: bytes | None) -> ControlMessage:
        """Parse a record's value; raises ControlMessageError for everything that is not an announcement."""
        try:
            document = orjson.loads(value if value is not None else b"")
        except orjson.JSONDecodeError as error:
            raise ControlMessageError(
                f"the value {_shorten(value)} is not JSON ({error}): expected an object that announces a data stream"
            ) from error
        return cls.from_json(document)

    @classmethod
    def from_json(cls, document: object) -> ControlMessage:
        """Parse the wire object; raises ControlMessageError naming the field that is wrong."""
        if not isinstance(document, dict):
            raise ControlMessageError(f"got {_shorten(document)}: expected an object that announces a data stream")
        # The sinks of 2020 call the field ``configuration``.
        config = document.get("input_config") or document.get("configuration") or {}
        if isinstance(config, str):
            # Some senders write the object as JSON text.
            try:
                config = orjson.loads(config)
            except orjson.JSONDecodeError as error:
                raise ControlMessageError(f"input_config {_shorten(config)} is not a JSON object") from error
        ranges = _ranges("topic", document.get("topic"), required=True)
        online = [stream_range for stream_range in ranges if stream_range.end is None]
        incremental = document.get("incremental")
        if incremental is None:
            # Old online sinks do not send ``incremental``; they only write the topic without a range.
            incremental = bool(online)
        message = cls(
            ranges=ranges,
            unsupervised_ranges=_ranges("unsupervised_topic", document.get("unsupervised_topic"), required=False),
            input_format=_input_format(document.get("input_format")),
            input_config=_object("input_config", config),
            description=str(document.get("description") or ""),
            validation_rate=_rate("validation_rate", document.get("validation_rate")),
            test_rate=_rate("test_rate", document.get("test_rate")),
            total_msg=_count("total_msg", document.get("total_msg")),
            incremental=bool(incremental),
            dataset_restrictions=_object("dataset_restrictions", _loaded(document.get("dataset_restrictions")) or {}),
            since_ms=_count("since_ms", document.get("since_ms")),
            extra={name: value for name, value in document.items() if name not in _KNOWN_FIELDS},
        )
        if message.validation_rate + message.test_rate >= 1:
            raise ControlMessageError(
                f"validation_rate {message.validation_rate} and test_rate {message.test_rate} leave nothing to train "
                "on: expected a sum below 1"
            )
        if online and not incremental:
            raise ControlMessageError(
                f"range {online[0]} has no end: expected topic:partition:start:end, or incremental for an online stream"
            )
        return message


def _shorten(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


def _loaded(value: object) -> object:
    if isinstance(value, str) and value.strip():
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _ranges(name: str, value: object, *, required: bool) -> tuple[StreamRange, ...]:
    if value in (None, "") and not required:
        return ()
    if not isinstance(value, str):
        raise ControlMessageError(f"{name} is {_shorten(value)}: expected ranges such as 'mnist:0:0:1000'")
    try:
        return parse_ranges(value)
    except StreamRangeError as error:
        raise ControlMessageError(f"{name}: {error.message}", hint=error.hint) from error


def _input_format(value: object) -> str:
    try:
        return format_name(str(value).upper())
    except ValueError:
        raise ControlMessageError(
            f"input_format is {_shorten(value)}: expected one of {', '.join(format_names())}",
            hint="CSV and others are not formats of streams in this version: 'kafka-ml send FILE.csv' sends a CSV "
            "file's numbers as RAW",
        ) from None


def _object(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ControlMessageError(f"{name} is {_shorten(value)}: expected a JSON object")
    return value


def _rate(name: str, value: object) -> float:
    if value is None:
        return 0.0
    try:
        rate = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else -1.0
    except ValueError:
        rate = -1.0
    # The comparison is negated so that NaN is refused too.
    if not 0 <= rate <= 1:
        raise ControlMessageError(f"{name} is {_shorten(value)}: expected a number between 0 and 1")
    return rate


def _count(name: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ControlMessageError(f"{name} is {_shorten(value)}: expected a whole number, or null for an online stream")
    return value
