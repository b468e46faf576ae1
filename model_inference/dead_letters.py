"""Dead letters: records that could not be answered, kept whole with the reason. Pure; called by the loop.

A dead letter goes to ``<output topic>.dlq`` in the transaction that passes over its record, so that outputs and dead
letters together are always the inputs. Key, value, headers and timestamp are the record's own. Headers added to those
of ``provenance``:

- ``kml-error-stage``: ``decode``, ``predict`` or ``publish``
- ``kml-error-class``: name of the error, for example ``DecodeError``
- ``kml-error-message``: at most 1 KiB of UTF-8
- ``kml-error-value-bytes``: full length of the value, only where it was cut because Kafka refused it whole
- ``kml-source-timestamp``: the record's time, only where the letter is stamped with another one
"""

from __future__ import annotations

from kafkaml.dead_letters import VALUE_BYTES_HEADER, Stage, reason_headers
from kafkaml.errors import KafkaMLError
from kafkaml.records import OutgoingRecord, Record
from model_inference.output_topics import SOURCE_TIMESTAMP_HEADER
from model_inference.provenance import Provenance

__all__ = ["MAX_CUT_BYTES", "dead_letter"]

# The most bytes of a value that was cut. Every broker takes this much, because Kafka's default is 1 MiB for a whole
# record.
MAX_CUT_BYTES = 256 << 10


def dead_letter(
    record: Record,
    error: KafkaMLError,
    stage: Stage,
    *,
    topic: str,
    partition: int,
    provenance: Provenance,
    cut: bool = False,
    restamp: bool = False,
) -> OutgoingRecord:
    """Return the dead letter of ``record`` for ``topic``.

    ``cut`` is for a record that Kafka refused whole. The letter then holds as much of the value as any broker takes,
    and is stamped with the time of writing. It lacks the record's own key and headers if those are large too. With
    ``restamp`` a whole letter is stamped with the time of writing.
    """
    reason = reason_headers(stage, error)
    timestamp_ms = max(0, record.timestamp_ms)
    if (cut or restamp) and timestamp_ms:
        reason.append((SOURCE_TIMESTAMP_HEADER, b"%d" % timestamp_ms))
        timestamp_ms = 0
    if cut:
        reason.append((VALUE_BYTES_HEADER, b"%d" % len(record.value or b"")))
        large = sum(len(name) + len(value or b"") for name, value in record.headers) > MAX_CUT_BYTES
        record = record._replace(
            key=record.key[:MAX_CUT_BYTES] if record.key else record.key,
            value=record.value[:MAX_CUT_BYTES] if record.value else record.value,
            headers=() if large else record.headers,
        )
    headers = [*provenance.headers(record), *reason]
    return OutgoingRecord(topic, record.value, record.key, headers, timestamp_ms, partition)
