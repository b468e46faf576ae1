"""Encodings of records: RAW, AVRO, JSON and TELEGRAF_STR_JSON. Start at ``codec_for``."""

from kafkaml.codecs.base import Array, Codec, DecodedBatch
from kafkaml.codecs.stream import StreamCodec, StreamFailure, codec_for, with_learnt

__all__ = ["Array", "Codec", "DecodedBatch", "StreamCodec", "StreamFailure", "codec_for", "with_learnt"]
