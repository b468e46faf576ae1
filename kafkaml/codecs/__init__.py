"""Encodings of records. Start at ``codec_for``; ``StreamFormat`` defines what a format is."""

# Importing these modules registers their formats.
from kafkaml.codecs import avro, columns, json, raw, telegraf  # noqa: F401
from kafkaml.codecs.base import Array, Codec, DecodedBatch
from kafkaml.codecs.registry import StreamFormat, format_of, formats
from kafkaml.codecs.stream import StreamCodec, StreamFailure, codec_for, with_learnt

__all__ = [
    "Array",
    "Codec",
    "DecodedBatch",
    "StreamCodec",
    "StreamFailure",
    "StreamFormat",
    "codec_for",
    "format_of",
    "formats",
    "with_learnt",
]
