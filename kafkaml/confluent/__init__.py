"""The real adapters to Kafka, and the only package that imports its client. All other code depends on
``kafkaml.records`` and receives an adapter where the program is wired.
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
