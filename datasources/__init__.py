"""Send training data to Kafka-ML: one sink per encoding. Closing a sink announces its data to a deployment."""

from datasources.avro_sink import AvroSink
from datasources.json_sink import JsonSink
from datasources.online_raw_sink import OnlineRawSink
from datasources.raw_sink import RawSink
from datasources.sink import KafkaMLSink, Sink

__all__ = ["AvroSink", "JsonSink", "KafkaMLSink", "OnlineRawSink", "RawSink", "Sink"]
