"""Send training data to Kafka-ML: one sink per encoding. Closing a sink announces its data to a deployment.

The online sinks are for incremental training: they announce an unbounded stream before its first sample.
"""

from datasources.avro_sink import AvroSink
from datasources.json_sink import JsonSink
from datasources.online_avro_sink import OnlineAvroSink
from datasources.online_json_sink import OnlineJsonSink
from datasources.online_raw_sink import OnlineRawSink
from datasources.raw_sink import RawSink
from datasources.sink import KafkaMLSink, Sink

__all__ = [
    "AvroSink",
    "JsonSink",
    "KafkaMLSink",
    "OnlineAvroSink",
    "OnlineJsonSink",
    "OnlineRawSink",
    "RawSink",
    "Sink",
]
