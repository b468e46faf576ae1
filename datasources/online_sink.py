"""OnlineSink: what sinks of streams without end share. Of ``OnlineRawSink``, ``OnlineAvroSink``, ``OnlineJsonSink``."""

from __future__ import annotations

from collections.abc import Sequence

from datasources.sink import Sink
from kafkaml.stream_range import StreamRange

__all__ = ["OnlineSink"]


class OnlineSink(Sink):
    """Announces a stream without end before its first sample, by its topic alone; the first base of the online sinks.

    The announcement is acknowledged before the first sample is written, so no sample is older than it: training begins
    with the first. Every sample is sent at once. ``close`` waits for the acknowledgements and announces nothing more.
    ``validation_rate`` is the share of each window that validates; a stream without end has no test samples.
    """

    incremental = True
    _announced = False

    def send_online_control_msg(self) -> None:
        """Announce the stream now, with what is known of its samples; once in the life of a sink.

        The first sample does it too. For callers of the old library, which announced declared types by this method
        alone.
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
