"""The inference loop's client on an InMemoryBroker: transactions, fencing, rebalances and unknown outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kafkaml.errors import ProducerFenced, RefusedError, StreamUnavailable, TransactionAborted
from kafkaml.records import ListBatch, OutgoingRecord, OutgoingRow, PartitionKey, PartitionListener, Record, RecordBatch
from kafkaml.testing.in_memory_broker import InMemoryBroker, Transaction

__all__ = ["InMemoryGroup", "InMemoryLoopClient"]


class InMemoryGroup:
    """A consumer group and the transactional ids of its members. Partitions are dealt out in the order of joining."""

    def __init__(self, broker: InMemoryBroker, *, topics: Sequence[str], group: str) -> None:
        self.broker = broker
        self.topics = tuple(topics)
        self.committed = broker.committed.setdefault(group, {})
        self.members: list[InMemoryLoopClient] = []
        self._owners: dict[str, InMemoryLoopClient] = {}

    def join(self, transactional_id: str) -> InMemoryLoopClient:
        """Return a new member, which fences an earlier one with the same id; the others lose partitions to it."""
        earlier = self._owners.get(transactional_id)
        if earlier is not None:
            earlier.fence()
        client = InMemoryLoopClient(self)
        self._owners[transactional_id] = client
        self.members.append(client)
        self.rebalance()
        return client

    def leave(self, member: InMemoryLoopClient) -> None:
        """Take a member out, as its end or its silence does; the others get its partitions."""
        if member in self.members:
            self.members.remove(member)
            member.assign(set())
            self.rebalance()

    def rebalance(self) -> None:
        """Distribute the partitions again: first revoke, then assign, like the cooperative protocol."""
        keys = [(topic, number) for topic in self.topics for number in range(self.broker.partition_count(topic))]
        shares = {
            id(member): {key for place, key in enumerate(keys) if place % len(self.members) == index}
            for index, member in enumerate(self.members)
        }
        for member in self.members:
            member.assign(member.assignment & shares[id(member)])
        for member in self.members:
            member.assign(shares[id(member)])


class InMemoryLoopClient:
    """See ``kafkaml.records.TransactionalLoopClient``; made by ``InMemoryGroup.join``.

    ``next_commit_is_unknown`` makes the next commit time out; if True, the commit happened nevertheless. ``polls`` is
    the number of calls of ``poll``. It has over 12 fields because positions, transaction and membership change
    together, as with a real broker.
    """

    def __init__(self, group: InMemoryGroup) -> None:
        self._group = group
        self._broker = group.broker
        self.assignment: set[PartitionKey] = set()
        self._assigned = False
        self._positions: dict[PartitionKey, int] = {}
        self._polled: dict[PartitionKey, int] = {}
        self._transaction: Transaction | None = None
        self._interruption = ""
        self._fenced = False
        self._paused = False
        self.listener: PartitionListener | None = None
        self._untaken: set[PartitionKey] = set()
        self.next_commit_is_unknown: bool | None = None
        self.polls = 0

    @property
    def assigned(self) -> bool:
        return self._assigned

    def poll(self, *, max_records: int, timeout_seconds: float) -> RecordBatch:
        del timeout_seconds
        self.polls += 1
        if self._interruption:
            reason, self._interruption = self._interruption, ""
            self._rewind()
            raise TransactionAborted(reason)
        if self._untaken and (self.listener is None or self.listener.taken(self._untaken)):
            self._untaken = set()
        found: list[Record] = []
        for key in sorted(self.assignment - self._untaken if not self._paused else ()):
            records, position = self._broker.fetch(key, self._position(key), max_records - len(found))
            self._positions[key] = position
            if records:
                self._polled[key] = position
                found += records
            if len(found) >= max_records:
                break
        return ListBatch(found)

    def begin(self) -> None:
        self._check_not_fenced()
        if self._transaction is None:
            self._transaction = Transaction()

    def produce(self, record: OutgoingRecord) -> None:
        self._check_not_fenced()
        assert self._transaction is not None, "produce outside of a transaction"
        self._broker.append(record, self._transaction)

    def produce_all(self, records: Sequence[OutgoingRow]) -> list[tuple[int, RefusedError]]:
        for record in records:
            self.produce(OutgoingRecord(*record))
        return []

    def partition_for(self, topic: str, source_partition: int) -> int:
        count = self._broker.partition_count(topic)
        if not count:
            raise StreamUnavailable(f"topic {topic} does not exist", hint="create it first")
        return source_partition % count

    def commit(self, positions: Mapping[PartitionKey, int] | None = None) -> None:
        self.begin()
        assert self._transaction is not None
        unknown, self.next_commit_is_unknown = self.next_commit_is_unknown, None
        happened = unknown is not False
        self._broker.end_transaction(self._transaction, commit=happened)
        self._transaction = None
        if happened:
            done = self._polled if positions is None else positions
            self._group.committed.update(done)
            self._polled = {key: end for key, end in self._polled.items() if end > self._group.committed.get(key, 0)}
        if unknown is not None:
            self._rewind()
            raise TransactionAborted("committing a transaction: Kafka did not answer in time")

    def abort(self) -> None:
        if self._transaction is not None:
            self._broker.end_transaction(self._transaction, commit=False)
            self._transaction = None
        self._rewind()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def lag(self) -> Mapping[PartitionKey, int]:
        return {key: self._broker.watermarks(*key)[1] - self._position(key) for key in sorted(self.assignment)}

    def positions(self) -> Mapping[PartitionKey, int]:
        return {key: self._group.committed[key] for key in self.assignment & self._group.committed.keys()}

    def close(self) -> None:
        if not self._fenced:
            self.abort()
        self._group.leave(self)

    def assign(self, keys: set[PartitionKey]) -> None:
        """Called by the group: release revoked partitions before another member gets them."""
        lost = (self.assignment - keys) & self._polled.keys()
        if lost:
            if self._transaction is not None:
                self._broker.end_transaction(self._transaction, commit=False)
                self._transaction = None
            self._interruption = f"a rebalance moved {sorted(lost)}"
        if (gone := self.assignment - keys) and self.listener is not None:
            self.listener.lost(gone)
        self._untaken = (self._untaken | keys - self.assignment) & keys
        self.assignment = set(keys)
        self._assigned = True
        self._positions = {key: self._positions[key] for key in keys & self._positions.keys()}

    def fence(self) -> None:
        """Called by the group when another client has taken this one's id, and ended its transaction."""
        if self._transaction is not None:
            self._broker.end_transaction(self._transaction, commit=False)
            self._transaction = None
        self._fenced = True
        self._group.leave(self)

    def _position(self, key: PartitionKey) -> int:
        return self._positions.get(key, self._group.committed.get(key, self._broker.watermarks(*key)[0]))

    def _rewind(self) -> None:
        self._positions = {}
        self._polled = {}

    def _check_not_fenced(self) -> None:
        if self._fenced:
            raise ProducerFenced("a newer worker with the same name took over")
