"""FakeLoopClient: the Kafka side of the loop in memory, with the effects of transactions, and faults on demand."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from kafkaml.errors import RefusedError, TransactionAborted
from kafkaml.records import ListBatch, OutgoingRecord, OutgoingRow, PartitionKey, PartitionListener, Record

__all__ = ["FakeLoopClient"]


class FakeLoopClient:
    """One input topic ``in``, to which ``send`` appends. ``written`` are the committed records, in order.

    ``abort_next`` holds errors that the next commits raise after an abort. ``refuse`` are values that the broker never
    takes (the commit fails), ``too_large`` those that the client itself refuses. ``on_poll`` runs at each poll.
    """

    def __init__(self) -> None:
        self.assigned = True
        self.listener: PartitionListener | None = None
        self.written: list[OutgoingRecord] = []
        self.commits: list[int] = []
        self.abort_next: deque[TransactionAborted] = deque()
        self.rebalance_next: deque[TransactionAborted] = deque()
        self.refuse: set[bytes] = set()
        self.too_large: set[bytes] = set()
        self.polls_while_paused = 0
        self.closed = False
        self._log: dict[PartitionKey, list[Record]] = {}
        self._position: dict[PartitionKey, int] = {}
        self._committed: dict[PartitionKey, int] = {}
        self._open: list[OutgoingRecord] = []
        self._is_open = False
        self._paused = False

    def send(self, *values: bytes | None, partition: int = 0, key: bytes | None = None) -> None:
        log = self._log.setdefault(("in", partition), [])
        for value in values:
            log.append(Record("in", partition, len(log), key, value, (), 1000 + len(log)))

    @property
    def answered(self) -> int:
        """The number of records before the committed positions."""
        return sum(self._committed.values())

    def poll(self, *, max_records: int, timeout_seconds: float) -> ListBatch:
        if self.rebalance_next:
            self._rewind()
            raise self.rebalance_next.popleft()
        if self._paused:
            self.polls_while_paused += 1
            return ListBatch()
        taken: list[Record] = []
        for key, log in self._log.items():
            start = self._position.get(key, 0)
            part = log[start : start + max_records - len(taken)]
            self._position[key] = start + len(part)
            taken += part
        return ListBatch(taken)

    def begin(self) -> None:
        self._is_open = True

    def produce(self, record: OutgoingRecord) -> None:
        assert self._is_open
        if record.value in self.too_large:
            raise RefusedError("the record is larger than the client takes")
        self._open.append(record)

    def produce_all(self, records: Sequence[OutgoingRow]) -> list[tuple[int, RefusedError]]:
        refused: list[tuple[int, RefusedError]] = []
        for index, record in enumerate(records):
            try:
                self.produce(OutgoingRecord(*record))
            except RefusedError as error:
                refused.append((index, error))
        return refused

    def partition_for(self, topic: str, source_partition: int) -> int:
        return source_partition

    def commit(self, positions: Mapping[PartitionKey, int] | None = None) -> None:
        if any(record.value in self.refuse for record in self._open):
            self._rewind()
            raise TransactionAborted("the broker refuses a record", refused=True)
        if self.abort_next:
            self._rewind()
            raise self.abort_next.popleft()
        self.written += self._open
        self.commits.append(len(self._open))
        self._open, self._is_open = [], False
        self._committed |= dict(self._position if positions is None else positions)

    def abort(self) -> None:
        self._rewind()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def lag(self) -> dict[PartitionKey, int]:
        return {key: len(log) - self._position.get(key, 0) for key, log in self._log.items()}

    def positions(self) -> dict[PartitionKey, int]:
        return dict(self._committed)

    def close(self) -> None:
        self.closed = True

    def _rewind(self) -> None:
        self._open, self._is_open = [], False
        self._position = dict(self._committed)
