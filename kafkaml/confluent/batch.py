"""MessageBatch: polled messages as a RecordBatch, whose columns are read without making records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from confluent_kafka import Message

from kafkaml.records import ListBatch, Record, RecordBatch, RecordColumns

__all__ = ["MessageBatch", "to_record"]


def to_record(message: Message) -> Record:
    """Return the client's message as a record."""
    timestamp_type, timestamp_ms = message.timestamp()
    return Record(
        message.topic(),  # type: ignore[arg-type]  # None only for errors, which never get here
        message.partition(),  # type: ignore[arg-type]
        message.offset(),  # type: ignore[arg-type]
        message.key(),
        message.value(),
        message.headers() or (),  # type: ignore[arg-type]
        timestamp_ms if timestamp_type else -1,
    )


class MessageBatch(RecordBatch):
    """A batch of the client's messages, none of which is an error."""

    __slots__ = ("_messages",)

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages

    def __len__(self) -> int:
        return len(self._messages)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> RecordBatch: ...
    def __getitem__(self, index: int | slice) -> Record | RecordBatch:
        if isinstance(index, slice):
            return MessageBatch(self._messages[index])
        return to_record(self._messages[index])

    def __iter__(self) -> Iterator[Record]:
        return map(to_record, self._messages)

    def topics(self) -> list[str]:
        return list(map(Message.topic, self._messages))  # type: ignore[arg-type]

    def values(self) -> list[bytes | None]:
        return list(map(Message.value, self._messages))

    def keys(self) -> list[bytes | None]:
        return list(map(Message.key, self._messages))

    def columns(self) -> RecordColumns:
        messages = self._messages
        return RecordColumns(
            list(map(Message.partition, messages)),  # type: ignore[arg-type]
            list(map(Message.offset, messages)),  # type: ignore[arg-type]
            list(map(Message.key, messages)),
            list(map(Message.headers, messages)),  # type: ignore[arg-type]
            [timestamp_ms if kind else -1 for kind, timestamp_ms in map(Message.timestamp, messages)],
        )

    def records(self) -> ListBatch:
        """Return the same batch with each message already turned into a record."""
        return ListBatch([to_record(message) for message in self._messages])
