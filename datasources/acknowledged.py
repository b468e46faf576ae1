"""AcknowledgedOffsets: which offsets of which partition hold the sink's own records. Pure.

Records of other producers and transaction markers may lie between the acknowledged offsets. The announced ranges leave
them out.
"""

from __future__ import annotations

import bisect
import heapq
import logging

from kafkaml.stream_range import StreamRange

__all__ = ["AcknowledgedOffsets"]

_logger = logging.getLogger(__name__)

# Upper bound for the ranges in one control message. Readers seek once per range, so more would slow them down.
_MAX_RANGES = 1000


class AcknowledgedOffsets:
    """Collects acknowledged offsets of one topic, in any order."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.count = 0
        # Half-open runs [start, end) per partition, sorted, with a gap between any two.
        self._runs: dict[int, list[list[int]]] = {}

    def add(self, partition: int, offset: int) -> None:
        """Note one acknowledged record. Called for every record, nearly always in order."""
        self.count += 1
        runs = self._runs.get(partition)
        if runs is None:
            self._runs[partition] = [[offset, offset + 1]]
        elif runs[-1][1] == offset:
            runs[-1][1] = offset + 1
        else:
            self._insert(runs, offset)

    def ranges(self) -> tuple[StreamRange, ...]:
        """Return the ranges that hold the records, by partition and offset.

        Closes the smallest gaps and logs a warning when foreign records would split the stream into over a thousand
        ranges.
        """
        runs = [(partition, start, end) for partition in sorted(self._runs) for start, end in self._runs[partition]]
        if len(runs) > _MAX_RANGES:
            runs = self._coarsened(runs)
        return tuple(StreamRange(self.topic, partition, start, end) for partition, start, end in runs)

    def _coarsened(self, runs: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        gaps = [
            (runs[place][1] - runs[place - 1][2], place)
            for place in range(1, len(runs))
            if runs[place][0] == runs[place - 1][0]
        ]
        closed = {place for _, place in heapq.nsmallest(len(runs) - _MAX_RANGES, gaps)}
        _logger.warning(
            "%s: other producers wrote between our records in %d places; %d of their records are announced with ours",
            self.topic,
            len(gaps),
            sum(gap for gap, place in gaps if place in closed),
        )
        coarse: list[tuple[int, int, int]] = []
        for place, run in enumerate(runs):
            if place in closed:
                coarse[-1] = (run[0], coarse[-1][1], run[2])
            else:
                coarse.append(run)
        return coarse

    @staticmethod
    def _insert(runs: list[list[int]], offset: int) -> None:
        place = bisect.bisect_right(runs, offset, key=lambda run: run[0])
        before = runs[place - 1] if place else None
        after = runs[place] if place < len(runs) else None
        if before is not None and before[1] == offset:
            before[1] = offset + 1
            if after is not None and after[0] == offset + 1:
                before[1] = after[1]
                del runs[place]
        elif after is not None and after[0] == offset + 1:
            after[0] = offset
        else:
            runs.insert(place, [offset, offset + 1])
