"""Dead letters by their reason: how many, from when to when, and one of each. Called by the views.

Reasons that differ only in the values that they quote are one: numbers, lists and quoted texts do not distinguish
groups.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from backend.inferences import dead_letters
from backend.inferences.models import Inference
from backend.records.browsing import open_browser
from kafkaml.confluent.browse import record_bytes
from kafkaml.dead_letters import Reason, dead_letter_topic, reason_of
from kafkaml.errors import StreamUnavailable
from kafkaml.records import Record
from kafkaml.stream_range import StreamRange

__all__ = ["MAX_GROUPS", "MAX_LETTERS", "LetterGroup", "group_letters", "letter_groups"]

# The most letters that are read, the newest of a topic.
MAX_LETTERS = 10_000
_MAX_BYTES = 64 << 20
_SECONDS = 10.0
# The most reasons that are listed; rarer ones are only counted.
MAX_GROUPS = 50

# A quotation mark inside a word is an apostrophe.
_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"")
_LIST = re.compile(r"\[[^\[\]]*\]|\([^()\[\]]*\d[^()\[\]]*\)")
_NUMBER = re.compile(r"[-+]?\d[\d_,]*(?:\.\d+)?(?:[eE][-+]?\d+)?|\b(?:nan|inf)\b")


@dataclass
class LetterGroup:
    """Letters of one reason; ``newest`` is the one that was written last, times are those of records."""

    newest: Record
    reason: Reason
    count: int = 0
    first_ms: int = 0
    last_ms: int = 0

    def add(self, letter: Record, reason: Reason) -> None:
        """Count one more letter."""
        self.count += 1
        if letter.timestamp_ms > 0:
            self.first_ms = min(self.first_ms or letter.timestamp_ms, letter.timestamp_ms)
            # Offsets order records only within a partition; across partitions the time decides which is newer.
            if letter.timestamp_ms >= self.last_ms:
                self.last_ms, self.newest, self.reason = letter.timestamp_ms, letter, reason


def group_letters(letters: Iterable[Record]) -> list[LetterGroup]:
    """Return the groups of ``letters``, the largest first."""
    groups: dict[Reason, LetterGroup] = {}
    for letter in letters:
        reason = reason_of(letter)
        key = reason._replace(message=_pattern(reason.message))
        groups.setdefault(key, LetterGroup(letter, reason)).add(letter, reason)
    return sorted(groups.values(), key=lambda group: (-group.count, -group.last_ms))


def letter_groups(inference: Inference) -> dict[str, Any]:
    """Return the newest dead letters by reason, as ``LetterGroupsSerializer`` describes it.

    A topic that does not exist yet has none. Raises BrokerError without Kafka.
    """
    topic = dead_letter_topic(inference.output_topic)
    found, complete = _newest(inference, topic)
    groups = group_letters(found)
    decoder, codec = dead_letters.decoding(inference)
    return {
        "topic": topic,
        "letters": len(found),
        "complete": complete,
        "groups": [
            {
                "reason": group.reason._asdict(),
                "count": group.count,
                "first_at": _moment(group.first_ms),
                "last_at": _moment(group.last_ms),
                "sample": dead_letters.letter_document(inference, group.newest, decoder, codec),
            }
            for group in groups[:MAX_GROUPS]
        ],
        "rest": sum(group.count for group in groups[MAX_GROUPS:]),
    }


def _pattern(message: str) -> str:
    text = _QUOTED.sub("'?'", message)
    # Replace lists from the innermost one outwards.
    for _ in range(4):
        text, before = _LIST.sub("?", text), text
        if text == before:
            break
    return _NUMBER.sub("?", text)


def _newest(inference: Inference, topic: str) -> tuple[list[Record], bool]:
    """Return the newest letters of this inference, and whether those are all."""
    settings = dead_letters.output_settings(inference)
    try:
        states = open_browser(settings).partitions(topic)
    except StreamUnavailable:
        return [], True
    ends = {state.partition: (state.low or 0, state.high or 0) for state in states}
    share = _share([high - low for low, high in ends.values()], MAX_LETTERS)
    ranges = [
        StreamRange(topic, partition, max(low, high - share), high)
        for partition, (low, high) in ends.items()
        if high > low
    ]
    complete = all(high - low <= share for low, high in ends.values())
    found: list[Record] = []
    total, deadline = 0, time.monotonic() + _SECONDS
    for letter in dead_letters.records(settings, ranges):
        # Inferences may share an output topic, and so its dead letters.
        if not dead_letters.is_own(inference, letter):
            continue
        if total > _MAX_BYTES or time.monotonic() > deadline:
            return found, False
        found.append(letter)
        total += record_bytes(letter)
    return found, complete


def _share(sizes: Sequence[int], most: int) -> int:
    """Return the most that each may give so that all give ``most`` together. Small ones leave their rest to others."""
    taken = 0
    for index, (before, size) in enumerate(pairwise([0, *sorted(sizes)])):
        left = len(sizes) - index
        if taken + (size - before) * left > most:
            return before + (most - taken) // left
        taken += (size - before) * left
    return max(sizes, default=0)


def _moment(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC) if milliseconds else None
