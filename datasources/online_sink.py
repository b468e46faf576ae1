"""OnlineSink: the common base of the sinks of unbounded streams, ``OnlineRawSink``, ``OnlineAvroSink``,
``OnlineJsonSink``.
"""

from __future__ import annotations

from collections.abc import Sequence

from datasources.sink import Sink
from kafkaml.stream_range import StreamRange

__all__ = ["OnlineSink"]


class OnlineSink(Sink):
    """Announces an unbounded stream by its topic, without offsets, before its first sample.

    Must be the first base class. The broker acknowledges the announcement before the first sample is written, so
    training sees every sample. Samples are sent immediately. ``close`` waits for the acknowledgements and announces
    nothing more. ``validation_rate`` is the share of each window that validates; a stream without end has no test
    samples.
    """

    incremental = True
    _announced = False

    def send_online_control_msg(self) -> None:
        """Announce the stream now, with what is known of its samples. Each sink announces once.

        The first sample announces it automatically. This method serves callers of Kafka-ML 1.0, which declared types
        and announced them explicitly.
        """
        if not self._announced:
            self._stream(unsupervised=False)
            self._announce([StreamRange(self.topic)])
            self._announced = True

    def _send_encoded(self, value: bytes, key: bytes | None, *, unsupervised: bool = False) -> None:
        self.send_online_control_msg()
        super()._send_encoded(value, key, unsupervised=unsupervised)

    def _send_many(self, values: Sequence[bytes], keys: Sequence[bytes | None], *, unsupervised: bool = False) -> None:
        self.send_online_control_msg()
        super()._send_many(values, keys, unsupervised=unsupervised)
