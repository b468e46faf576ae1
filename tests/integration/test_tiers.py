"""Tiers of a distributed model as real processes on a real broker, checked by an independent client."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import orjson
import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from kafkaml.confidence import confidences
from kafkaml.exit_samples import EXITS_FILE, Cost, ExitSamples, TierSamples, curve
from kafkaml.wire.choices import DeliveryGuarantee
from kafkaml.wire.distributed import Cascade, Scores
from tests.conftest import TestBroker
from tests.model_inference.onnx_models import sub_model
from tests.model_inference.replicas import InferenceUnderTest
from tests.support import eventually, ordered_producer

pytestmark = pytest.mark.integration

EDGE, FOG = sub_model(4, seed=1), sub_model(64, seed=2)
RECORDS = 400
SAMPLES = np.random.default_rng(0).standard_normal((RECORDS, 4)).astype("<f4") / 4


def predict(model: bytes, samples: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return [np.asarray(array) for array in session.run(None, {"x": samples})]


def quantile(model: bytes, samples: npt.NDArray[np.float32], share: float) -> float:
    """Return the confidence below which ``share`` of the samples are; the sample that has it stays."""
    return float(np.quantile(predict(model, samples)[1].max(axis=1).astype(float), share, method="lower"))


LIMIT, LATER = quantile(EDGE, SAMPLES, 0.4), quantile(EDGE, SAMPLES, 0.7)
FOG_LIMIT = quantile(FOG, predict(EDGE, SAMPLES)[0], 0.5)


def produce(broker: TestBroker, topic: str, rows: npt.NDArray[np.float32], *, first: int = 0) -> None:
    """Write as any client would: seven keys, and the number of each record as a header."""
    producer = ordered_producer(broker.bootstrap_servers)
    for number, row in enumerate(rows, first):
        producer.produce(topic, row.tobytes(), b"%d" % (number % 7), headers=[("mine", b"%d" % number)])
    assert producer.flush(60) == 0


def consume(broker: TestBroker, topic: str) -> list[Message]:
    """Read all committed records of a topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": uuid.uuid4().hex,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
    )
    partitions = consumer.list_topics(topic, 30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    found: list[Message] = []
    ends, deadline = 0, time.monotonic() + 60
    while ends < len(partitions):
        assert time.monotonic() < deadline, f"{topic} was not read in time"
        message = consumer.poll(1)
        if message is not None:
            ends += message.error() is not None
            found += [] if message.error() else [message]
    consumer.close()
    return found


def texts(message: Message) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in message.headers() or []}


def number_of(message: Message) -> int:
    return int(texts(message)["mine"])


def check_exits(
    answers: list[Message],
    passed_on: list[Message],
    *,
    samples: dict[int, npt.NDArray[np.float32]],
    model: bytes,
    limit: float,
) -> dict[int, npt.NDArray[np.float32]]:
    """Check the output of one tier for ``samples``, by their numbers; returns the intermediates that went up."""
    numbers = sorted(samples)
    outputs = predict(model, np.stack([samples[number] for number in numbers]))
    intermediates, predictions = (dict(zip(numbers, output, strict=True)) for output in outputs)
    sure = {number for number in numbers if float(predictions[number].max()) >= limit}
    assert min(len(sure), len(numbers) - len(sure)) > len(numbers) / 10, "the limit divides the samples"
    assert sorted(map(number_of, answers)) == sorted(sure)
    assert sorted(map(number_of, passed_on)) == sorted(set(numbers) - sure)
    for message in answers:
        body = orjson.loads(message.value() or b"")
        assert set(body) == {"values"}
        assert np.abs(np.array(body["values"]) - predictions[number_of(message)]).max() <= 1e-6
    for message in passed_on:
        assert len(message.value() or b"") == 256
        found = np.frombuffer(message.value() or b"", "<f4")
        assert np.abs(found - intermediates[number_of(message)]).max() <= 1e-6
    for messages in (answers, passed_on):
        by_key: dict[bytes | None, list[int]] = {}
        for message in messages:
            by_key.setdefault(message.key(), []).append(number_of(message))
            assert message.key() == b"%d" % (number_of(message) % 7)
        assert all(found == sorted(found) for found in by_key.values()), "the order of a key is kept"
    return {number_of(message): np.frombuffer(message.value() or b"", "<f4") for message in passed_on}


def tier(broker: TestBroker, folder: Path, topic: str, model: bytes, name: str, **plan: Any) -> InferenceUnderTest:
    fields = {"tier": name, "group": f"kml-{name}-{topic}", **plan}
    return InferenceUnderTest(folder, broker.bootstrap_servers, topic, {"model.onnx": model}, plan_fields=fields)


@pytest.mark.parametrize(
    ("guarantee", "fail_point"),
    [
        # The transaction lacks only its end.
        (DeliveryGuarantee.EXACTLY_ONCE, "transaction.before_commit:kill:2"),
        # Records that go up are acknowledged by then, while answers may still be on their way.
        (DeliveryGuarantee.AT_LEAST_ONCE, "transaction.before_offsets:kill:2"),
    ],
)
def test_each_record_leaves_once_with_its_numbers_whatever_kills_the_tier(
    guarantee: DeliveryGuarantee, fail_point: str, broker: TestBroker, tmp_path: Path
) -> None:
    topic = broker.topic(2)
    # Another name of the same broker counts as another cluster for the replica.
    elsewhere = broker.bootstrap_servers.replace("127.0.0.1", "localhost")
    assert elsewhere != broker.bootstrap_servers
    upper = elsewhere if guarantee is DeliveryGuarantee.AT_LEAST_ONCE else ""
    cascade = Cascade(upper_topic=f"{topic}-upper", limit=LIMIT, upper_bootstrap_servers=upper)
    with tier(broker, tmp_path, topic, EDGE, "edge", guarantee=guarantee, cascade=cascade) as edge:
        killed = edge.start(env={"KML_FAILPOINT": fail_point})
        produce(broker, topic, SAMPLES[:1])
        eventually(lambda: edge.answered() == 1, 120)
        produce(broker, topic, SAMPLES[1:], first=1)
        assert killed.wait(120) < 0
        edge.start()
        # Records that turn out to be answered already are committed together with those behind them.
        eventually(lambda: len(edge.outputs()) + len(edge.passed_on()) >= RECORDS, 120, interval_seconds=0.2)
        answers, passed_on = consume(broker, edge.output_topic), consume(broker, cascade.upper_topic)
        assert edge.dead_letters() == []

    samples = dict(enumerate(SAMPLES))
    check_exits(answers, passed_on, samples=samples, model=EDGE, limit=LIMIT)
    for message in [*answers, *passed_on]:
        assert texts(message)["kml-tier"] == "edge"
        assert texts(message)["kml-source"].startswith(f"{topic}/{message.partition()}/")


def test_a_chain_takes_another_limit_while_it_runs_and_what_old_tiers_send(broker: TestBroker, tmp_path: Path) -> None:
    topic = broker.topic(2)
    cascade = Cascade(upper_topic=broker.topic(2), limit=LIMIT)
    raw = {"data_type": "float32", "label_type": "uint8", "data_reshape": "64", "label_reshape": ""}
    with (
        tier(broker, tmp_path / "edge", topic, EDGE, "edge", cascade=cascade) as edge,
        tier(
            broker,
            tmp_path / "fog",
            cascade.upper_topic,
            FOG,
            "fog",
            cascade=Cascade(upper_topic=f"{topic}-top", limit=FOG_LIMIT),
            output_topic=edge.output_topic,
            input_config=raw,
        ) as fog,
    ):
        edge.start()
        fog.start()
        produce(broker, topic, SAMPLES[:200])
        eventually(lambda: edge.answered() == 200, 120)
        edge.decide_by(LATER)
        eventually(lambda: (edge.backend.stats[-1]["serving"] or {}).get("limit") == LATER, 60)
        produce(broker, topic, SAMPLES[200:], first=200)
        eventually(lambda: edge.answered() == RECORDS, 120)
        passed_on = consume(broker, cascade.upper_topic)
        # Tiers of older versions send neither keys nor headers.
        old = ordered_producer(broker.bootstrap_servers)
        for message in passed_on[:20]:
            old.produce(cascade.upper_topic, message.value())
        assert old.flush(60) == 0
        # The input has transaction markers between records.
        eventually(lambda: len(fog.outputs()) + len(fog.passed_on()) == RECORDS + 20, 120, interval_seconds=0.2)
        answers, top = consume(broker, edge.output_topic), consume(broker, f"{topic}-top")
        eventually(lambda: edge.backend.stats[-1]["exits"]["predicted"] == 200, 60)
        last = edge.backend.stats[-1]
        swaps = [swap for said in edge.backend.stats for swap in said["swaps"]]

    of_edge = [answer for answer in answers if texts(answer)["kml-tier"] == "edge"]
    went = {}
    for numbers, limit in ((range(200), LIMIT), (range(200, RECORDS), LATER)):
        left, up = ([answer for answer in found if number_of(answer) in numbers] for found in (of_edge, passed_on))
        samples = {number: SAMPLES[number] for number in numbers}
        went |= check_exits(left, up, samples=samples, model=EDGE, limit=limit)
    assert last["exits"] == {"limit": LATER, "predicted": 200, "sent_up": sum(offset >= 200 for offset in went)}
    assert (last["predicted"], last["sent_up"]) == (RECORDS, len(went))
    assert [(swap["from_version"], swap["version"], swap["limit"]) for swap in swaps] == [(1, 1, LATER)]
    of_fog = [answer for answer in answers if texts(answer)["kml-tier"] == "fog"]
    known = [[answer for answer in found if "mine" in texts(answer)] for found in (of_fog, top)]
    check_exits(known[0], known[1], samples=went, model=FOG, limit=FOG_LIMIT)
    # A reader finds the newest step last among headers of its name; earlier ones are kept.
    trace = [value for name, value in known[0][0].headers() or [] if name in ("kml-tier", "mine")]
    assert trace[1:] == [b"edge", b"fog"]
    unknown = [answer for answer in of_fog + top if "mine" not in texts(answer)]
    assert len(unknown) == 20
    assert {answer.key() for answer in unknown} == {None}
    assert fog.dead_letters() == []


def test_the_live_share_of_exits_is_within_two_points_of_the_curve(broker: TestBroker, tmp_path: Path) -> None:
    held_out, live = (np.random.default_rng(seed).standard_normal((5000, 4)).astype("<f4") / 4 for seed in (1, 2))
    # A temperature makes the probabilities less certain, as in a training.
    sure = confidences(predict(EDGE, held_out)[1], scores=Scores.PROBABILITIES, temperature=1.5)
    right = np.ones(len(held_out), dtype=bool)
    kept = tmp_path / EXITS_FILE
    kept.write_bytes(
        ExitSamples("test", (TierSamples("edge", sure, right), TierSamples("top", sure, right))).to_bytes()
    )
    points = curve(ExitSamples.read(kept).tiers, [0.5], [Cost(256, 0.001, 10), Cost()], 0)
    point = min(points, key=lambda candidate: abs(candidate.sent_up - 0.4))
    topic = broker.topic(2)
    cascade = Cascade(upper_topic=broker.topic(2), limit=point.limit, temperature=1.5)
    with tier(broker, tmp_path / "edge", topic, EDGE, "edge", cascade=cascade) as edge:
        edge.start()
        produce(broker, topic, live)

        def exits() -> dict[str, Any] | None:
            found = edge.backend.stats[-1]["exits"] if edge.backend.stats else None
            return found if found and found["predicted"] == len(live) else None

        reported = eventually(exits, 120)
    assert reported is not None
    assert abs(reported["sent_up"] / len(live) - point.sent_up) <= 0.02
    # Without the temperature fewer samples are below the limit, so the share shows that it was applied.
    assert (predict(EDGE, live)[1].max(axis=1) < point.limit).mean() < point.sent_up - 0.05
