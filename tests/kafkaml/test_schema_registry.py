"""Avro records with a schema's id, and the registry that holds the schema."""

from __future__ import annotations

import gzip
import io
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer

import fastavro
import pytest

from kafkaml.codecs import codec_for
from kafkaml.codecs.schema_registry import SchemaRegistry, SchemaRegistrySettings
from kafkaml.errors import BrokerError, DecodeError
from tests.dripping import dripping_server
from tests.local_server import Answer, LocalServer

READER = {"type": "record", "name": "d", "fields": [{"name": name, "type": "float"} for name in ("a", "b")]}
WRITER = {"type": "record", "name": "d", "fields": [{"name": name, "type": "float"} for name in ("b", "a")]}


class _Registry(BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        answers = {"/schemas/ids/7": {"schema": json.dumps(WRITER)}, "/schemas/ids/8": {"other": 1}}
        document = answers.get(self.path)
        self.send_response(500 if self.path.endswith("/9") else 200 if document else 404)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    _Registry.asked = []
    server = HTTPServer(("127.0.0.1", 0), _Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield SchemaRegistry(SchemaRegistrySettings(url=f"http://127.0.0.1:{server.server_port}/"), timeout_seconds=60)
    server.shutdown()
    thread.join()
    server.server_close()


def plain(a: float, b: float, schema: object = READER) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), {"a": a, "b": b})
    return buffer.getvalue()


def framed(schema_id: int, a: float, b: float) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big") + plain(a, b, WRITER)


def test_records_are_read_by_the_schema_they_were_written_with(registry: SchemaRegistry) -> None:
    codec = codec_for("AVRO", {"data_scheme": READER, "confluent_framing": True}, schema_lookup=registry)
    assert codec.features.decode([framed(7, 1, 2), framed(7, 3, 4)]).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert _Registry.asked == ["/schemas/ids/7"]


def test_with_a_registry_framed_records_are_accepted_unasked(registry: SchemaRegistry) -> None:
    codec = codec_for("AVRO", {"data_scheme": READER}, schema_lookup=registry)
    assert codec.features.decode([plain(1, 2)]).tolist() == [[1.0, 2.0]]
    assert codec.features.decode([framed(7, 1, 2)]).tolist() == [[1.0, 2.0]]
    rows, kept, failures = codec.features.decode_each([plain(1, 2), framed(7, 3, 4), b"x"])[:3]
    assert (rows.tolist(), kept, [index for index, _ in failures]) == ([[1.0, 2.0], [3.0, 4.0]], [0, 1], [2])


def test_the_environment_configures_the_registry(registry: SchemaRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SchemaRegistry.from_environment() is None
    monkeypatch.setenv("KML_SCHEMA_REGISTRY_URL", registry._url)
    assert codec_for("AVRO", {"data_scheme": READER}).features.decode([framed(7, 1, 2)]).tolist() == [[1.0, 2.0]]


def test_an_unknown_id_is_the_records_fault(registry: SchemaRegistry) -> None:
    with pytest.raises(DecodeError, match="does not know schema 6"):
        registry(6)


@pytest.mark.parametrize("schema_id", [8, 9])
def test_an_answer_that_is_none_is_the_registrys_fault(registry: SchemaRegistry, schema_id: int) -> None:
    with pytest.raises(BrokerError):
        registry(schema_id)


class HostileRegistry(LocalServer):
    """Answers every request with one document."""

    def __init__(self, body: bytes, status: int = 200, **headers: str) -> None:
        super().__init__()
        self.paths: list[str] = []
        self._answer = Answer(status, body, headers)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.paths.append(path)
        return self._answer


AVRO = b'{"schema": "int", "references": %s}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"<html>",
        b"[1]",
        b"[" * 100_000,
        b'{"schema": ' + b"[" * 100_000,
        b'{"schema": 7}',
        b'{"schema": "\\ud800"}',
        b'{"schema": "int", "schemaType": [1]}',
        b'{"schema": "int", "schemaType": "PICKLE"}',
        *(
            AVRO % answer
            for answer in (
                b"7", b'"abc"', b"[7]", b"[[]]", b'{"name": 1}', b"[{}]", b"[null]",
                b'[{"name": [], "subject": "a", "version": 1}]', b'[{"name": "a", "subject": {}, "version": 1}]',
                b'[{"name": "a", "subject": "a", "version": 1e999}]',
                b'[{"name": "a", "subject": "a", "version": "x"}]',
            )
        ),
        b'{"schema": "' + b"x" * (5 << 20) + b'"}',
        gzip.compress(b'{"schema": "' + bytes(50 << 20) + b'"}', 1, mtime=0),
    ],
    ids=lambda body: repr(body[:60]),
)  # fmt: skip
def test_whatever_a_registry_answers_is_an_error_of_ours(body: bytes) -> None:
    with HostileRegistry(body) as server, pytest.raises((BrokerError, DecodeError)):
        SchemaRegistry(SchemaRegistrySettings(url=server.url), timeout_seconds=60)(7)


def test_an_answer_is_not_unpacked() -> None:
    packed = gzip.compress(AVRO % b"[]")
    headers = {"Content-Encoding": "gzip"}
    with HostileRegistry(packed, **headers) as server, pytest.raises(BrokerError):
        SchemaRegistry(SchemaRegistrySettings(url=server.url), timeout_seconds=60)(7)


def test_a_registry_leads_nowhere_else() -> None:
    with HostileRegistry(AVRO % b"[]") as inside:
        headers = {"Location": f"{inside.url}/secrets"}
        with HostileRegistry(b"", 302, **headers) as server, pytest.raises(BrokerError, match="302"):
            SchemaRegistry(SchemaRegistrySettings(url=server.url, username="me"), timeout_seconds=60)(7)
    assert inside.paths == []


def test_references_stay_below_the_registry_and_end() -> None:
    names = b",".join(b'{"name": "n%d", "subject": "../../x?y#z", "version": 1}' % number for number in range(200))
    with HostileRegistry(AVRO % (b"[%s]" % names)) as server, pytest.raises(DecodeError, match="more than 100"):
        SchemaRegistry(SchemaRegistrySettings(url=server.url), timeout_seconds=60)(7)
    assert set(server.paths) == {"/schemas/ids/7", "/subjects/..%2F..%2Fx%3Fy%23z/versions/1"}


@pytest.mark.parametrize(
    ("beginning", "drop"),
    [(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "), (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n")],
    ids=["body", "headers"],
)
def test_a_registry_that_drips_is_left(beginning: bytes, drop: bytes) -> None:
    with dripping_server(beginning, drop) as url, pytest.raises(BrokerError, match="no whole answer"):
        SchemaRegistry(SchemaRegistrySettings(url=url), timeout_seconds=0.5)(7)


def test_a_registry_that_is_unreachable_is_not_a_fault_of_the_record() -> None:
    registry = SchemaRegistry(SchemaRegistrySettings(url="http://127.0.0.1:9"), timeout_seconds=1)
    with pytest.raises(BrokerError, match="did not answer"):
        registry(1)
