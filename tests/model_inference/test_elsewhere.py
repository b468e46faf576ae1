"""How an external worker reaches Kafka, and how its loop ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson
import pytest

from kafkaml.errors import ApiError, SettingsError
from kafkaml.log_copy import LogCopy
from kafkaml.settings import KafkaSettings
from kafkaml.wire.worker import BrokerAccess
from kafkaml.worker_settings import InferenceSettings
from model_inference.elsewhere import WorkerOptions, broker_settings, run_worker
from tests.local_server import Answer, LocalServer, json_answer


def test_what_is_set_on_the_machine_goes_before_what_the_platform_tells() -> None:
    reported = BrokerAccess(bootstrap_servers="kafka:9092", security_protocol="SASL_SSL", sasl_mechanism="PLAIN")
    own = KafkaSettings(sasl_username="gate", ssl_ca_location="/ca.pem")
    found = broker_settings(reported, own)
    assert (found.bootstrap_servers, found.security_protocol) == ("kafka:9092", "SASL_SSL")
    assert (found.sasl_username, found.ssl_ca_location) == ("gate", "/ca.pem")
    near = KafkaSettings(bootstrap_servers="near:1", sasl_username="gate")
    assert broker_settings(reported, near).bootstrap_servers == "near:1"
    with pytest.raises(SettingsError, match="asks for a user") as refused:
        broker_settings(reported, KafkaSettings())
    assert "KML_KAFKA_SASL_USERNAME" in refused.value.hint


class Platform(LocalServer):
    """Gives its answers in turn; the last one repeats."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers)
        self.of_job = Answer(500)
        self.joined_before: list[bool] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if path != "/api/jobs/workers/":
            # Requests of a job, such as for its plan and with its statistics, all get this answer.
            return self.of_job
        assert (method, headers["authorization"]) == ("POST", f"Bearer {'t' * 20}")
        self.joined_before.append(orjson.loads(body)["again"])
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Let the worker take over the signals of its process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(server: LocalServer, folder: Path) -> str:
    options = WorkerOptions(url=server.url, token="t" * 20, inference=3, name="gate", state_dir=folder)
    return run_worker(options, log=LogCopy(), kafka=KafkaSettings(), settings=InferenceSettings())


def refusal(status: int, problem: str, detail: str) -> Answer:
    return json_answer(status, {"type": f"urn:kafka-ml:problem:{problem}", "detail": detail, "hint": "do this"})


def test_it_waits_for_the_platform_and_ends_in_order_with_its_inference(tmp_path: Path) -> None:
    ended = refusal(409, "inference_ended", "inference 3 is stopped")
    with Platform(refusal(503, "broken", "away"), refusal(425, "not_yet", "starts"), ended) as server:
        assert run(server, tmp_path) == "inference 3 is stopped"
        assert server.answers == [ended]


def test_a_refused_token_is_said_in_the_platforms_words(tmp_path: Path) -> None:
    expired = refusal(401, "authentication_failed", "the worker token expired")
    with Platform(expired) as server, pytest.raises(ApiError) as refused:
        run(server, tmp_path)
    said = refused.value
    assert (said.message, said.status, said.hint) == ("the worker token expired", 401, "do this")


JOB = {
    "inference": 3,
    "attempt": 1,
    "framework": "pytorch",
    "replica": 1000,
    "token": "j" * 20,
    "expires_at": "2030-01-01T00:00:00Z",
    "kafka": {"bootstrap_servers": "127.0.0.1:1", "security_protocol": "PLAINTEXT"},
}


def test_another_attempt_is_joined_in_the_place_of_one_that_is_over(tmp_path: Path) -> None:
    ended = refusal(409, "inference_ended", "inference 3 is stopped")
    with Platform(json_answer(200, JOB), json_answer(200, {**JOB, "attempt": 2}), ended) as server:
        server.of_job = refusal(409, "stale_attempt", "attempt 1 is over")
        assert run(server, tmp_path) == "inference 3 is stopped"
        assert server.joined_before == [False, True, True]


def test_a_name_that_another_process_took_over_ends_it(tmp_path: Path) -> None:
    with Platform(json_answer(200, JOB)) as server:
        server.of_job = refusal(409, "worker_replaced", "another process serves inference 3 as 'gate'")
        with pytest.raises(ApiError, match="another process serves") as refused:
            run(server, tmp_path)
    assert refused.value.hint == "do this"
    assert server.joined_before == [False]


def test_asked_to_end_while_it_waits_it_ends_in_order(tmp_path: Path) -> None:
    with Platform(refusal(425, "not_yet", "starts")) as server:
        main = threading.main_thread().ident
        assert main is not None
        threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGTERM)).start()
        assert run(server, tmp_path) == "stopped"
