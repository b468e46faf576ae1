"""When an inference fails although nothing ended it, and when that is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.inferences import minutes, transitions
from backend.inferences.health import MINUTE, judge
from backend.inferences.models import Inference, ServingMinute
from backend.runs import transitions as runs
from backend.topics.uses import topic_uses
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.replica import Failing, FailingKind, ReplicaState
from kafkaml.wire.report import Stats

NOW = datetime(2026, 1, 1, 12, 30, 40, tzinfo=UTC)
NEWEST = NOW.replace(second=0)


def history(*newest_first: dict[str, Any]) -> list[ServingMinute]:
    return [
        ServingMinute(at=NEWEST - number * MINUTE, attempt=1, **{"revision": 0, **values})
        for number, values in enumerate(newest_first)
    ]


def kind(rows: list[ServingMinute], before: FailingKind | None = None, **values: Any) -> str | None:
    known = None if before is None else Failing(kind=before, reason="", since=NOW - timedelta(minutes=5))
    reported = {"number": 7, "revision": 0, "read_rate": 10.0, "refusal": "", "now": NOW, **values}
    found = judge(rows, before=known, **reported)
    return None if found is None else found.kind.value


DEAD = FailingKind.DEAD_LETTERS


@pytest.mark.parametrize(
    ("rows", "before", "fails"),
    [
        ([{"dead_lettered": 3}], None, True),
        # A poison record or two are the count's business.
        ([{"dead_lettered": 2}], None, False),
        ([{"dead_lettered": 49, "predicted": 51}], None, False),
        ([{"dead_lettered": 50, "predicted": 50}], None, True),
        # Between the two shares it stays what it was.
        ([{"dead_lettered": 30, "predicted": 70}], None, False),
        ([{"dead_lettered": 30, "predicted": 70}], DEAD, True),
        ([{"dead_lettered": 24, "predicted": 76}], DEAD, False),
        # What warms up says nothing.
        ([{"dead_lettered": 5, "warming_up": 5000}], None, True),
        # A new minute with enough records is judged alone, with fewer together with the one before.
        ([{"predicted": 20}, {"dead_lettered": 5000}], DEAD, False),
        ([{"predicted": 19}, {"dead_lettered": 5000}], DEAD, True),
        # Nothing came since: what came last stays true.
        ([{}, {}, {}, {"dead_lettered": 5000}], DEAD, True),
        # Of a version that is served no more they say nothing.
        ([{"revision": 0, "dead_lettered": 5000}, {"revision": 1}], DEAD, False),
    ],
)
def test_records_that_become_dead_letters(rows: list[dict[str, Any]], before: FailingKind | None, fails: bool) -> None:
    revision = max(row.get("revision", 0) for row in rows)
    assert kind(history(*rows), before, revision=revision) == ("dead_letters" if fails else None)


def test_the_reason_says_how_many_when_and_why() -> None:
    found = judge(
        history({}, {}, {}, {"dead_lettered": 5020}),
        number=7, revision=0, before=None, read_rate=0.0, refusal="features are [0, 'm8']", now=NOW,
    )  # fmt: skip
    assert found is not None
    assert found.reason == (
        "all 5,020 records became dead letters when records last arrived, 3 min ago; "
        "reason of the newest: features are [0, 'm8']"
    )
    assert "kafka-ml inferences dead-letters 7" in found.hint
    assert found.since == NOW
    later = judge(
        history({"dead_lettered": 30, "predicted": 10}),
        number=7, revision=0, before=found, read_rate=0.0, refusal="", now=NOW + MINUTE,
    )  # fmt: skip
    assert later is not None
    assert (later.reason, later.since) == ("30 of 40 records became dead letters in the last few minutes", NOW)


@pytest.mark.parametrize(
    ("rows", "before", "fails"),
    [
        ([{"restarts": 2}], None, False),
        ([{"restarts": 1}, {}, {"restarts": 1}, {}, {}, {"restarts": 1}], None, True),
        ([{}] * 11 + [{"restarts": 9}], None, False),
        # Up to five minutes pass between two tries.
        ([{}] * 5 + [{"restarts": 4}], FailingKind.RESTARTS, True),
        ([{}] * 7 + [{"restarts": 4}], FailingKind.RESTARTS, False),
    ],
)
def test_replicas_that_end_again_and_again(rows: list[dict[str, Any]], before: FailingKind | None, fails: bool) -> None:
    assert kind(history(*rows), before) == ("restarts" if fails else None)


def lags(*newest_first: int | None) -> list[ServingMinute]:
    return history(*({"lag": lag} for lag in newest_first))


@pytest.mark.parametrize(
    ("newest_first", "before", "fails"),
    [
        ((1400, 1300, 1200, 1100), None, True),
        ((1400, 1300, 1200), None, False),
        ((1400, 1300, 1300, 1100), None, False),
        # Less than a hundred more, or read within half a minute: no fall behind worth a word.
        ((1430, 1420, 1410, 1400), None, False),
        ((299, 200, 100, 0), None, False),
        # A backlog that is being read.
        ((5000, 9000, 13000, 17000), None, False),
        ((1500, 1400, 1300, 1200), FailingKind.LAG, True),
        ((1500, 1500, 1400, 1300), FailingKind.LAG, False),
        # There were no reports for a minute.
        ((1400, None, 1200, 1100), FailingKind.LAG, False),
    ],
)
def test_a_lag_that_grows(newest_first: tuple[int | None, ...], before: FailingKind | None, fails: bool) -> None:
    assert kind(lags(*newest_first), before) == ("lag" if fails else None)


def test_a_minute_that_has_just_begun_is_not_a_step() -> None:
    # Ten seconds into it, the same lag would else end what goes on.
    rows = lags(1400, 1400, 1300, 1200)
    assert kind(rows, FailingKind.LAG, now=NEWEST + timedelta(seconds=10)) == "lag"
    assert kind(rows, FailingKind.LAG, now=NEWEST + timedelta(seconds=40)) is None


def report(inference: Inference, **values: Any) -> None:
    transitions.store_stats(
        inference.pk, Stats(**{"attempt": inference.attempt, "replica": 0, "state": "running", **values})
    )


@pytest.fixture
def inference(db: None) -> Inference:
    made = builders.make_inference()
    registered = runs.register_attempt(Inference, made.pk)
    assert registered is not None
    report(registered)
    return registered


def test_it_is_failing_wherever_it_is_seen_and_goes_back(inference: Inference, viewer: APIClient) -> None:
    path = f"/api/inferences/{inference.pk}/"
    assert viewer.get(path).json()["failing"] is None
    refusal = "features are [0, 'm8'], not numbers of one shape"
    report(inference, dead_lettered=5020, read_rate=2470.0, last_refusal=refusal)

    shown = viewer.get(path).json()
    assert (shown["state"], shown["failing"]["kind"]) == ("running", "dead_letters")
    assert refusal in shown["failing"]["reason"]
    assert (shown["stats"]["rate"], shown["stats"]["read_rate"]) == (0.0, 2470.0)
    listed = viewer.get("/api/inferences/", {"state": "failing"}).json()["results"]
    assert [inference_row["id"] for inference_row in listed] == [inference.pk]
    picture = viewer.get("/api/pipeline/").json()
    (box,) = [node for node in picture["nodes"] if node["kind"] == "inference"]
    assert (box["state"], box["detail"]) == ("failing", shown["failing"]["reason"])
    lines = {edge["kind"]: (edge["state"], edge["rate"]) for edge in picture["edges"]}
    assert (lines["reads"], lines["writes"]) == (("failing", 2470.0), ("failing", 0.0))
    assert [use["state"] for use in topic_uses()[inference.output_topic]] == ["failing"]
    assert viewer.get("/api/inferences/", {"state": "running"}).json()["count"] == 1

    report(inference, dead_lettered=5020, predicted=20_000)
    assert viewer.get(path).json()["failing"] is None
    assert viewer.get("/api/inferences/", {"state": "failing"}).json()["count"] == 0


def test_a_new_attempt_and_an_end_know_nothing_of_it(inference: Inference) -> None:
    report(inference, run="a", dead_lettered=50)
    inference.refresh_from_db()
    assert inference.shown_state == "failing"
    failure = Failure(category=FailureCategory.DATA, cause="x")
    assert runs.mark_failed(Inference, inference.pk, inference.attempt, failure)
    inference.refresh_from_db()
    assert (inference.state, inference.failing) == ("failed", None)
    Inference.objects.update(state="waiting", ended_at=None)
    again = runs.register_attempt(Inference, inference.pk)
    assert again is not None
    report(again, run="b")
    again.refresh_from_db()
    assert again.failing is None


def test_processes_that_did_not_end_in_order_are_restarts(inference: Inference) -> None:
    for number in range(3):
        report(inference, run=f"asked-{number}", state=ReplicaState.STOPPED)
    report(inference, run="first")
    # Two reports of the same run are of the same process.
    report(inference, run="first")
    assert sum(minute.restarts for minute in ServingMinute.objects.all()) == 1
    for number in range(2):
        report(inference, run=f"killed-{number}")
    inference.refresh_from_db()
    assert inference.failing is not None
    assert inference.failing["kind"] == "restarts"


def test_minutes_hold_what_was_answered_and_go_after_a_day(
    inference: Inference, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not between two reports into the next minute.
    moment = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)
    report(inference, predicted=5, dead_lettered=1, sent_up=2, warming_up=3, lag=9, p50_ms=4.0, p99_ms=8.0)
    report(inference, predicted=7, dead_lettered=1, sent_up=2, warming_up=3, lag=4, p50_ms=2.0, p99_ms=9.0)
    (minute,) = ServingMinute.objects.all()
    counts = (minute.predicted, minute.dead_lettered, minute.sent_up, minute.warming_up)
    assert (counts, minute.lag, minute.p50_ms, minute.p99_ms) == ((7, 1, 2, 3), 4, 4.0, 9.0)
    assert minutes.prune_minutes() == 0
    ServingMinute.objects.update(at=minute.at - timedelta(days=1, minutes=2))
    assert minutes.prune_minutes() == 1
