"""The platform's keys are made once, whatever goes wrong on the way."""

from __future__ import annotations

import base64

import pytest

from backend.launchers.kubernetes.api import ApiRefused, Unreachable
from backend.launchers.kubernetes.make_secrets import make_secrets
from backend.launchers.kubernetes.manifests import SECRET
from tests.launchers.kubernetes.faulty_cluster import Fault, FaultyCluster


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def keys(cluster: FaultyCluster) -> dict[str, str]:
    data = cluster.all(SECRET)["platform-secrets"]["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def test_both_keys_are_made_long_and_different() -> None:
    cluster = FaultyCluster()
    assert make_secrets(cluster) is True
    made = keys(cluster)
    assert sorted(made) == ["django-secret", "service-token"]
    assert [len(value) for value in made.values()] == [64, 64]
    assert made["django-secret"] != made["service-token"]


def test_keys_that_are_there_stay() -> None:
    cluster = FaultyCluster()
    make_secrets(cluster)
    before = keys(cluster)
    assert make_secrets(cluster) is False
    assert keys(cluster) == before


def test_an_answer_that_was_lost_is_not_a_second_key() -> None:
    cluster, clock = FaultyCluster(), Clock()
    cluster.fault = Fault(lose_after=1.0)
    assert make_secrets(cluster, clock=clock, sleep=clock.sleep) is False
    assert sorted(keys(cluster)) == ["django-secret", "service-token"]


def test_it_waits_for_the_cluster_but_not_forever() -> None:
    cluster, clock = FaultyCluster(), Clock()
    cluster.fault = Fault(lose_before=1.0)
    with pytest.raises(Unreachable):
        make_secrets(cluster, patience_seconds=60, clock=clock, sleep=clock.sleep)
    assert 60 <= clock.now <= 62


def test_a_refusal_is_not_repeated() -> None:
    class Refusing(FaultyCluster):
        def create(self, *_: object) -> dict[str, object]:
            raise ApiRefused("secrets is forbidden")

    clock = Clock()
    with pytest.raises(ApiRefused, match="forbidden"):
        make_secrets(Refusing(), clock=clock, sleep=clock.sleep)
    assert clock.now == 0
