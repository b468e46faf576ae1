"""One record in twenty does not decode: each is a dead letter, the others are answered, and nothing restarts."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from kafkaml.confluent import KafkaRecordWriter
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from tests.conftest import TestBroker
from tests.faults.inference_fleet import PARTITIONS, inference
from tests.feeder import assert_answered_once
from tests.model_inference.replicas import InferenceUnderTest, read_topic, sources
from tests.soak_record import SoakRecord
from tests.support import eventually, soaking

pytestmark = [pytest.mark.faults, pytest.mark.integration]

RECORDS = 100_000 if soaking() else 2_000
POISON_EVERY = 20
# The quick test compares no speeds, because a replica may have answered its few records at the first look.
ROUNDS = 3 if soaking() else 1
LEAST_OF_CLEAN_SPEED = 0.8


def send(under_test: InferenceUnderTest, *, poison: bool) -> None:
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=under_test.bootstrap_servers))
    for number in range(RECORDS):
        bad = poison and number % POISON_EVERY == 0
        value = b"poison" if bad else np.array([number, 0, 0, 0], "<f4").tobytes()
        writer.write(OutgoingRecord(under_test.input_topic, value, b"%d" % number, partition=number % PARTITIONS))
    writer.flush(120)
    writer.close()


def records_per_second(under_test: InferenceUnderTest) -> float:
    """Serve the topic with one replica from its first answers on, which must end in order."""
    replica = under_test.start()
    first = eventually(under_test.answered, 120)
    began = time.monotonic()
    eventually(lambda: under_test.answered() == RECORDS, 240)
    seconds = time.monotonic() - began
    assert replica.poll() is None
    replica.terminate()
    assert replica.wait(60) == 0
    assert len(under_test.replicas) == 1
    return (RECORDS - first) / seconds


def assert_all_but_poison_answered(under_test: InferenceUnderTest, soak: SoakRecord) -> None:
    inputs = read_topic(under_test.bootstrap_servers, under_test.input_topic)
    outputs, letters = under_test.outputs(), under_test.dead_letters()
    assert len(inputs) == RECORDS == len(outputs) + len(letters)
    assert_answered_once(inputs, outputs, letters, soak=soak)
    bad = [(record.topic, record.partition, record.offset) for record in inputs if record.value == b"poison"]
    assert sorted(sources(letters)) == sorted(bad)
    assert len(bad) == RECORDS // POISON_EVERY


def test_poison_is_put_aside_at_the_speed_of_good_records(
    broker: TestBroker, state_dir: Path, soak: SoakRecord
) -> None:
    soak.begin("R5")
    clean, poisoned = list[float](), list[float]()
    for round_ in range(ROUNDS):
        for poison, speeds in ((False, clean), (True, poisoned)):
            with inference(state_dir / f"{round_}-{poison}", broker) as under_test:
                send(under_test, poison=poison)
                speeds.append(records_per_second(under_test))
                if poison:
                    assert_all_but_poison_answered(under_test, soak)
    if soaking():
        of_clean = median(poisoned) / median(clean)
        soak.did(f"{ROUNDS} x {RECORDS:,} records, 0 restarts, {of_clean:.0%} of the clean speed")
        assert of_clean >= LEAST_OF_CLEAN_SPEED
