"""OutputTopics: how the output topics treat records, and how answers are stamped because of it.

Kafka counts the retention of a record from its timestamp, and refuses timestamps too far from its own time. An answer
carries its record's time by default. Where the topic would delete or refuse it for that, it gets the time of writing,
and the header ``kml-source-timestamp`` holds the record's own time. Asked by ``publishing``, kept up to date by
``TopicWatch`` in a thread of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from kafkaml.answers import DEFAULT_MAX_ANSWER_BYTES
from kafkaml.errors import KafkaMLError
from kafkaml.logs import get_logger
from kafkaml.wire.choices import OutputTimestamps

__all__ = ["SOURCE_TIMESTAMP_HEADER", "OutputTopics", "TopicLimits", "TopicWatch"]

logger = get_logger(__name__)

# The header for the time of the input record, in milliseconds since 1970, where the answer is stamped with another
# time.
SOURCE_TIMESTAMP_HEADER = "kml-source-timestamp"

_NEVER = 1 << 62
# Safety margin. The broker checks a little later than we do, and by its own clock.
_CLOCK_MARGIN_MS = 60_000
_REFRESH_SECONDS = 60.0


@dataclass(frozen=True)
class TopicLimits:
    """A topic's limits: which timestamps (milliseconds) it accepts and retains, and how large records may be."""

    retention_ms: int = _NEVER
    before_ms: int = _NEVER
    after_ms: int = _NEVER
    max_bytes: int | None = None

    @classmethod
    def of(cls, config: Mapping[str, str]) -> Self:
        """Read Kafka's settings of a topic; a missing setting means no limit."""

        def number(name: str) -> int:
            text = config.get(name, "")
            value = int(text) if text.lstrip("-").isdecimal() else -1
            return value if value >= 0 else _NEVER

        max_bytes = number("max.message.bytes")
        size = None if max_bytes == _NEVER else max_bytes
        # The broker stamps records itself, so our timestamps do not matter.
        if config.get("message.timestamp.type") == "LogAppendTime":
            return cls(max_bytes=size)
        difference = number("message.timestamp.difference.max.ms")
        return cls(
            retention_ms=number("retention.ms") if "delete" in config.get("cleanup.policy", "delete") else _NEVER,
            before_ms=min(number("message.timestamp.before.max.ms"), difference),
            after_ms=min(number("message.timestamp.after.max.ms"), difference),
            max_bytes=size,
        )

    def window(self, now_ms: float) -> tuple[int, int]:
        """Return the earliest and the latest timestamp with which the topic accepts and keeps a record written now."""
        before, after = (limit - min(_CLOCK_MARGIN_MS, limit // 2) for limit in (self.before_ms, self.after_ms))
        return int(now_ms) - min(self.retention_ms, before), int(now_ms) + after


class OutputTopics:
    """The limits of an inference's output topic and dead-letter topic, and a tier's upper topic. Thread-safe.

    A topic whose settings are not known yet counts as having no limits.
    """

    def __init__(
        self,
        output: str,
        dead_letters: str,
        *,
        upper: str = "",
        timestamps: OutputTimestamps = OutputTimestamps.SOURCE,
        max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.output = output
        self.dead_letters = dead_letters
        # The limits of the topics for answers and intermediates.
        self.answers = (output, upper) if upper else (output,)
        self._written = timestamps is OutputTimestamps.WRITTEN
        self._max_answer_bytes = max_answer_bytes
        self._wall_clock = wall_clock
        self._limits: Mapping[str, TopicLimits] = {}
        # The largest record that the model can produce, in bytes by topic; empty while that is not known.
        self.expected: Mapping[str, int] = {}
        self._unknown = ""
        # Topics where Kafka refused a timestamp that their settings allow.
        self._distrusted = False
        # What was found per topic: records too old or too new, or timestamps that Kafka refused.
        self._met: set[tuple[str, str]] = set()

    @property
    def names(self) -> list[str]:
        """All topics that are written to."""
        return [*self.answers, self.dead_letters]

    def max_bytes(self, topic: str) -> int | None:
        """Return the largest record that a topic takes, in bytes; None while that is not known."""
        return self._limits.get(topic, TopicLimits()).max_bytes

    @property
    def smallest_max_bytes(self) -> int | None:
        """The largest record that all topics take."""
        sizes = [limit.max_bytes for limit in self._limits.values() if limit.max_bytes is not None]
        return min(sizes, default=None)

    def takes(self, topic: str, answer_bytes: int) -> bool:
        """Return whether an answer of ``size`` bytes fits, as far as is known."""
        return answer_bytes <= min(self._max_answer_bytes, self.max_bytes(topic) or _NEVER)

    def obstacle(self, topic: str, answer_bytes: int) -> str:
        """Return which limit an answer of ``size`` bytes exceeds, and the setting to change."""
        found, remedies = [], []
        limit = self.max_bytes(topic) or _NEVER
        if answer_bytes > limit:
            found.append(f"topic {topic} takes at most {limit:,} (max.message.bytes)")
            remedies.append(f"max.message.bytes of {topic} to {answer_bytes}")
        if answer_bytes > self._max_answer_bytes:
            found.append(f"replicas write at most {self._max_answer_bytes:,}")
            remedies.append(f"KML_INFERENCE_MAX_ANSWER_BYTES of the platform to {answer_bytes}")
        return f"{' and '.join(found)}: set {' and '.join(remedies)} or more"

    def update(self, configs: Mapping[str, Mapping[str, str]]) -> None:
        """Take Kafka's settings of the topics."""
        self._limits = {name: TopicLimits.of(config) for name, config in configs.items()}
        self._unknown, self._distrusted = "", False

    def unknown(self, error: KafkaMLError) -> None:
        """Note that the settings cannot be read, and why."""
        if not self._limits and not self._unknown:
            logger.warning("the settings of the output topics cannot be read", reason=error.message)
            self._unknown = error.message

    def expect(self, record_bytes: Mapping[str, int]) -> None:
        """Note how large records can be, by topic."""
        self.expected = dict(record_bytes)

    def refuses_timestamp(self) -> None:
        """Note that Kafka refused a record for its timestamp: all records get the time of writing from now on."""
        self._distrusted = True

    def window(self, *topics: str) -> tuple[int, int]:
        """Return the earliest and the latest timestamp that all topics keep; the first is above the second when none
        suits all.
        """
        bounds = [self._window(topic) for topic in topics]
        return max(earliest for earliest, _ in bounds), min(latest for _, latest in bounds)

    def _window(self, topic: str) -> tuple[int, int]:
        if self._written or self._distrusted:
            return _NEVER, 0
        limits = self._limits.get(topic)
        return (-1, _NEVER) if limits is None else limits.window(self._wall_clock() * 1000)

    def restamps(self, topic: str, timestamp_ms: int) -> bool:
        """Return whether a record of ``topic`` must not carry this timestamp, and note that for the warnings."""
        if timestamp_ms <= 0:
            return False
        earliest, latest = self.window(topic)
        if earliest <= timestamp_ms <= latest:
            return False
        if not self._written:
            self._met.add((topic, "refused" if self._distrusted else "old" if timestamp_ms < earliest else "new"))
        return True

    @property
    def counts_restamped(self) -> bool:
        """Return whether restamping is to be counted: not where the user asked for it."""
        return not self._written

    def warnings(self) -> list[str]:
        """Return warnings for the people who run the inference."""
        return [*self._timestamp_warnings(), *self._size_warnings(), *self._unknown_warnings()]

    def _timestamp_warnings(self) -> list[str]:
        instead = (
            f"what is written for them carries the time of writing, their own time is in the header "
            f"{SOURCE_TIMESTAMP_HEADER}"
        )
        found = []
        for topic, which in sorted(self._met):
            limits = self._limits.get(topic, TopicLimits())
            if which == "refused":
                found.append(f"Kafka refuses timestamps of the input, for {topic}: {instead}")
            elif which == "new":
                found.append(
                    f"input records are from the future, further than {topic} takes "
                    f"(message.timestamp.after.max.ms={limits.after_ms}): {instead}"
                )
            else:
                what = f"keeps records (retention.ms={limits.retention_ms}{_in_words(limits.retention_ms)})"
                if limits.before_ms < limits.retention_ms:
                    what = f"takes (message.timestamp.before.max.ms={limits.before_ms})"
                found.append(f"input records are older than {topic} {what}: {instead}")
        return found

    def _size_warnings(self) -> list[str]:
        return [
            f"{'an answer' if topic == self.output else 'an intermediate'} can take {size:,} bytes, and "
            f"{self.obstacle(topic, size)}, or the largest become dead letters"
            for topic, size in self.expected.items()
            if not self.takes(topic, size)
        ]

    def _unknown_warnings(self) -> list[str]:
        if not self._unknown:
            return []
        warning = (
            f"the settings of {self.output} cannot be read ({self._unknown}): answers to records that are older than "
            "it keeps may be deleted at once; allow DescribeConfigs, or choose output_timestamps=written"
        )
        return [warning]


class TopicWatch:
    """Reads the settings of the topics every so often, in a daemon thread."""

    def __init__(
        self,
        topics: OutputTopics,
        read: Callable[[Sequence[str]], Mapping[str, Mapping[str, str]]],
        *,
        seconds: float = _REFRESH_SECONDS,
    ) -> None:
        self._topics = topics
        self._read = read
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topic-settings", daemon=True)

    def look(self) -> None:
        """Read the settings once; a Kafka that does not reveal them is not an error."""
        try:
            self._topics.update(self._read(self._topics.names))
        except KafkaMLError as error:
            self._topics.unknown(error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            self.look()


def _in_words(milliseconds: int) -> str:
    for name, size in (("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000)):
        if milliseconds >= 2 * size:
            return f", {milliseconds / size:.3g} {name}"
    return ""
