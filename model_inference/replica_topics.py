"""ReplicaTopics: the topics of one replica on all of their clusters: creates missing ones, large enough for the
records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kafkaml.confluent import KafkaAdmin
from kafkaml.confluent.outputs import ClusterTopics
from kafkaml.errors import BrokerError
from kafkaml.logs import get_logger
from kafkaml.settings import KafkaSettings
from kafkaml.wire.inference import InferencePlan
from model_inference.output_topics import OutputTopics, TopicWatch

__all__ = ["ReplicaTopics"]

logger = get_logger(__name__)


class ReplicaTopics:
    """``outputs`` says how answers are written, ``watch`` keeps it up to date. ``asked`` is the cluster of the last
    request.
    """

    def __init__(self, plan: InferencePlan, kafka: KafkaSettings, *, upper_topic: str, max_answer_bytes: int) -> None:
        self._plan = plan
        self._kafka = kafka
        self._max_answer_bytes = max_answer_bytes
        # The cluster of each output topic.
        self._clusters: dict[str, list[str]] = {}
        for topic, servers in (
            (plan.output_topic, plan.output_bootstrap_servers),
            (plan.dead_letter_topic, plan.output_bootstrap_servers),
            *([] if plan.cascade is None else [(plan.cascade.upper_topic, plan.cascade.upper_bootstrap_servers)]),
        ):
            self._clusters.setdefault(servers or kafka.bootstrap_servers, []).append(topic)
        self.outputs = OutputTopics(
            plan.output_topic,
            plan.dead_letter_topic,
            upper=upper_topic,
            timestamps=plan.output_timestamps,
            max_answer_bytes=max_answer_bytes,
        )
        self.watch = TopicWatch(self.outputs, self._read_configs)
        # The topics that this process created, whose settings it may choose.
        self._made: set[str] = set()
        self.asked = kafka.bootstrap_servers

    @property
    def by_cluster(self) -> list[ClusterTopics]:
        """The topics that are written to, with the settings of their cluster."""
        return [(self._settings_of(servers), topics) for servers, topics in self._clusters.items()]

    def create(self) -> int:
        """Create what is missing; returns how many partitions the input has. Raises BrokerError."""
        plan = self._plan
        self.asked = self._kafka.bootstrap_servers
        admin = KafkaAdmin(self._kafka)
        there = admin.partition_counts()
        if plan.input_topic not in there:
            admin.create_topic(plan.input_topic)
        # Create as many partitions as the input has, because an answer goes to the partition with the same number.
        partitions = there.get(plan.input_topic, 1)
        for servers, topics in self._clusters.items():
            self.asked = servers
            if servers != self._kafka.bootstrap_servers:
                admin = self._admin(servers)
                there = admin.partition_counts()
            self._made |= set(admin.create_topics({topic: partitions for topic in topics if topic not in there}))
        self.asked = self._kafka.bootstrap_servers
        return partitions

    def expect(self, record_bytes: Mapping[str, int]) -> None:
        """Note how large records will be, as soon as that is known, by topic."""
        self.outputs.expect(record_bytes)
        self.enlarge()
        for warning in self.outputs.warnings():
            logger.warning(warning)

    def enlarge(self) -> None:
        """Let topics that were made here take what is expected."""
        changed = False
        for servers, topics in self._clusters.items():
            for topic in self._made.intersection(topics):
                wanted = min(self.outputs.expected.get(topic, 0), self._max_answer_bytes)
                takes = self.outputs.max_bytes(topic)
                if takes is not None and wanted > takes:
                    changed = True
                    self._enlarge(self._admin(servers), topic, wanted)
        if changed:
            self.watch.look()

    def _enlarge(self, admin: KafkaAdmin, topic: str, record_bytes: int) -> None:
        try:
            admin.set_topic_config(topic, {"max.message.bytes": str(record_bytes)})
        except BrokerError as error:
            logger.warning("the topic cannot be made to take larger answers", topic=topic, reason=error.message)

    def _read_configs(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        return {
            topic: config
            for servers, topics in self._clusters.items()
            for topic, config in self._admin(servers).topic_configs([name for name in topics if name in names]).items()
        }

    def _settings_of(self, servers: str) -> KafkaSettings:
        return self._kafka.model_copy(update={"bootstrap_servers": servers})

    def _admin(self, servers: str) -> KafkaAdmin:
        return KafkaAdmin(self._settings_of(servers))
