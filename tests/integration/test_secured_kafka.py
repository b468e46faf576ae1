"""A Kafka as in a company: three nodes, TLS, and a user with exactly the rights that the documentation lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from datasources import RawSink
from kafkaml.confluent import KafkaAdmin, KafkaGroupReader, KafkaLoopClient
from kafkaml.errors import BrokerError, KafkaMLError
from kafkaml.sdk.predictions import Prediction
from kafkaml.sdk.types import RunState
from kafkaml.settings import KafkaSettings
from kafkaml.testing import labelled_images
from tests.certificates import make_certificate
from tests.local_server import Answer, LocalServer
from tests.model_inference.replicas import read_topic
from tests.platform import Platform
from tests.secured_kafka import Rights, SecuredKafka
from tests.support import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "production.md"
TOPICS = ("digits", "digits-in", "digits-out", "digits-out.dlq")
MODEL = """
class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), nn.Softmax(1))

    def forward(self, x):
        return self.layers(x)

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)

    def metrics(self):
        return {"accuracy": Accuracy()}

model = Digits()
"""


def documented_rights() -> Rights:
    """Return the rights in the page's table for ``TOPICS``."""
    rights: dict[tuple[str, str], tuple[str, ...]] = {}
    rows = re.findall(r"^\| (topic|group|transactional_id) \| (.+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    for kind, name, operations in rows:
        names = TOPICS if name.startswith("each ") else re.findall(r"`([^`]+)`", name)
        rights |= {(kind, resource): tuple(operations.split(", ")) for resource in names}
    return rights


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    folder = tmp_path_factory.mktemp("secured")
    with SecuredKafka(folder, make_certificate(folder / "tls")) as running:
        yield running


@pytest.fixture(scope="module")
def settings(kafka: SecuredKafka) -> KafkaSettings:
    return kafka.add_user("kafka-ml", "a secret of theirs", documented_rights())


def changed(settings: KafkaSettings, **fields: Any) -> KafkaSettings:
    return settings.model_copy(update=fields)


def refusal(ask: Callable[[], object]) -> KafkaMLError:
    with pytest.raises(BrokerError) as raised:
        ask()
    return raised.value


@pytest.mark.parametrize(
    ("fields", "said", "setting"),
    [
        ({"sasl_password": SecretStr("wrong")}, "invalid credentials", "KML_KAFKA_SASL_PASSWORD"),
        ({"sasl_mechanism": "PLAIN"}, "mechanism", "KML_KAFKA_SASL_MECHANISM"),
        ({"ssl_ca_location": ""}, "certificate verify failed", "KML_KAFKA_SSL_CA_LOCATION"),
        ({"security_protocol": "PLAINTEXT"}, "down", "KML_KAFKA_SECURITY_PROTOCOL"),
        ({"security_protocol": "SSL"}, "Kafka did not answer", "KML_KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_who_is_turned_away_reads_why(settings: KafkaSettings, fields: dict[str, Any], said: str, setting: str) -> None:
    error = refusal(KafkaAdmin(changed(settings, **fields), timeout_seconds=3).cluster_id)
    assert said in error.message
    assert setting in (error.hint or "")


def test_an_expired_certificate_is_said_to_be_one(settings: KafkaSettings, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, expired=True)

    class Expired(LocalServer):
        def answer(self, *_: Any) -> Answer:
            raise AssertionError("no request is as far as this")

    with Expired(tls=certificate.server_context()) as server:
        address = server.url.removeprefix("https://")
        asked = changed(settings, bootstrap_servers=address, ssl_ca_location=str(certificate.path))
        error = refusal(KafkaAdmin(asked, timeout_seconds=3).cluster_id)
    assert "certificate" in error.message
    assert "expired" in (error.hint or "")


def test_a_missing_right_is_named(kafka: SecuredKafka) -> None:
    bare = kafka.add_user("nobody", "x", {("topic", "digits"): ("describe",)})

    def read_group() -> None:
        reader = KafkaGroupReader(bare, topics=["digits"], group="kafka-ml-control-logger")
        try:
            eventually(lambda: reader.poll(1), 30)
        finally:
            reader.close()

    def begin() -> None:
        KafkaLoopClient.exactly_once(
            bare, topics=["digits"], group="kml-x", transactional_id="kml-x-0", recovery_timeout_seconds=5
        )

    for ask, kind in (
        (lambda: KafkaAdmin(bare).create_topic("another"), "topic"),
        (read_group, "groups"),
        (begin, "transactional ids"),
    ):
        error = refusal(ask)
        assert "uthoriz" in error.message
        assert kind in (error.hint or "")


def test_the_tutorial_goes_through_and_a_lost_node_loses_nothing(
    kafka: SecuredKafka, settings: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = settings.to_env() | {"KML_KAFKA_SASL_PASSWORD": settings.sasl_password.get_secret_value()}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    platform = Platform(tmp_path, frameworks=["pytorch"], env=env)
    images, labels = labelled_images(600)
    platform.up("--bootstrap-servers", settings.bootstrap_servers)
    with ExitStack() as stack:
        stack.push(platform)
        client = platform.client
        model = client.models.create(name="digits", framework="pytorch", code=MODEL)
        configuration = client.configurations.create(name="digits", models=[model.id])
        deployment = client.deployments.create(configuration=configuration.id, pytorch_fit_arguments="max_epochs=10")
        # Like a company's Kafka, this one does not create topics on demand.
        KafkaAdmin(settings).create_topic("digits", partitions=3)
        with RawSink(topic="digits", deployment_id=deployment.id, settings=settings, test_rate=0.2) as sink:
            sink.send_array(images, labels)
        (result,) = client.deployments.get(deployment.id).results
        result = client.results.wait_for(result.id, RunState.FINISHED, timeout_seconds=240)
        assert result.outcome is not None
        inference = client.inferences.create(result=result.id, input_topic="digits-in", output_topic="digits-out")
        client.inferences.wait_for(inference.id, RunState.RUNNING, timeout_seconds=120)
        first = client.inferences.predict_batch(inference.id, images[:100], timeout_seconds=120)
        kafka.nodes[2].kill()
        second = client.inferences.predict_batch(inference.id, images[100:200], timeout_seconds=120)
        answers = [*first, *second]
        guessed = np.array([np.argmax(answer.values) for answer in answers if isinstance(answer, Prediction)])
        assert np.mean(guessed == labels[:200]) > 0.8
        # Even a reader of uncommitted records sees no answer twice.
        assert len(read_topic(settings, "digits-out")) == 200
