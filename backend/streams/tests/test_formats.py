"""One registration makes a format known everywhere: streams are announced, read, shown and configured in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rest_framework.test import APIClient

from backend.inferences.serializers import InferenceWriteSerializer
from backend.records.decoding import record_document
from backend.streams.serializers import OfferSerializer
from backend.topics.serializers import DecoderQuerySerializer
from kafkaml import input_format
from kafkaml.codecs import Array, Codec, codec_for, registry
from kafkaml.codecs.base import Values
from kafkaml.codecs.registry import SchemaLookup, Setting, SettingKind, StreamFormat, register
from kafkaml.codecs.samples import SampleEncoder
from kafkaml.control import ControlMessage
from kafkaml.errors import ControlMessageError, DecodeError
from kafkaml.records import OutgoingRecord, Record
from kafkaml.stream_dataset import StreamDataset
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker


class LinesCodec(Codec):
    """Numbers with ``separator`` between them."""

    dtype = np.dtype(np.float32)
    sample_shape = None

    def __init__(self, separator: str, *, name: str = "features") -> None:
        self.separator = separator
        self.name = name

    def decode(self, values: Values) -> Array:
        rows = []
        for index, value in enumerate(values):
            if value is None:
                raise self.missing_error(index)
            try:
                rows.append([float(part) for part in value.decode().split(self.separator)])
            except ValueError as error:
                raise DecodeError(f"{self.name} are not numbers: {error}", index=index) from error
        return np.array(rows, self.dtype)

    def encode(self, samples: Array) -> list[bytes]:
        return [self.separator.join(f"{number:g}" for number in sample).encode() for sample in samples]

    def pinned(self, sample_shape: tuple[int, ...]) -> Codec:
        return self


def lines_codecs(config: Mapping[str, Any], _: SchemaLookup | None) -> tuple[Codec, Codec | None]:
    separator = config.get("separator", ";")
    return LinesCodec(separator), LinesCodec(separator, name="labels") if config.get("lines_labels") else None


LINES = StreamFormat(
    name="LINES",
    title="Lines of numbers",
    codecs=lines_codecs,
    decoder="lines",
    settings=(
        Setting(name="separator", kind=SettingKind.TYPE, title="Separator", help="between the numbers", default=";"),
        Setting(name="lines_labels", kind=SettingKind.TYPE, title="Labels", help="whether keys are", labels=True),
    ),
    text=True,
)


@pytest.fixture
def _lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_formats", dict(registry._formats))
    monkeypatch.setattr(input_format, "_names", dict(input_format._names))
    register(LINES)


def test_nobody_knows_it_before() -> None:
    with pytest.raises(ControlMessageError, match="expected one of RAW, AVRO, JSON, TELEGRAF_STR_JSON"):
        ControlMessage.from_json({"topic": "t:0:0:1", "input_format": "LINES"})
    with pytest.raises(DecodeError, match="expected one of RAW, AVRO, COLUMNS, JSON, TELEGRAF_STR_JSON"):
        codec_for("LINES", {})


@pytest.mark.usefixtures("_lines")
class TestAfterItsRegistration:
    def test_it_is_announced_and_its_records_become_a_data_set(self, tmp_path: Path) -> None:
        broker = InMemoryBroker()
        for number in range(20):
            broker.append(OutgoingRecord("lines", f"{number};{2 * number}".encode(), str(number % 2).encode()))
        announced = ControlMessage(
            ranges=(StreamRange("lines", 0, 0, 20),), input_format="LINES", input_config={"lines_labels": "yes"}
        )
        read = ControlMessage.from_bytes(announced.to_bytes())
        assert read == announced
        with StreamDataset.open(read, reader=broker.reader(), cache_dir=tmp_path) as dataset:
            features = dataset.features.array()
            assert sorted(features.tolist()) == [[number, 2 * number] for number in range(20)]
            assert dataset.labels is not None
            assert (dataset.labels.array()[:, 0] == features[:, 0] % 2).all()

    def test_a_sample_is_encoded_for_it(self) -> None:
        encoded = SampleEncoder("LINES", {}).encode([1, 2.5])
        assert (encoded.value, encoded.array.tolist()) == (b"1;2.5", [1, 2.5])

    def test_its_records_are_shown(self) -> None:
        query = DecoderQuerySerializer(data={"decoder": "lines", "separator": ",", "lines_labels": "yes"})
        query.is_valid(raise_exception=True)
        decoder = query.decoder_of("any")
        assert (decoder.input_format, decoder.labelled) == ("LINES", True)
        shown = record_document(Record("any", 0, 3, b"1", b"4,5"), decoder, *decoder.codec_or_problem())["decoded"]
        assert (shown["kind"], shown["text"], shown["error"]) == ("sample", "4,5", None)
        assert shown["sample"]["values"] == [4, 5]
        assert shown["label_sample"]["values"] == [1]
        odd = record_document(Record("any", 0, 4, b"1", b"x"), decoder, *decoder.codec_or_problem())["decoded"]
        assert "not numbers" in odd["error"]["message"]

    def test_forms_of_the_api_take_it(self) -> None:
        for serializer in (OfferSerializer(), InferenceWriteSerializer()):
            assert "LINES" in serializer.fields["input_format"].choices

    @pytest.mark.django_db
    def test_pages_get_what_it_wants(self, viewer: APIClient) -> None:
        found = {stream_format["name"]: stream_format for stream_format in viewer.get("/api/streams/formats/").json()}
        assert list(found) == ["RAW", "AVRO", "JSON", "TELEGRAF_STR_JSON", "LINES"]
        assert found["LINES"]["decoder"] == "lines"
        assert found["LINES"]["settings"][0] == {
            "name": "separator",
            "kind": "type",
            "title": "Separator",
            "help": "between the numbers",
            "example": "",
            "default": ";",
            "labels": False,
        }
