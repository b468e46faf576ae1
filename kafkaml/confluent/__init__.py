"""The real adapters to Kafka, and the only package that imports its client. Everyone else depends on
``kafkaml.records`` and receives one of these where the program is wired together.
"""

from kafkaml.confluent.admin import KafkaAdmin
from kafkaml.confluent.browse import PageStart, PartitionState, RecordPage, TopicBrowser
from kafkaml.confluent.changelog import KafkaChangelog
from kafkaml.confluent.group import KafkaGroupReader
from kafkaml.confluent.loop import KafkaLoopClient
from kafkaml.confluent.reader import KafkaRecordReader
from kafkaml.confluent.sampling import TopicSample, TopicSampler
from kafkaml.confluent.writer import KafkaRecordWriter

__all__ = [
    "KafkaAdmin",
    "KafkaChangelog",
    "KafkaGroupReader",
    "KafkaLoopClient",
    "KafkaRecordReader",
    "KafkaRecordWriter",
    "PageStart",
    "PartitionState",
    "RecordPage",
    "TopicBrowser",
    "TopicSample",
    "TopicSampler",
]
