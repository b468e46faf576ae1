"""Summing predictions up: nothing is lost, nothing grows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.visualisation.aggregate import MAX_CLASSES, MAX_LINES, MAX_PLACES, Aggregator
from backend.visualisation.options import WatchOptions
from backend.visualisation.predictions import MAX_OUTPUTS, Prediction, prediction_of
from kafkaml.records import Record


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def aggregator(clock: Clock, **options: Any) -> Aggregator:
    return Aggregator(WatchOptions(**options), clock=clock)


def add(target: Aggregator, *values: float | None, at: float = 0.0) -> None:
    target.add(Prediction(at, list(values)))


numbers = st.none() | st.floats(-1e6, 1e6)
outputs = st.lists(numbers, min_size=1, max_size=6)


@given(batches=st.lists(st.tuples(st.lists(outputs, max_size=20), st.floats(0, 3)), max_size=12))
def test_every_prediction_is_in_exactly_one_step(batches: list[tuple[list[list[float | None]], float]]) -> None:
    clock = Clock()
    target = aggregator(clock, type="classification", average_window=1000)
    counted = 0
    for predictions, pause in batches:
        for values in predictions:
            add(target, *values)
        frame = target.frame()
        counted += sum(count for step in frame["steps"] for _, count in step["counts"])
        counted += sum(step["others"] for step in frame["steps"])
        window = frame["window"]
        assert window["count"] == sum(class_["count"] for class_ in window["classes"]) + window["others"]
        clock.now += pause
    frame = target.frame()
    assert frame["total"] == sum(len(predictions) for predictions, _ in batches)
    assert counted + frame["unreadable"] == frame["total"]


@given(values=st.lists(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2), min_size=1, max_size=50))
def test_a_step_of_lines_holds_the_extremes(values: list[list[float]]) -> None:
    target = aggregator(Clock(), type="regression")
    for value in values:
        add(target, *value)
    (step,) = target.frame()["steps"]
    assert step["count"] == len(values)
    for line in range(2):
        column = [value[line] for value in values]
        assert (step["min"][line], step["max"][line], step["last"][line]) == (min(column), max(column), column[-1])


def test_a_frame_says_which_tiers_answered_how_often() -> None:
    target = aggregator(Clock())
    for tier in ("edge", "cloud", "edge", "", *(f"made up {number}" for number in range(100))):
        target.add(Prediction(0.0, [0.1, 0.9], tier=tier))
    frame = target.frame()
    assert (frame["tiers"]["edge"], frame["tiers"]["cloud"], len(frame["tiers"])) == (2, 1, 20)
    assert {record["tier"] for record in frame["records"]} == {f"made up {number}" for number in range(92, 100)}
    # The next frame goes on counting.
    target.add(Prediction(0.0, [0.1, 0.9], tier="edge"))
    assert target.frame()["tiers"]["edge"] == 3


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_memory_and_frames_do_not_grow_with_the_rate(kind: str) -> None:
    sizes = []
    for count in (100, 5_000):
        clock = Clock()
        target = aggregator(clock, type=kind, average_window=2_000)
        for number in range(count):
            clock.now += 5.0 / count
            prediction = Prediction(
                clock.now, [(number * 7 + output) % 60 / 60 for output in range(60)], "t[0]@1", "t/0/1"
            )
            target.add(prediction)
            target.add_place(prediction, 1.0, 2.0)
        sizes.append(len(orjson.dumps(target.frame())))
        assert len(target._classes._slices) <= 102
    assert sizes[1] < sizes[0] * 1.3
    assert max(sizes) < 60_000


def test_classes_places_and_lines_are_bounded() -> None:
    clock = Clock()
    target = aggregator(clock, type="classification")
    for number in range(1000):
        prediction = Prediction(1.0, [float(output == number) for output in range(1000)])
        target.add(prediction)
        target.add_place(prediction, 0.0, 0.0)
    frame = target.frame()
    assert len(frame["window"]["classes"]) == MAX_CLASSES
    assert frame["window"]["others"] == 1000 - MAX_CLASSES
    assert len(frame["places"]) == MAX_PLACES
    assert frame["places_left_out"] == 1000 - MAX_PLACES
    lines = aggregator(clock, type="regression")
    add(lines, *([1.0] * 1000))
    assert len(lines.frame()["steps"][0]["last"]) == MAX_LINES


def test_the_current_class_is_the_last_one_or_the_one_of_the_highest_average() -> None:
    for average_updated, expected in ((False, 1), (True, 0)):
        target = aggregator(Clock(), type="classification", average_updated=average_updated)
        for values in ((0.9, 0.1), (0.9, 0.1), (0.4, 0.6)):
            add(target, *values)
        frame = target.frame()
        assert frame["current"]["id"] == expected
        assert frame["last"]["id"] == 1
        assert [class_["count"] for class_ in frame["window"]["classes"]] == [2, 1]
        assert frame["window"]["classes"][0]["mean"] == pytest.approx(2.2 / 3)


def test_the_window_forgets_and_the_last_class_stays() -> None:
    clock = Clock()
    target = aggregator(clock, type="classification", average_updated=True, average_window=1000)
    add(target, 0.9, 0.1)
    clock.now += 0.5
    add(target, 0.2, 0.8)
    clock.now += 0.7
    frame = target.frame()
    assert frame["window"]["count"] == 1
    assert frame["current"]["id"] == 1
    clock.now += 10
    frame = target.frame()
    assert not target.moving
    assert frame["window"]["classes"] == []
    assert frame["rate"] == 0
    assert frame["current"]["id"] == 1


@pytest.mark.parametrize(
    ("values", "chosen"), [((0.2,), 0), ((0.7,), 1), ((4.0,), 4), ((None, 0.1), 1), ((-3.0, -1.0, -2.0), 1)]
)
def test_what_a_model_means_by_its_outputs(values: tuple[float | None, ...], chosen: int) -> None:
    target = aggregator(Clock(), type="classification")
    add(target, *values)
    assert target.frame()["last"]["id"] == chosen


@pytest.mark.parametrize("values", [(None, None), (-0.5,), (0.5 + 1,), (1e9,)])
def test_what_names_no_class_is_counted_as_unreadable(values: tuple[float | None, ...]) -> None:
    target = aggregator(Clock(), type="classification")
    add(target, *values)
    assert target.frame()["unreadable"] == 1


@pytest.mark.parametrize(("values", "kind"), [((0.25, 0.75), "classification"), ((3.0, 4.0), "regression")])
def test_without_a_type_the_first_prediction_tells(values: tuple[float, ...], kind: str) -> None:
    target = aggregator(Clock())
    add(target, *values)
    assert target.frame()["type"] == kind


def test_only_chosen_outputs_are_lines() -> None:
    target = aggregator(Clock(), type="regression", outputs=(2, 0, 9))
    add(target, 1.0, 2.0, 3.0)
    frame = target.frame()
    assert frame["lines"] == [2, 0]
    assert frame["steps"][0]["last"] == [3.0, 1.0]


def test_the_beginning_has_a_step_for_each_record_and_no_rate() -> None:
    clock = Clock()
    target = aggregator(clock, type="classification", average_window=60_000)
    for second in range(3):
        target.add(Prediction(clock.now - 3 + second, [0.0, 1.0]), live=False)
    frame = target.frame()
    assert [step["at"] - clock.now for step in frame["steps"]] == [-3, -2, -1]
    assert frame["rate"] == 0
    assert frame["window"]["count"] == 3


def test_no_such_place_on_earth() -> None:
    target = aggregator(Clock(), type="regression")
    for place in ((91.0, 0.0), (0.0, 181.0), (float("nan"), 0.0)):
        target.add_place(Prediction(0, [1.0]), *place)
    assert target.frame()["places"] == []


@pytest.mark.parametrize(
    ("value", "values"),
    [
        (b'{"values":[0.5,null,true]}', [0.5, None, 1.0]),
        (b'{"values":[[1,2],[3]]}', [1.0, 2.0, 3.0]),
        (b'{"values":["a"]}', [None]),
        (b'{"values":[]}', None),
        (b'{"values":3}', None),
        (b"[1]", None),
        (b"\xff", None),
        (None, None),
        (b'{"values":' + b"[" * 900 + b"]" * 900 + b"}", None),
    ],
)
def test_values_of_an_output_record(value: bytes | None, values: list[float | None] | None) -> None:
    trace = (("kml-source", b"old/0/1"), ("kml-tier", b"edge"), ("kml-source", b"in/2/3"), ("kml-tier", b"fog"))
    record = Record("out", 1, 7, None, value, trace)
    prediction = prediction_of(record, 5.0)
    assert prediction.values == values
    assert (prediction.place, prediction.source, prediction.tier) == ("out[1]@7", "in/2/3", "fog")


def test_outputs_are_bounded() -> None:
    record = Record("out", 0, 0, None, orjson.dumps({"values": [1] * 5000}))
    prediction = prediction_of(record, 0)
    assert (len(prediction.values or ()), prediction.truncated) == (MAX_OUTPUTS, True)


@pytest.mark.parametrize("outputs", [None, [[1.5], [2.5]]])
def test_answers_of_megabytes_are_shown_by_their_beginning(outputs: list[list[float]] | None) -> None:
    picture = [[[0.25, None, 3e-7]] * 256] * 256
    value = orjson.dumps({"values": picture, **({"outputs": outputs} if outputs else {})})
    assert len(value) > 1 << 20
    prediction = prediction_of(Record("out", 0, 0, None, value), 0)
    assert (prediction.values or [])[:4] == [0.25, None, 3e-7, 0.25]
    assert (len(prediction.values or ()), prediction.truncated) == (MAX_OUTPUTS, True)
    short = orjson.dumps({"values": [7, -1.5], "outputs": [[0.125] * 200_000, [7, -1.5]]})
    prediction = prediction_of(Record("out", 0, 0, None, short), 0)
    assert (prediction.values, prediction.truncated) == ([7.0, -1.5], False)
    assert prediction_of(Record("out", 0, 0, None, b"x" * (2 << 20)), 0).values is None
